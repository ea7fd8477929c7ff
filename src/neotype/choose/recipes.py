"""Recipes by name, fitted one after another: what each makes of a table, and what that takes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass, replace
from time import perf_counter, process_time
from typing import Any

import numpy as np
import yaml

from neotype.data import Dataset
from neotype.errors import DataError, NeotypeError, SchemaError
from neotype.plan import make_synthesizer, toward
from neotype.progress import Progress, silent
from neotype.registry import find, names
from neotype.rng import Rng
from neotype.synth.learn import learn
from neotype.synth.sizes import drawn

_WARM = 64
"""Rows that are learnt once before the clock runs."""
_SHORT = {"epochs": 1, "refine": 1, "seconds": 1.0, "checkpoint": None}
"""How they are learnt: what is loaded and compiled is the same."""
_CALLED = re.compile(r"\s*([\w.-]+)\s*(?:\((.*)\))?\s*", re.DOTALL)


@dataclass(frozen=True)
class Cost:
    """Seconds to learn a table and to make one of as many rows: on the clock, and of all cores.

    `cpu` is None where somebody said how long it took, and nobody measured.
    """

    seconds: float
    cpu: float | None = None


@dataclass(frozen=True)
class Made:
    """The rows that a recipe made, and what they cost."""

    rows: Dataset
    cost: Cost


def called(name: str, settings: Mapping[str, Any]) -> str:
    """A recipe in words that `read_recipe` reads: vae(refine=0, hidden=128)."""
    said = ", ".join(f"{key}={shown(value)}" for key, value in settings.items())
    return f"{name}({said})" if said else name


def shown(value: Any) -> str:
    """A setting as a person writes it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(map(shown, value))}]"
    return str(value)


def read_recipe(text: str) -> tuple[str, Any]:
    """A recipe from 'trees' or 'trees(refine=0, leaf=20)', and how it is called.

    Values are read as YAML does. SchemaError and NotRegisteredError for what is none.
    """
    found = _CALLED.fullmatch(text)
    parts = [part.partition("=") for part in _parts(found[2] or "")] if found else []
    if found is None or not all(name.strip() and equals for name, equals, _ in parts):
        raise SchemaError(
            f"recipe '{text}' cannot be read.", mend="write trees, or 'trees(refine=0, leaf=20)'"
        )
    try:
        settings = {name.strip(): yaml.safe_load(value) for name, _, value in parts}
    except yaml.YAMLError as cause:
        raise SchemaError(f"recipe '{text}' has a value that cannot be read.") from cause
    return called(found[1], settings), make_synthesizer(found[1], settings)


def _parts(text: str) -> list[str]:
    """What commas part, but for those within brackets and quotes."""
    parts = re.findall(r"""(?:\[[^]]*\]|\{[^}]*\}|"[^"]*"|'[^']*'|[^,])+""", text)
    return [part for part in parts if part.strip()]


def name_of(recipe: Any) -> str:
    """How an instance is called: its registered name, and the settings that are not its own."""
    kind = type(recipe)
    family = next((name for name in names("synthesizer") if find("synthesizer", name) is kind), "")
    if not is_dataclass(recipe):
        return family or kind.__name__
    own = {one.name: one.default for one in fields(recipe)}
    told = {key: getattr(recipe, key) for key in own}
    return called(
        family or kind.__name__, {key: value for key, value in told.items() if value != own[key]}
    )


def named(recipes: Mapping[str, Any] | Sequence[Any], taken: Sequence[str] = ()) -> dict[str, Any]:
    """Recipes by the name that readers see; none of them is one that is `taken`.

    DataError where one is given twice.
    """
    told = recipes.items() if isinstance(recipes, Mapping) else ((None, one) for one in recipes)
    found: dict[str, Any] = {}
    for own, one in told:
        name, recipe = read_recipe(one) if isinstance(one, str) else (name_of(one), one)
        if not hasattr(recipe, "fit"):
            raise SchemaError(
                f"{recipe!r} is no recipe.", mend="give a name, or an instance such as nt.Trees()"
            )
        name = own or name
        if name in found:
            raise DataError(f"recipe '{name}' is given twice.", mend="give each recipe once")
        found[name] = recipe
    return {f"recipe {name}" if name in taken else name: one for name, one in found.items()}


def make(
    recipe: Any, data: Dataset, target: str | None, rng: Rng, progress: Progress = silent
) -> Made:
    """Learn `data` and make as many rows, as `fit` and `sample` do, under the clock.

    What is loaded and compiled at first use is so before the clock runs.
    """
    single = len(data.schema.tables) == 1
    recipe = toward(recipe, target if single else None)
    warm(recipe, data, rng)
    begun, spent = perf_counter(), process_time()
    model = learn(recipe, data, rng=rng.child("fit"), progress=progress)
    progress("sample", 0, 1)
    learnt = data.rows if single else data.sizes
    rows = drawn(model, None, None, learnt, rng.child("sample"))
    return Made(rows, Cost(perf_counter() - begun, process_time() - spent))


def warm(recipe: Any, data: Dataset, rng: Rng) -> None:
    """Learn a few rows, and forget them: what is loaded and compiled at first use then is."""
    if len(data.schema.tables) > 1 or data.table.sequence or not is_dataclass(recipe):
        return
    own = {one.name for one in fields(recipe) if getattr(recipe, one.name) != 0}
    settings = {key: value for key, value in _SHORT.items() if key in own}
    short: Any = replace(recipe, **settings)  # type: ignore[type-var]
    some = data.take(np.arange(min(_WARM, data.rows)))
    with suppress(NeotypeError):
        learn(short, some, rng=rng.child("warm")).sample(_WARM, rng=rng.child("warm"))
