"""The documentation names everything a user can name, and its code runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import neotype as nt
from neotype import registry
from neotype.cli import app
from neotype.plan import Plan, hyperparameters, read_plan

HOME = Path(__file__).parents[1]
HEADINGS = {
    line.lstrip("#").strip().replace("`", "")
    for page in (HOME / "docs").rglob("*.md")
    for line in page.read_text(encoding="utf-8").splitlines()
    if line.startswith("#")
}
VERBS = [command.name for command in app.registered_commands]
ERRORS = [name for name in nt.__all__ if name.endswith("Error")]


def headed(name: str) -> bool:
    """Whether a heading is the name, or begins with it."""
    return any(re.match(rf"{re.escape(name)}(\W|$)", heading) for heading in HEADINGS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_heading(verb: str) -> None:
    assert headed(f"neotype {verb}")


@pytest.mark.parametrize("name", ERRORS)
def test_every_error_has_a_heading(name: str) -> None:
    assert headed(name)


@pytest.mark.parametrize("what", ["synthesizer", "metric", "constraint", "table_constraint"])
def test_every_registered_name_has_a_heading(what: str) -> None:
    assert [name for name in registry.names(what) if not headed(name)] == []


@pytest.mark.parametrize("name", registry.names("metric"))
def test_the_table_of_measures_says_what_is_judged_and_leads_to_the_page(name: str) -> None:
    pages = HOME / "docs" / "measures"
    table = (pages / "README.md").read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| \[`{name}`\]\((\w+\.md)#{name}\) \|(.*)\|$", table, re.MULTILINE)
    page, cells = row[0], [cell.strip() for cell in row[1].split("|")]
    assert f"\n## {name}\n" in (pages / page).read_text(encoding="utf-8")
    metric = registry.find("metric", name)
    assert cells[0] == metric.axis
    assert cells[2] == metric.better.replace("_", " ")
    assert cells[4] in ("–", f"{metric.tolerance:g}".lstrip("0") or "0")


@pytest.mark.parametrize("name", registry.names("synthesizer"))
def test_every_hyperparameter_is_told(name: str) -> None:
    page = (HOME / "docs" / "synthesizers.md").read_text(encoding="utf-8")
    fields = hyperparameters(registry.find("synthesizer", name))
    assert [field for field in fields if f"`{field}`" not in page] == []


def test_every_option_is_in_the_page_of_the_command_line() -> None:
    page = (HOME / "docs" / "cli.md").read_text(encoding="utf-8")
    settings = [field.alias or name for name, field in Plan.model_fields.items()]
    assert [name for name in settings if not re.search(rf"^{name}:", page, re.MULTILINE)] == []


def test_the_plan_in_the_docs_is_a_plan(tmp_path: Path) -> None:
    page = (HOME / "docs" / "cli.md").read_text(encoding="utf-8")
    plan = tmp_path / "plan.yaml"
    plan.write_text(page.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    assert read_plan(plan).target == "income"


def test_links_between_pages_lead_somewhere() -> None:
    pages = [*(HOME / "docs").rglob("*.md"), *HOME.glob("*.md"), HOME / "examples" / "README.md"]
    broken = [
        f"{page.name}: {link}"
        for page in pages
        for link in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
        if not re.match(r"[a-z]+:", link) and not (page.parent / link).exists()
    ]
    assert broken == []


def test_the_python_of_the_readme_runs(tmp_path: Path) -> None:
    readme = (HOME / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert blocks, "the README shows no Python"
    # The README learns all of Adult; a part of it shows as well that the lines run.
    (tmp_path / "examples").mkdir()
    for name in ("adult", "adult_holdout"):
        whole = pl.read_parquet(HOME / "examples" / f"{name}.parquet")
        whole.head(2000).write_parquet(tmp_path / "examples" / f"{name}.parquet")
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(blocks)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
