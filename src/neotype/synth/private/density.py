"""The joint distribution of a private table: leading digits from noisy tables, fine ones beside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from neotype.encode.encoder import ALL, Codes, Masks, only
from neotype.marginal.graphical import Graphical
from neotype.rng import Rng
from neotype.trees.density import DensityTrees

LogWeights = NDArray[np.float64]
_GRAPH, _FINE = "graph ", "fine "


@dataclass(frozen=True)
class PrivateDensity:
    """A graphical model of the digits at `leading`, and trees that draw all others given those.

    The trees were grown on invented rows of noisy histograms: they hold nothing of their own.
    Where there is no such digit (nothing was found worth telling), the graph is of nothing.
    """

    leading: NDArray[np.int64]
    graph: Graphical
    fine: DensityTrees

    def draw(
        self, rows: int, digits: int, key: int, allowed: Masks | None
    ) -> tuple[Codes, LogWeights]:
        """Rows (digits × rows), and the log-probability of each row's limits."""
        x = np.zeros((rows, digits + 1), dtype=np.uint8)
        masks = None if allowed is None else np.ascontiguousarray(allowed[:, self.leading])
        logp = np.zeros(rows)
        if len(self.leading):
            codes, logp = self.graph.draw(rows, Rng(key), masks)
            x[:, self.leading] = codes.T
        beside = None
        if allowed is not None:
            beside = np.broadcast_to(allowed, (rows, digits)).copy()
            beside[:, self.leading] = ALL
        logp = logp + self.fine.fill(x, key, beside)
        return np.ascontiguousarray(x[:, :digits].T), logp

    def log_density(self, codes: Codes) -> LogWeights:
        """The log-probability of each row of digits × rows `codes`."""
        x = np.zeros((codes.shape[1], len(codes) + 1), dtype=np.uint8)
        x[:, self.leading] = codes[self.leading].T
        masks = only(codes.T)
        masks[:, self.leading] = ALL
        told = self.fine.fill(x, 0, masks)
        if len(self.leading):
            told = told + self.graph.log_density(np.ascontiguousarray(codes[self.leading]))
        return np.asarray(told)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """At rest."""
        graph = {_GRAPH + name: array for name, array in self.graph.arrays().items()}
        fine = {_FINE + name: array for name, array in self.fine.arrays().items()}
        return {"leading": self.leading, **graph, **fine}

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of `arrays`."""
        graph, fine = (
            {
                name.removeprefix(part): array
                for name, array in arrays.items()
                if name.startswith(part)
            }
            for part in (_GRAPH, _FINE)
        )
        return cls(arrays["leading"], Graphical.restore(graph), DensityTrees.restore(fine))
