"""Networks within a budget: noisy tables first, whose rows cost nothing to learn, then DP-SGD.

Abadi et al. 2016. A part of the budget goes to another strategy, for noisy tables. Rows drawn from
them are nobody's: the network learns these as it would any rows, and they say how long the gradient
of a row is. The rest pays for steps on private rows (`neotype.nn.private`), all before the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from neotype.dp import entropy
from neotype.dp.accountant import RDP
from neotype.dp.budget import Budget
from neotype.dp.mechanism import Mechanism
from neotype.dp.sampled import check_samples
from neotype.errors import SchemaError
from neotype.marginal.factor import Factor
from neotype.marginal.measurement import Measurement
from neotype.progress import Progress, silent
from neotype.rng import Rng
from neotype.synth.network import made_learner, require_torch
from neotype.synth.private.digits import Codes
from neotype.synth.private.independent import Independent
from neotype.synth.private.marginals import Marginals
from neotype.synth.private.strategy import Strategy
from neotype.synth.private.trained import Trained

_DRAWN, _MEASURED = 30_000, 256
"""Rows that are drawn from noisy tables, and of how many of them gradients are measured."""
_BATCH, _RATE, _AVERAGE, _AVERAGE_STEPS = 256, 2e-3, 0.999, 0.95
_EVERY = 1 << 20


@dataclass(frozen=True)
class SGD:
    """A network of which every look at private rows is paid for."""

    family: ClassVar[str]
    """Its registered name."""
    learner: ClassVar[str]
    """Where its network is: module:class, which is made from sizes and `shape`."""
    obeys: ClassVar[bool]
    """Whether it can draw under conditions itself."""
    units: ClassVar[tuple[str, ...]]
    """The hyperparameters that say how large the network is."""

    head_start: float = field(
        default=0.5, metadata={"help": "share of the budget for noisy tables, learnt first"}
    )
    pairs: bool = field(default=True, metadata={"help": "whether these are of pairs of columns"})
    epochs: int = field(default=10, metadata={"help": "passes over rows drawn from the tables"})
    steps: int = field(default=100, metadata={"help": "steps on private rows"})
    batch: int = field(default=1000, metadata={"help": "private rows a step, on average"})
    rate: float = field(default=2e-3, metadata={"help": "learning rate"})
    clip: float = field(
        default=0.9, metadata={"help": "share of drawn rows whose gradients are not cut"}
    )

    def __post_init__(self) -> None:
        if not (0 < self.head_start < 1 and 0 < self.clip <= 1):
            raise SchemaError(f"{self.family}: head_start and clip are shares, between 0 and 1.")
        for name in ("epochs", "steps", "batch", *self.units):
            if getattr(self, name) < 1:
                raise SchemaError(
                    f"{self.family}: {name} is {getattr(self, name)}.", mend="use 1 or more"
                )
        if not self.rate > 0:
            raise SchemaError(f"{self.family}: rate is {self.rate}.", mend="use more than 0")

    @property
    def shape(self) -> dict[str, float]:
        """What the network is made with, beside the sizes of digits."""
        return {name: float(getattr(self, name)) for name in self.units}

    def accountant(self, budget: Budget) -> RDP:
        """By whom noise on sampled rows is paid. BudgetError where it has no price."""
        check_samples(budget)
        require_torch(f"synthesizer '{self.family}'")
        return RDP.of(budget)

    def fit(
        self,
        codes: Codes,
        sizes: Sequence[int],
        total: int,
        mechanism: Mechanism,
        *,
        rho: float,
        target: int | None = None,
        known: Sequence[Measurement] = (),
        fixed: Sequence[Factor] = (),
        progress: Progress = silent,
    ) -> Trained:
        """A network that learnt rows of noisy tables, and private rows by noisy steps."""
        from neotype.nn.private import Descent, descend, usual_length
        from neotype.nn.train import weights_of

        check_samples(mechanism.ledger.budget)
        sizes = tuple(int(size) for size in sizes)
        first: Strategy = Marginals() if self.pairs else Independent()
        paid = self.head_start * rho
        tables = first.fit(
            codes, sizes, total, mechanism, rho=paid, target=target, known=known, fixed=fixed
        )
        drawn, _ = tables.draw(_DRAWN, Rng(0).child("rows of noisy tables"))
        public = np.ascontiguousarray(drawn.T)
        learner = self._begun(sizes, public, progress)
        clip = usual_length(learner, public[:_MEASURED], self.clip)
        sums = mechanism.sampled(
            rho=rho - paid, rate=self.batch / total, steps=self.steps, purpose="steps of DP-SGD"
        )
        # A symbol beyond its size would be told by an error: it is taken for the last one.
        rows = np.minimum(codes.T, np.array(sizes) - 1).astype(np.uint8)
        descent = Descent(self.steps, sums.event.rate * total, self.rate, clip, _AVERAGE_STEPS)
        learner = descend(
            learner,
            rows,
            lambda summed: sums.sum(len(rows), summed, reach=clip),
            descent,
            seed=int.from_bytes(entropy.drawn(8)) >> 1,
            progress=progress,
        )
        return Trained(self.learner, sizes, self.shape, weights_of(learner), self.family)

    def _begun(self, sizes: tuple[int, ...], rows: Codes, progress: Progress) -> Any:
        """The network, after it learnt rows that are nobody's."""
        from neotype.nn.train import Training, train

        learner, _ = train(
            lambda: made_learner(self.learner, sizes, self.shape),
            rows,
            Training(epochs=self.epochs, batch=_BATCH, rate=_RATE, device="cpu", average=_AVERAGE),
            seed=Rng(0).child("network").number(),
            progress=progress,
        )
        return learner


