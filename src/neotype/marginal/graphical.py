"""A fitted graphical model: a joint distribution of digits that can be asked and drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from neotype.errors import FitError
from neotype.marginal.draw import draw_given, weigh_rows
from neotype.marginal.evenly import draw_evenly
from neotype.marginal.factor import Factor, eliminate
from neotype.marginal.junction import Tree, junction_tree
from neotype.marginal.measurement import Clique, FloatArray
from neotype.marginal.pairs import pairs_of
from neotype.marginal.schedule import Beliefs, Propagation, Schedule, strides
from neotype.rng import Rng

Codes = NDArray[np.uint8]
Masks = NDArray[np.uint64]
"""Sets of symbols: bit s of a set says whether a digit may be s."""
_ALL = np.uint64(2**64 - 1)


@dataclass(frozen=True)
class Graphical:
    """p(x) ∝ exp(Σ potentials): log-weights over cliques, worked out on a junction tree.

    `potentials` have their variables in rising order; a log-weight of −∞ makes a cell impossible.
    The last `fixed` of them were given, and not fitted.
    """

    tree: Tree
    potentials: tuple[Factor, ...]
    fixed: int = 0

    @classmethod
    def of(cls, sizes: Sequence[int], potentials: Sequence[Factor]) -> Self:
        """The model of these log-weights over variables of these sizes."""
        return cls(junction_tree(sizes, [f.axes for f in potentials]), tuple(potentials))

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many symbols each variable has."""
        return self.tree.sizes

    @cached_property
    def schedule(self) -> Schedule:
        """The model laid out flat."""
        return Schedule.of(self.tree, [f.axes for f in self.potentials])

    @cached_property
    def _beliefs(self) -> Beliefs:
        flat = [f.values.ravel() for f in self.potentials]
        return self.schedule.beliefs(np.concatenate([*flat, np.zeros(0)]))

    @cached_property
    def _log_given(self) -> FloatArray:
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self._beliefs.given))

    @cached_property
    def _layout(self) -> _Layout:
        return _Layout.of(self.schedule)

    def marginal(self, clique: Clique) -> FloatArray:
        """The probabilities over `clique`, an axis a variable in its order."""
        k = self.tree.holder(clique)
        if k is not None:
            own = self.schedule.axes[k]
            table = self.schedule.table(self._beliefs.marginals, k)
            summed = table.sum(axis=tuple(m for m, axis in enumerate(own) if axis not in clique))
            left = [axis for axis in own if axis in clique]
            return np.asarray(summed.transpose([left.index(axis) for axis in clique]))
        factors = [
            Factor(self.schedule.axes[k], self.schedule.table(self._log_given, k))
            for k in self._above(clique)
        ]
        return eliminate(factors, clique).normalised().probability

    def project(self, cliques: Sequence[Clique]) -> list[FloatArray]:
        """The probabilities over each clique; pairs across the tree are worked out together."""
        apart = {c for c in cliques if len(c) == 2 and self.tree.holder(c) is None}
        tables = [
            self.schedule.table(self._beliefs.marginals, k) for k in range(len(self.tree.cliques))
        ]
        found = pairs_of(self.tree.parents, self.schedule.axes, tables, apart)
        return [found[c] if c in found else self.marginal(c) for c in cliques]

    def _above(self, clique: Clique) -> list[int]:
        """The cliques that bring in these variables, and all from there to the root.

        What hangs below those sums to one, whatever is above it.
        """
        wanted = set(clique)
        found: set[int] = set()
        for place, residual in enumerate(self.tree.residuals):
            k = place if wanted & set(residual) else -1
            while k >= 0 and k not in found:
                found.add(k)
                k = self.tree.parents[k]
        return sorted(found)

    def log_density(self, codes: Codes) -> FloatArray:
        """The log-probability of each row of digits × rows `codes`."""
        out = np.zeros(codes.shape[1])
        one = self._layout
        shape = self.schedule.shape
        weigh_rows(codes, shape, one.own, one.own_start, one.steps, self._log_given, out)
        return out

    def sample(self, rows: int, rng: Rng, given: Masks | None = None) -> Codes:
        """Digits × rows; in each row digits are among the symbols `given` (rows or 1, × digits)."""
        return self.draw(rows, rng, given)[0]

    def draw(
        self, rows: int, rng: Rng, given: Masks | None = None
    ) -> tuple[Codes, NDArray[np.float64]]:
        """`sample`, and the log-probability that a row obeys its limits.

        Where that is −∞, the row has allowed symbols, and no model of how they hang together.
        """
        codes = np.zeros((len(self.sizes), rows), dtype=np.uint8)
        key = np.uint64(rng.number()) << np.uint64(31) | np.uint64(rng.child("more").number())
        masks = None if given is None else self._clipped(given)
        if masks is None or len(masks) == 1:
            table, log_total = self._conditional(None if masks is None else masks[0])
            if log_total > -np.inf:
                one = self._layout
                layout = (one.own, one.own_start, one.steps, one.digits, one.digits_start)
                draw_evenly(codes, np.array(self.sizes), self.schedule.shape, *layout, table, key)
                return codes, np.full(rows, log_total)
            masks = np.broadcast_to(np.asarray(masks), (rows, len(self.sizes)))
        if len(masks) != rows:
            raise FitError(
                f"conditions for {len(masks)} rows were given, and {rows} are to be drawn."
            )
        return self._draw_each(codes, masks, key)

    def _clipped(self, given: Masks) -> Masks:
        """Without bits beyond the symbols that there are, and without lines that say nothing."""
        whole = _ALL >> (64 - np.array(self.sizes)).astype(np.uint64)
        masks = np.asarray(given & whole)
        same = len(masks) > 1 and bool((masks == masks[0]).all())
        return masks[:1] if same else masks

    def _conditional(self, mask: Masks | None) -> tuple[FloatArray, float]:
        """Each clique's probabilities given its separator, and given the evidence of `mask`."""
        if mask is None:
            return self._beliefs.given, 0.0
        tables = self._log_given.copy()
        for k, (axes, residual) in enumerate(
            zip(self.schedule.axes, self.tree.residuals, strict=True)
        ):
            table = self.schedule.table(tables, k)
            for axis in residual:
                symbols = np.arange(self.sizes[axis], dtype=np.uint64)
                out = (mask[axis] >> symbols) & np.uint64(1) == 0
                if out.all():
                    out[1:] = False
                if out.any():
                    table[(slice(None),) * axes.index(axis) + (out,)] = -np.inf
        run = Propagation(self.schedule)
        return run.tables, run.condition(tables)

    def _draw_each(
        self, codes: Codes, masks: Masks, key: np.uint64
    ) -> tuple[Codes, NDArray[np.float64]]:
        """Rows whose limits differ: those alike are drawn together.

        Lines are sorted so that what is near the root changes fastest: most of what flows up from
        below is then that of the line before.
        """
        one, schedule = self._layout, self.schedule
        fast_last = [a for k in range(len(one.own_start))[::-1] for a in self.tree.residuals[k]]
        limited = [a for a in fast_last if (masks[:, a] != masks[0, a]).any()]
        order = np.lexsort([masks[:, a] for a in limited[::-1] or [0]])
        ordered = masks[order]
        new = np.ones(len(order), dtype=np.bool_)
        new[1:] = (ordered[1:, limited] != ordered[:-1, limited]).any(axis=1)
        first = np.append(np.flatnonzero(new), len(order))
        lines = np.ascontiguousarray(ordered[first[:-1]])
        drawn, log_line = np.empty_like(codes), np.empty(len(lines))
        tree = (schedule.shape, schedule.up, schedule.pool, one.child, one.child_start)
        layout = (one.own, one.own_start, one.steps)
        digits = (one.digits, one.digits_start)
        sizes, given = np.array(self.sizes), self._beliefs.given
        draw_given(drawn, first, lines, tree, layout, sizes, digits, given, key, log_line)
        codes[:, order] = drawn
        logp = np.empty(len(order))
        logp[order] = np.repeat(log_line, np.diff(first))
        return codes, logp

    def arrays(self) -> dict[str, NDArray[Any]]:
        """At rest: plain arrays by name."""
        empty = np.zeros(0)
        return {
            "sizes": np.array(self.sizes, dtype=np.int64),
            "members": np.array([a for f in self.potentials for a in f.axes], dtype=np.int64),
            "widths": np.array([len(f.axes) for f in self.potentials], dtype=np.int64),
            "fixed": np.array(self.fixed),
            "weights": np.concatenate([*(f.values.ravel() for f in self.potentials), empty]),
        }

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of `arrays`."""
        sizes = tuple(int(size) for size in arrays["sizes"])
        members, weights = [int(a) for a in arrays["members"]], arrays["weights"]
        potentials = []
        for width in arrays["widths"]:
            axes, members = tuple(members[:width]), members[width:]
            shape = tuple(sizes[a] for a in axes)
            cells = int(np.prod(shape))
            potentials.append(Factor(axes, np.asarray(weights[:cells]).reshape(shape)))
            weights = weights[cells:]
        tree = junction_tree(sizes, [f.axes for f in potentials])
        return cls(tree, tuple(potentials), int(arrays["fixed"]))


@dataclass(frozen=True)
class _Layout:
    """The arrays of `draw`: see `draw_evenly`."""

    own: NDArray[np.int64]
    own_start: NDArray[np.int64]
    steps: NDArray[np.int64]
    digits: Codes
    digits_start: NDArray[np.int64]
    child: NDArray[np.int64]
    child_start: NDArray[np.int64]

    @classmethod
    def of(cls, schedule: Schedule) -> Self:
        tree = schedule.tree
        own: list[int] = []
        steps: list[int] = []
        bounds, digits, digits_start = [], [np.zeros(0, dtype=np.uint8)], [0]
        children: list[list[int]] = [[] for _ in tree.cliques]
        for k, (separator, residual) in enumerate(
            zip(tree.separators, tree.residuals, strict=True)
        ):
            bounds.append((len(own), len(own) + len(separator), len(own) + len(schedule.axes[k])))
            own += schedule.axes[k]
            steps += strides(separator, tree.sizes) + strides(residual, tree.sizes)
            shape = [tree.sizes[a] for a in residual]
            digits.append(np.indices(shape).astype(np.uint8).ravel())
            digits_start.append(digits_start[-1] + digits[-1].size)
            if tree.parents[k] >= 0:
                children[tree.parents[k]].append(k)
        return cls(
            np.array(own, dtype=np.int64),
            np.array(bounds, dtype=np.int64),
            np.array(steps, dtype=np.int64),
            np.concatenate(digits),
            np.array(digits_start, dtype=np.int64),
            np.array([c for own in children for c in own], dtype=np.int64),
            np.cumsum([0, *(len(own) for own in children)], dtype=np.int64),
        )
