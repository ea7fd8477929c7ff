"""A user's own measure of utility: a function that trains on one table and tests on another."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from importlib import import_module
from numbers import Real
from pathlib import Path
from types import ModuleType, TracebackType
from typing import ClassVar

import numpy as np
import polars as pl

from neotype.errors import NeotypeError, did_you_mean
from neotype.evaluate.asked import Scorer
from neotype.evaluate.comparison import Comparison
from neotype.evaluate.features import Ints
from neotype.evaluate.interval import GROUPS
from neotype.evaluate.metric import Axis, Better, Finding, Measure, NotMeasurableError

PARTS = 5
"""Groups of test rows that the jackknife leaves out in turn."""

STUDENT = 2.7764451051977987
"""The 97.5 % point of Student's t with PARTS − 1 degrees of freedom."""


@dataclass(frozen=True)
class Custom(Measure):
    """The user's own scorer: its number for the synthetic rows, beside that for real ones.

    The scorer is given a table to learn from and real holdout rows to be tested on, as polars
    frames with the columns as they were read, and gives one number; more is better. Its interval
    is a delete-a-group jackknife over the test rows (Kott 2001), so it is called seven times: all
    test rows, five times without a fifth of them, and once for the floor. It is not judged: what a
    difference in the user's unit means, the user knows. A policy may set a gate.
    """

    scorer: Scorer | None = None
    rows: int = 50_000

    name: ClassVar[str] = "custom"
    title: ClassVar[str] = "Your own scorer"
    how: ClassVar[str] = (
        "The user's own function learns from the synthetic rows and is tested on real holdout "
        "rows; the same function after learning from equally many real rows sets the floor."
    )
    reference: ClassVar[str] = "interval: Kott 2001, The delete-a-group jackknife"
    axis: ClassVar[Axis] = "utility"
    better: ClassVar[Better] = "higher"
    tolerance: ClassVar[float] = 0.0

    def look(self, tables: Comparison) -> Finding:
        """Call the scorer; what it raises comes out as a NeotypeError that names it."""
        if self.scorer is None:
            raise NotMeasurableError("no scorer was given (--scorer module:function).")
        called = name_of(self.scorer)
        equal = min(tables.synthetic.rows, tables.train.rows, self.rows)
        made, real = (self._some(tables, side, equal) for side in ("synthetic", "train"))
        synthetic, train = tables.synthetic.frame[made], tables.train.frame[real]
        asked = self._some(tables, "holdout", self.rows)
        test = tables.holdout.frame[asked]
        parts = tables.groups.holdout[asked] * PARTS // GROUPS
        if not np.ptp(parts):
            raise NotMeasurableError("all holdout rows are of one entity: there is no interval.")
        value = self._call(synthetic, test)
        fewer = [
            self._call(synthetic, test.filter(pl.Series(parts != part)))
            for part in np.unique(parts)
        ]
        floor = self._call(train, test)
        half = STUDENT * _jackknife(fewer)
        return Finding(
            value=value,
            interval=(value - half, value + half),
            floor=floor,
            target=None,
            meaning=(
                f"Your scorer '{called}' gives {value:.4g} after learning from synthetic rows and "
                f"{floor:.4g} after learning from real ones."
            ),
            detail={
                "scorer": called,
                "synthetic": value,
                "real": floor,
                "without_a_fifth": fewer,
                "rows": equal,
                "rows_tested": test.height,
            },
        )

    def _some(self, tables: Comparison, side: str, most: int) -> Ints:
        rows = getattr(tables, side).rows
        order = tables.rng.child(self.name).child(side).generator().permutation(rows)
        return np.sort(order[:most])

    def _call(self, learn: pl.DataFrame, test: pl.DataFrame) -> float:
        assert self.scorer is not None
        name = name_of(self.scorer)
        with _Blamed(f"the scorer '{name}' failed"):
            told = self.scorer(learn, test)
        if not isinstance(told, Real):
            raise NotMeasurableError(
                f"the scorer '{name}' gave a {type(told).__name__}, not a number."
            )
        if not math.isfinite(told):
            raise NotMeasurableError(f"the scorer '{name}' gave {told}, which is no finite number.")
        return float(told)


def _jackknife(values: list[float]) -> float:
    """The standard error that values without each group show; the groups are of about one size."""
    count = len(values)
    return math.sqrt((count - 1) * float(np.var(values)))


@dataclass(frozen=True)
class _Blamed:
    """Whatever a user's code raises inside comes out as a NeotypeError that names the code."""

    what: str

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, Exception):
            said = f"{type(error).__name__}: {error}".removesuffix(": ")
            raise NeotypeError(f"{self.what} with {said}", found=_place(trace)) from error


def _place(trace: TracebackType | None) -> str | None:
    """The innermost line of a traceback, where the fault is."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace and f"in {trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno}"


def name_of(scorer: Scorer) -> str:
    """What a user would call the scorer: `module:function`."""
    named = scorer if hasattr(scorer, "__qualname__") else type(scorer)
    return f"{named.__module__}:{named.__qualname__}"


def load_scorer(address: str) -> Scorer:
    """The scorer that `module:function` names; modules of the current folder are found too.

    NeotypeError says whether the address, the module or the function is wrong.
    """
    name, colon, attribute = address.partition(":")
    if not (name and colon and attribute) or "/" in name or name.endswith(".py"):
        near = name.removesuffix(".py").strip("./").replace("/", ".") or "my_module"
        raise NeotypeError(
            f"the scorer '{address}' is not of the form module:function.",
            mend=f"write --scorer {near}:{attribute or 'score'}",
        )
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)  # stays: the scorer may import its neighbours when it is called
    module = _import(name, address)
    scorer = getattr(module, attribute, None)
    known = [name for name, value in vars(module).items() if callable(value) and name[:1] != "_"]
    if scorer is None:
        raise NeotypeError(
            f"the module '{name}' has no function '{attribute}' (scorer '{address}').",
            found=f"it has: {', '.join(sorted(known))}" if known else "it has no functions",
            mend=did_you_mean(attribute, known),
        )
    if not callable(scorer):
        raise NeotypeError(
            f"the scorer '{address}' is a {type(scorer).__name__}, which cannot be called.",
            mend="name a function that takes two tables, to learn from and to be tested on",
        )
    loaded: Scorer = scorer
    return loaded


def _import(name: str, address: str) -> ModuleType:
    try:
        with _Blamed(f"the module '{name}' of the scorer '{address}' cannot be imported: it fails"):
            return import_module(name)
    except NeotypeError as blamed:
        cause = blamed.__cause__
        if isinstance(cause, ModuleNotFoundError) and cause.name in _parents(name):
            beside = [file.stem for file in Path.cwd().glob("*.py")]
            raise NeotypeError(
                f"there is no module '{cause.name}' (scorer '{address}').",
                found=f"looked in {Path.cwd()} and among the installed packages",
                mend=did_you_mean(name, beside),
            ) from cause
        raise


def _parents(name: str) -> set[str]:
    """A module's own name and those of the packages that hold it."""
    parts = name.split(".")
    return {".".join(parts[: k + 1]) for k in range(len(parts))}
