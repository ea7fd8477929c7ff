"""The shape of the house: who may see whom, and what no file may do."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2] / "src" / "neotype"

FLOORS = (
    {"errors"},
    {"registry", "rng", "progress", "outputs", "expression", "permutation", "url", "choice"},
    {"personal"},
    {"schema"},
    {"links"},
    {"families"},
    {"data"},
    {"constraints", "integrity"},
    {"encode", "source", "masking", "spec"},
    {"synth", "evaluate", "plan", "foreign"},
    {"asking", "intake", "choose"},
    {"pipeline"},
    {"tasks"},
    {"policy"},
    {"report"},
    {"api"},
    {"cli"},
    {"__main__"},
)
"""From the ground up. A room sees itself and the floors below, never its neighbours."""

SIDE_ROOMS: dict[str, set[str]] = {
    "trees": set(),
    "copulas": {"rng"},
    "nn": {"errors", "outputs", "progress"},
    "marginal": {"errors", "rng"},
    "dp": {"errors", "rng"},
}
"""Seen from `synth` on, with what they see of the house. `evaluate` sees `nn` alone."""

SIDE_LIBRARIES = {
    "trees": {"numpy", "numba"},
    "copulas": {"numpy", "scipy"},
    "marginal": {"numpy", "scipy", "numba"},
}
"""All that a side room imports beyond the standard library."""

TORCH = {
    "nn/blocks.py",
    "nn/diffusion.py",
    "nn/gan.py",
    "nn/gru.py",
    "nn/language.py",
    "nn/private.py",
    "nn/train.py",
    "nn/transformer.py",
    "nn/vae.py",
    "nn/watch.py",
    "synth/network.py",
}
"""Files that may name torch, which need not be installed."""

PRIVATE_NOISE = {"opendp", "dp_accounting"}
"""Libraries of `dp`, which need not be installed."""

NEVER = {("evaluate", "encode"), ("encode", "trees"), ("source", "encode")}
FORBIDDEN_LIBRARIES = {"torch", "pandas", "pyarrow", "pickle", "random"}
FORBIDDEN_NAMES = {"utils", "util", "common", "core", "helpers", "helper", "base", "misc"}
RANDOM_TYPES = {"Generator", "PCG64", "SeedSequence"}
OUTERMOST_DOORS = {"cli/__init__.py"}
LONGEST_FILE, LONGEST_FUNCTION = 500, 60

Law = Callable[[str, str], Iterator[str]]


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every imported module, also inside functions and `if TYPE_CHECKING`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            for name in node.names:
                inner = f"{node.module}.{name.name}"
                yield node.lineno, inner if node.module == "neotype" else str(node.module)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "a relative import"


def floor(room: str) -> int:
    return next((k for k, rooms in enumerate(FLOORS) if room in rooms), -1)


def direction(path: str, text: str) -> Iterator[str]:
    room = path.split("/", maxsplit=1)[0].removesuffix(".py")
    if room == "__init__":
        return
    for line, module in imports(ast.parse(text)):
        if module == "a relative import":
            yield f"{path}:{line} is a relative import"
        if not module.startswith("neotype."):
            continue
        seen = module.split(".")[1]
        if seen == room:
            continue
        if room in SIDE_ROOMS:
            allowed = seen in SIDE_ROOMS[room]
        elif seen in SIDE_ROOMS:
            allowed = floor(room) >= floor("synth") and (room != "evaluate" or seen == "nn")
        else:
            allowed = 0 <= floor(seen) < floor(room)
        if not allowed or (room, seen) in NEVER:
            yield f"{path}:{line} sees '{seen}'"


def rooms_have_a_floor(path: str, text: str) -> Iterator[str]:
    room = path.split("/", maxsplit=1)[0].removesuffix(".py")
    if room != "__init__" and floor(room) < 0 and room not in SIDE_ROOMS:
        yield f"{path}: room '{room}' has no floor in FLOORS"


def libraries(path: str, text: str) -> Iterator[str]:
    for line, module in imports(ast.parse(text)):
        library = module.split(".")[0]
        known = library == "torch" and path in TORCH
        if library in FORBIDDEN_LIBRARIES and not known:
            yield f"{path}:{line} imports {module}"
        room = SIDE_LIBRARIES.get(path.split("/", maxsplit=1)[0])
        if room and library not in room | {"neotype"} | sys.stdlib_module_names:
            yield f"{path}:{line} imports {module}: a side room sees few libraries"
        if library in PRIVATE_NOISE and not path.startswith("dp/"):
            yield f"{path}:{line} imports {module}, which stays in `dp`"
        if library == "narwhals" and not path.startswith("source"):
            yield f"{path}:{line} imports narwhals, which stays at the door of `source`"


def narrow_excepts(path: str, text: str) -> Iterator[str]:
    if path in OUTERMOST_DOORS:
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ExceptHandler):
            caught = [node.type] if not isinstance(node.type, ast.Tuple) else node.type.elts
            for kind in caught:
                if kind is None or ast.unparse(kind) in {"Exception", "BaseException"}:
                    yield f"{path}:{node.lineno} catches everything"


def one_maker_of_randomness(path: str, text: str) -> Iterator[str]:
    if path == "rng.py":
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value).endswith("np.random"):
            if node.attr not in RANDOM_TYPES:
                yield f"{path}:{node.lineno} uses np.random.{node.attr}"
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in {
            "default_rng",
            "PCG64",
            "SeedSequence",
            "RandomState",
        }:
            yield f"{path}:{node.lineno} makes its own randomness"


def one_door_to_entropy(path: str, text: str) -> Iterator[str]:
    if path == "dp/entropy.py":
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute):
            named = ast.unparse(node)
            if named in {"os.urandom", "os.getrandom", "entropy.source"}:
                yield f"{path}:{node.lineno} uses {named}: entropy.drawn gives random bytes"


def sizes(path: str, text: str) -> Iterator[str]:
    lines = text.count("\n")
    if lines > LONGEST_FILE:
        yield f"{path} has {lines} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                yield f"{path}:{node.lineno} function {node.name} has {length} lines"


def names(path: str, text: str) -> Iterator[str]:
    for part in path.removesuffix(".py").split("/"):
        if part in FORBIDDEN_NAMES:
            yield f"{path} is named '{part}'"


LAWS: tuple[Law, ...] = (
    direction,
    rooms_have_a_floor,
    libraries,
    narrow_excepts,
    one_maker_of_randomness,
    one_door_to_entropy,
    sizes,
    names,
)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_the_house_keeps(law: Law) -> None:
    findings = [
        finding
        for file in sorted(HOUSE.rglob("*.py"))
        for finding in law(file.relative_to(HOUSE).as_posix(), file.read_text(encoding="utf-8"))
    ]
    assert findings == []


@pytest.mark.parametrize(
    ("law", "path", "text"),
    [
        (direction, "evaluate/new.py", "from neotype.synth.trees import Trees"),
        (direction, "evaluate/new.py", "from neotype.encode import numeric"),
        (direction, "synth/new.py", "def f():\n    from neotype import evaluate"),
        (direction, "data.py", "import neotype.source"),
        (direction, "trees/new.py", "from neotype.errors import FitError"),
        (direction, "source/new.py", "from . import kind"),
        (rooms_have_a_floor, "attic/new.py", ""),
        (libraries, "synth/new.py", "def f():\n    import pandas as pd"),
        (libraries, "nn/new.py", "def f():\n    import torch"),
        (libraries, "nn/gru.py", "import pandas"),
        (direction, "evaluate/new.py", "from neotype.trees.density import DensityTrees"),
        (direction, "nn/new.py", "from neotype.data import Dataset"),
        (direction, "dp/new.py", "from neotype.data import Dataset"),
        (direction, "marginal/new.py", "from neotype.dp.ledger import Ledger"),
        (direction, "evaluate/new.py", "from neotype.dp.audit import audit"),
        (direction, "encode/new.py", "from neotype.dp.mechanism import Mechanism"),
        (libraries, "marginal/new.py", "import polars as pl"),
        (libraries, "synth/new.py", "import opendp.prelude as dp"),
        (libraries, "evaluate/new.py", "import narwhals"),
        (narrow_excepts, "api.py", "try:\n    f()\nexcept (ValueError, Exception):\n    pass"),
        (narrow_excepts, "api.py", "try:\n    f()\nexcept:\n    pass"),
        (one_maker_of_randomness, "api.py", "np.random.seed(0)"),
        (one_maker_of_randomness, "api.py", "g = default_rng(0)"),
        (one_door_to_entropy, "dp/noise.py", "bits = os.urandom(8)"),
        (one_door_to_entropy, "synth/new.py", "entropy.source = Random(0).randbytes"),
        (sizes, "api.py", "x = 1\n" * 501),
        (sizes, "api.py", "def f():\n" + "    x = 1\n" * 60),
        (names, "encode/utils.py", ""),
    ],
)
def test_a_breach_is_found(law: Law, path: str, text: str) -> None:
    assert list(law(path, text))