@dataclass(frozen=True)
class Transformer(SGD):
    """Rows as sequences of digits, each drawn by attention to those before it, in any order."""

    family: ClassVar[str] = "transformer"
    learner: ClassVar[str] = "neotype.nn.transformer:Transformer"
    obeys: ClassVar[bool] = True
    units: ClassVar[tuple[str, ...]] = ("heads", "width", "hidden")

    heads: int = field(default=4, metadata={"help": "questions that a digit asks of the others"})
    width: int = field(default=8, metadata={"help": "dimensions of a question and its answer"})
    hidden: int = field(default=32, metadata={"help": "units of each hidden layer of a digit"})

    @property
    def shape(self) -> dict[str, float]:
        """Of the network."""
        return super().shape | {"dropout": 0.0, "shuffled": 1.0}


@dataclass(frozen=True)
class VAE(SGD):
    """Rows as points of a latent space, from which all columns follow independently."""

    family: ClassVar[str] = "vae"
    learner: ClassVar[str] = "neotype.nn.vae:Autoencoder"
    obeys: ClassVar[bool] = False
    units: ClassVar[tuple[str, ...]] = ("latent", "hidden", "layers", "components")

    latent: int = field(default=16, metadata={"help": "dimensions of the latent space"})
    hidden: int = field(default=64, metadata={"help": "units of each hidden layer"})
    layers: int = field(default=1, metadata={"help": "residual layers, each way"})
    components: int = field(default=20, metadata={"help": "Gaussians that points are drawn from"})
    beta: float = field(
        default=0.3, metadata={"help": "weight of the divergence: less keeps rows further apart"}
    )

    @property
    def shape(self) -> dict[str, float]:
        """Of the network."""
        return super().shape | {"beta": self.beta}


@dataclass(frozen=True)
class Diffusion(SGD):
    """Cells that become visible one after the other; what is known is seen first, and obeyed."""

    family: ClassVar[str] = "diffusion"
    learner: ClassVar[str] = "neotype.nn.diffusion:Diffusion"
    obeys: ClassVar[bool] = True
    units: ClassVar[tuple[str, ...]] = ("hidden", "layers")

    hidden: int = field(default=64, metadata={"help": "units of each hidden layer"})
    layers: int = field(default=1, metadata={"help": "hidden layers"})

    @property
    def shape(self) -> dict[str, float]:
        """Of the network: every digit has its own step, as what goes together is not looked for."""
        return super().shape | {"steps": float(_EVERY)}
