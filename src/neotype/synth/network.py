"""What all families of networks have in common: their hyperparameters, their training, their head.

A network learns leading digits; trees draw the finer ones (`neotype.synth.leading`). torch is
imported when one is trained or draws.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from neotype.data import Dataset
from neotype.encode.codebook import Codebook
from neotype.encode.encoder import Codes, Masks, State
from neotype.errors import FitError, SchemaError
from neotype.progress import Progress, silent
from neotype.rng import Rng
from neotype.schema.schema import Schema
from neotype.synth.leading import Leading, LogWeights, fine_digits, leading_order
from neotype.synth.refine import Refined, refined
from neotype.synth.synthesizer import Capabilities
from neotype.synth.table import TableModel


def require_torch(what: str) -> None:
    """FitError with the line that installs it, where torch is not there."""
    if find_spec("torch") is None:
        raise FitError(
            f"{what} needs torch, which is not installed.",
            mend="pip install 'neotype[deep]'; or use synthesizer='trees', which needs none",
        )


@dataclass(frozen=True)
class Network:
    """A recipe whose density is a network over leading digits."""

    takes: ClassVar[Capabilities] = Capabilities(conditional=True)
    family: ClassVar[str]
    """Its registered name."""
    learner: ClassVar[str]
    """Where its network is: module:class, which is made from sizes and `shape`."""
    needs: ClassVar[tuple[str, ...]] = ("torch",)
    """Libraries that it works with, and that need not be installed."""
    obeys: ClassVar[bool] = False
    """Whether it can draw under conditions itself."""
    average: ClassVar[float] = 0.0

    refine: int = field(default=8, metadata={"help": "rounds of refinement; 0 for none"})
    protect: int = field(default=5, metadata={"help": "values of fewer rows are not stored"})
    epochs: int = field(default=200, metadata={"help": "passes over the rows, at most"})
    cells: int = field(
        default=0,
        metadata={"help": "leading digits to learn from, at most: large tables take fewer epochs"},
    )
    batch: int = field(default=256, metadata={"help": "rows a step"})
    rate: float = field(
        default=1e-3, metadata={"help": "learning rate", "search": (3e-4, 6e-3, "log")}
    )
    patience: int = field(
        default=4, metadata={"help": "epochs without a better loss till it cools"}
    )
    seconds: float | None = field(
        default=None, metadata={"help": "time to train: then the best network so far is taken"}
    )
    device: str = field(default="auto", metadata={"help": "auto, cpu or cuda"})
    checkpoint: str | None = field(
        default=None, metadata={"help": "a file from which an interrupted run goes on"}
    )

    def __post_init__(self) -> None:
        least = {"refine": 0, "cells": 0, "protect": 1, "epochs": 1, "batch": 1, "patience": 1}
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise SchemaError(
                    f"{self.family}: {name} is {getattr(self, name)}.", mend=f"use {bound} or more"
                )
        if not self.rate > 0 or (self.seconds is not None and not self.seconds > 0):
            raise SchemaError(f"{self.family}: rate and seconds are above 0.")

    @property
    def shape(self) -> dict[str, Any]:
        """What the network is made with, beside the sizes of digits: JSON-ready."""
        raise NotImplementedError

    def shape_for(self, codebook: Codebook, codes: Codes, rng: Rng) -> dict[str, Any]:
        """The same, where it hangs on the digits to be learnt."""
        return self.shape

    def made(self, sizes: tuple[int, ...], shape: Mapping[str, Any]) -> Any:
        """The network before it learns."""
        return made_learner(self.learner, sizes, shape)

    def dear(self, shape: Mapping[str, Any], weights: int) -> int:
        """How much dearer rows are to draw than by their digits alone: blocks have fewer."""
        return 1

    def passes(self, rows: int, digits: int) -> int:
        """How often a table is gone through, at most."""
        if not self.cells:
            return self.epochs
        return min(self.epochs, max(1, self.cells // max(rows * digits, 1)))

    def fit(self, data: Dataset, *, rng: Rng, progress: Progress = silent) -> TableModel | Refined:
        """Learn the leading digits by the network, and the finer ones beside."""
        require_torch(f"synthesizer '{self.family}'")
        from neotype.nn.train import Training, train, weights_of

        progress("encode", 0, 1)
        codebook = Codebook.learn(data, protect=self.protect)
        codes = codebook.encode(data)
        progress("encode", 1, 1)
        leading, digits = codebook.leading, codebook.digits
        sizes = tuple(digits[place].size for place in leading)
        shape = self.shape_for(codebook, codes, rng.child("shape")) if leading else {}
        weights, words, dear = {}, (f"{self.family}: there is nothing to learn",), 1
        if leading:
            learner, curve = train(
                lambda: self.made(sizes, shape),
                np.ascontiguousarray(codes[leading].T),
                Training(
                    epochs=self.passes(data.rows, len(leading)),
                    batch=self.batch,
                    rate=self.rate,
                    patience=self.patience,
                    seconds=self.seconds,
                    device=self.device,
                    average=self.average,
                    checkpoint=None if self.checkpoint is None else Path(self.checkpoint),
                ),
                seed=rng.child("network").number(),
                progress=progress,
            )
            weights = weights_of(learner)
            count = sum(w.size for w in weights.values())
            words = (f"a network of {count:,} weights, which was trained {curve.ended}",)
            dear = self.dear(shape, count)
        head = NetworkHead(self.learner, sizes, shape, weights)
        places, fine = np.array(leading, dtype=np.int64), fine_digits(codebook, codes)
        density = Leading(places, head, fine, self.obeys)
        order = leading_order(leading, len(digits))
        model = TableModel(self.family, data.schema, codebook, density, order, words, dear)
        if not self.refine or not digits:
            return model
        return refined(model, codebook, codes, self.refine, rng.child("refine"), progress)

    @classmethod
    def restore(cls, state: State, schema: Schema) -> TableModel:
        """The unrefined model of a file."""

        def density(part: State) -> Leading:
            arrays = {name: part.array(name) for name in part.arrays}
            return Leading.restore(
                arrays, lambda head: NetworkHead.restore(cls.learner, head), obeys=cls.obeys
            )

        return TableModel.restore(cls.family, state, schema, density)


@dataclass(frozen=True)
class NetworkHead:
    """A trained network as a joint distribution of leading digits."""

    learner: str
    sizes: tuple[int, ...]
    shape: Mapping[str, Any]
    weights: dict[str, NDArray[Any]]

    def draw(self, rows: int, rng: Rng, given: Masks | None = None) -> tuple[Codes, LogWeights]:
        """Digits × rows, and the log-probability of what was given."""
        require_torch("drawing from this model")
        import torch

        from neotype.nn.train import alone

        codes, logp = np.zeros((len(self.sizes), rows), dtype=np.uint8), np.zeros(rows)
        network = self._network
        size = network.at_once
        for block, at in enumerate(range(0, rows, size)):
            here = min(size, rows - at)
            masks = given
            if given is not None and len(given) > 1:
                masks = given[np.minimum(np.arange(at, at + size), rows - 1)]
            # All of a block is drawn, whatever is asked for: then a short sample begins a long one.
            with alone(rng.block(block).number()), torch.no_grad():
                drawn, told = network.draw(size, masks)
            codes[:, at : at + here] = drawn[:here].T
            logp[at : at + here] = told[:here]
        return codes, logp

    def log_density(self, codes: Codes) -> LogWeights | None:
        """The log-probability of each row, where the network has one."""
        require_torch("the density of this model")
        import torch

        from neotype.nn.train import alone

        network = self._network
        with alone(0), torch.no_grad():
            found: LogWeights | None = network.log_density(np.ascontiguousarray(codes.T))
        return found

    @cached_property
    def _network(self) -> Any:
        from neotype.nn.train import with_weights

        return with_weights(made_learner(self.learner, self.sizes, self.shape), self.weights)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """At rest."""
        told = {
            "sizes": np.array(self.sizes, dtype=np.int64),
            "shape": np.array(json.dumps(self.shape), dtype=np.str_),
        }
        return told | {f"weight {name}": one for name, one in self.weights.items()}

    @classmethod
    def restore(cls, learner: str, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of `arrays`."""
        weights = {
            name.removeprefix("weight "): one
            for name, one in arrays.items()
            if name.startswith("weight ")
        }
        sizes = tuple(int(size) for size in arrays["sizes"])
        return cls(learner, sizes, json.loads(str(arrays["shape"])), weights)


def made_learner(learner: str, sizes: tuple[int, ...], shape: Mapping[str, Any]) -> Any:
    """The network that `learner` names, before it learns."""
    module, name = learner.split(":")
    return getattr(import_module(module), name)(sizes, **shape)
