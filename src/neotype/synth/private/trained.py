"""What a strategy makes of a budget: noisy tables as a graphical model, or a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neotype.marginal.graphical import Graphical
from neotype.registry import find
from neotype.synth.leading import Head, Leading
from neotype.synth.network import NetworkHead

_STRATEGY = "strategy"


@dataclass(frozen=True)
class Trained(NetworkHead):
    """A network that was learnt within a budget; `strategy` is the name of its recipe."""

    strategy: str

    @property
    def obeys(self) -> bool:
        """Whether it can draw under conditions itself."""
        return bool(find("strategy", self.strategy).obeys)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """At rest."""
        return super().arrays() | {_STRATEGY: np.array([self.strategy])}


def held(head: Head) -> str:
    """What a model of leading digits holds, in words."""
    if isinstance(head, Trained):
        return f"a network of {sum(w.size for w in head.weights.values()):,} weights"
    return f"{len(head.tree.cliques) if isinstance(head, Graphical) else 0} noisy tables"


def obeys(head: Head) -> bool:
    """Whether it draws under conditions; a graphical model does."""
    return not isinstance(head, Trained) or head.obeys


def restored(arrays: Mapping[str, NDArray[Any]]) -> Leading:
    """The inverse of `Leading.arrays` for either of them."""
    name = next((str(a[0]) for key, a in arrays.items() if key == f"head {_STRATEGY}"), None)
    if name is None:
        return Leading.restore(arrays, Graphical.restore)
    recipe = find("strategy", name)

    def trained(own: Mapping[str, NDArray[Any]]) -> Trained:
        plain = NetworkHead.restore(
            recipe.learner, {k: a for k, a in own.items() if k != _STRATEGY}
        )
        return Trained(plain.learner, plain.sizes, plain.shape, plain.weights, name)

    return Leading.restore(arrays, trained, obeys=recipe.obeys)
