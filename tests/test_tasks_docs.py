"""The pages about tasks say what runs: their commands and their Python, in order, on few rows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

import neotype as nt
from neotype.cli import app

HOME = Path(__file__).parents[1]
PAGES = ("impute", "partial", "balance", "scenario")


@pytest.mark.parametrize("page", PAGES)
def test_the_page_runs(
    page: str,
    adult: pl.DataFrame,
    adult_holdout: pl.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").mkdir()
    adult.head(1000).write_parquet("examples/adult.parquet")
    adult_holdout.write_parquet("examples/adult_holdout.parquet")
    nt.fit(adult, target="income", refine=0).save("adult.neotype")
    text = (HOME / "docs" / f"{page}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(console|python|yaml)\n(.*?)```", text, re.DOTALL)
    assert {"console", "python"} <= {kind for kind, _ in blocks}
    for kind, block in blocks:
        if kind == "yaml":
            Path("what-if.yaml").write_text(block, encoding="utf-8")
        elif kind == "python":
            exec(compile(block, f"{page}.md", "exec"), {})
        for line in block.splitlines() if kind == "console" else ():
            words = shlex.split(line)
            quick = ["--set", "refine=0"] if words[1] in ("fit", "replace", "augment") else []
            done = CliRunner().invoke(app, [*words[1:], *quick, "--force"])
            assert done.exit_code == 0, f"{line}\n{done.output}"
