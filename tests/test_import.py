"""`import neotype` stays light: what is heavy is loaded by whoever uses it."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = {
    "lightgbm",
    "narwhals",
    "numba",
    "numpy",
    "pandas",
    "plotly",
    "polars",
    "pyarrow",
    "pydantic",
    "rich",
    "scipy",
    "sklearn",
    "typer",
}


def loaded_by(code: str) -> set[str]:
    script = (
        f"import sys, json\n{code}\nprint(json.dumps(sorted(m.split('.')[0] for m in sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return set(json.loads(done.stdout))


def test_importing_neotype_loads_nothing_heavy() -> None:
    assert loaded_by("import neotype") & HEAVY == set()


def test_reading_the_help_loads_no_engine() -> None:
    loaded = loaded_by(
        "from neotype.cli import app\n"
        "from typer.testing import CliRunner\n"
        "assert CliRunner().invoke(app, ['fit', '--help']).exit_code == 0"
    )
    assert loaded & {"lightgbm", "numba", "plotly", "polars", "scipy", "sklearn"} == set()


def test_every_public_name_is_there() -> None:
    loaded_by(
        "import neotype as nt\n"
        "for name in nt.__all__: getattr(nt, name)\n"
        "assert dir(nt) == sorted(nt.__all__) and len(nt.__all__) <= 42"
    )


def test_the_function_evaluate_is_not_hidden_by_the_room_of_that_name() -> None:
    loaded_by(
        "import neotype as nt\n"
        "from neotype.evaluate.metric import Score\n"
        "assert callable(nt.evaluate)\n"
        "import neotype.api\n"
        "assert callable(nt.evaluate) and nt.Score is Score"
    )


def test_pandas_and_pyarrow_are_never_loaded_unasked() -> None:
    code = (
        "import neotype as nt\n"
        "for name in nt.__all__: getattr(nt, name)\n"
        "import neotype.synth.stream, neotype.report.page"
    )
    assert loaded_by(code) & {"pandas", "pyarrow", "torch"} == set()
