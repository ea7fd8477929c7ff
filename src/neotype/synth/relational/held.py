"""A database under constraints between its tables: rewritten before it is learnt, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from neotype.constraints.between import Between, learn_between
from neotype.data import Dataset, Known
from neotype.encode.encoder import Protection, State
from neotype.errors import SamplingError
from neotype.rng import Rng
from neotype.schema.schema import Schema


@dataclass(frozen=True)
class Held:
    """A learnt database of rewritten tables, in which the constraints between tables hold."""

    inner: Any
    between: Between

    @property
    def family(self) -> str:
        """The registered name of the inner model's synthesizer."""
        return str(self.inner.family)

    @property
    def schema(self) -> Schema:
        """The schema of the tables, as the user wrote it."""
        return self.between.outer

    @property
    def protections(self) -> tuple[Protection, ...]:
        """What of the data is not stored as it was."""
        told: tuple[Protection, ...] = self.inner.protections
        return told

    def sample(
        self,
        rows: int | Mapping[str, int] | None = None,
        *,
        rng: Rng,
        known: Known | None = None,
        scale: float = 1.0,
    ) -> Dataset:
        """As of the inner model. SamplingError where not every constraint could be met."""
        made = self.inner.sample(rows, rng=rng, known=known, scale=scale)
        frames = self.between.decode(made.frames, rng.child("between"))
        broken = self.between.broken(frames)
        if broken:
            raise SamplingError(
                "not all constraints between tables can be met by these rows.",
                found="\n  ".join(broken),
                mend="take one of them out, or ask for other numbers of rows",
            )
        return Dataset(self.between.outer, frames)

    def describe(self) -> list[str]:
        """In words: what must hold, and which statistics the model holds."""
        titles = [rule.constraint.title for rule in self.between.rules]
        return [
            f"{len(titles)} constraints between tables: {'; '.join(titles)}",
            *self.inner.describe(),
        ]

    def log_density(self, data: Dataset) -> None:
        """None: a database has no density that is known."""

    def state(self) -> State:
        """At rest."""
        return State.nest({"between": self.between.facts()}, {"held": self.inner.state()})

    @classmethod
    def restore(cls, state: State, schema: Schema, inner: Callable[[State, Schema], Any]) -> Any:
        """The inverse of `state`; the inner model as it is where the file holds no rules."""
        if "between" not in state.facts:
            return inner(state, schema)
        between = Between.restore(state.fact("between"), schema)
        return cls(inner(state.within("held"), between.inner), between)


def hold(fit: Callable[[Dataset], Any], data: Dataset, *, protect: int = 5) -> Any:
    """What `fit` makes of these tables, in which the constraints between them hold.

    DataError where rows of the data break one.
    """
    if not data.schema.constraints:
        return fit(data)
    between = learn_between(data, protect)
    return Held(fit(Dataset(between.inner, between.encode(data.frames))), between)
