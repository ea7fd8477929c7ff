"""The package of docs/architecture.md, installed: a family like any other, under the same laws."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import neotype as nt

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def told(name: str) -> str:
    """The file of that name, as the page shows it."""
    found = re.search(rf"`{re.escape(name)}`:\n\n```\w+\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None, name
    return found[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder on the path with the module and what an installer writes beside it."""
    place = tmp_path_factory.mktemp("site")
    project = tomllib.loads(told("pyproject.toml"))["project"]
    (place / "neotype_bayes.py").write_text(told("neotype_bayes.py"))
    beside = place / f"neotype_bayes-{project['version']}.dist-info"
    beside.mkdir()
    (beside / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    points = project["entry-points"]["neotype.synthesizers"]
    lines = [f"{name} = {target}" for name, target in points.items()]
    (beside / "entry_points.txt").write_text("\n".join(["[neotype.synthesizers]", *lines, ""]))
    return place


def run(place: Path, *arguments: str, where: Path = ROOT) -> str:
    paths = os.pathsep.join([str(place), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=where,
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    return done.stdout


def test_a_family_of_another_package_passes_every_law(installed: Path) -> None:
    laws = ["tests/laws/test_synthesizers.py", "-k", "bayes and not bayes_net"]
    told = run(installed, "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *laws)
    passed = re.search(r"(\d+) passed", told)
    assert passed is not None
    assert int(passed[1]) >= 15
    assert "failed" not in told


def test_it_is_named_like_any_other(installed: Path, tmp_path: Path) -> None:
    data, model = ROOT / "examples" / "adult.parquet", tmp_path / "bayes.neotype"
    fit = [str(data), "-o", str(model), "--synthesizer", "bayes", "--set", "first=[income]"]
    run(installed, "neotype", "fit", *fit, where=tmp_path)
    rows = tmp_path / "rows.csv"
    run(installed, "neotype", "sample", str(model), "-n", "50", "-o", str(rows), where=tmp_path)
    assert len(rows.read_text().splitlines()) == 51
    with pytest.raises(nt.NeotypeError, match="needs what is not installed here"):
        nt.load(model)
