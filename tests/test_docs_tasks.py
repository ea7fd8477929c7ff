"""Every page of a task runs as it is written: its files, its commands, its Python, in order.

A fence named after a file (```yaml rules.yaml) is that file; ```sh and ```console are commands;
the ```python of a page is one script. All run in a folder with `examples/`, of which Adult is cut
to its first rows; where thousands of rows are asked for, a tenth of them are.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

HOME = Path(__file__).parents[1]
PAGES = (
    "balance",
    "conditions",
    "constraints",
    "databases",
    "describe",
    "differential-privacy",
    "impute",
    "masking",
    "partial",
    "personal",
    "scenario",
    "sequences",
    "spec",
    "subset",
)
ROWS = 3000
_FENCE = re.compile(r"^```(\w+)[ \t]*(\S*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_the_page_runs(page: str, tmp_path: Path) -> None:
    text = (HOME / "docs" / f"{page}.md").read_text(encoding="utf-8")
    shutil.copytree(HOME / "examples", tmp_path / "examples")
    for name in ("adult", "adult_holdout"):
        path = tmp_path / "examples" / f"{name}.parquet"
        pl.read_parquet(path).head(ROWS).write_parquet(path)
    commands, script = 0, []
    for language, name, written in _FENCE.findall(text):
        body = re.sub(r"(-n \d+|sample\(\d+_?)000\b", r"\g<1>00", written)
        if language in {"sh", "console"}:
            _runs(["bash", "-euo", "pipefail", "-c", body], tmp_path)
            commands += len(re.findall(r"^neotype ", body, re.MULTILINE))
        elif name:
            (tmp_path / name).write_text(body, encoding="utf-8")
        if language == "python" and not name:
            script.append(body)
    assert commands, "the page shows no command"
    if script:
        _runs([sys.executable, "-c", "\n".join(script)], tmp_path)


def _runs(command: list[str], folder: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{command[-1]}\n{done.stdout}\n{done.stderr}"
