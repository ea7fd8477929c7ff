"""Databases and panels, learnt from one half of their families and compared with the other half."""

from __future__ import annotations

import math
import re
import statistics
import subprocess
import time
from collections.abc import Iterable
from typing import Any

from benchmarks.deep import WIDTHS, deep
from benchmarks.families import CASES, SHIPPED, Case, Number, given
from benchmarks.measure import ROOT, Clock, alone, table
from neotype.data import Dataset, conform
from neotype.evaluate.asked import Asked
from neotype.evaluate.evaluate import build, evaluate
from neotype.evaluate.metric import Score
from neotype.evaluate.relational.between import Between, OfTables
from neotype.evaluate.relational.database import measured
from neotype.evaluate.relational.databases import Databases
from neotype.links import Links
from neotype.rng import Rng
from neotype.schema.infer import infer_schema
from neotype.schema.keys import Keys
from neotype.synth.learn import learn
from neotype.synth.relational.layout import Layout
from neotype.synth.trees import Trees


def _warm() -> None:
    """Load every library and compiled kernel, so that they are not counted."""
    frames, keys = deep(1)
    few = {name: frame for name, frame in frames.items() if name in ("t6a", "t7a")}
    ties = tuple(tie for tie in keys.foreign if {tie.parent, tie.child} <= set(few))
    schema = infer_schema(few, keys=Keys(dict.fromkeys(few, ("id",)), {}, ties))
    learn(Trees(), Dataset(schema, few), rng=Rng(0)).sample(None, rng=Rng(0))


def _made(case: Case, data: Dataset, seed: int, owners: int) -> tuple[Dataset, dict[str, Any]]:
    """A synthetic data set like this one, and what it cost."""
    import neotype as nt

    _warm()
    clock = Clock()
    if case.entity is not None:
        fitted = nt.fit(data.frame, entity=case.entity, sequence=case.sequence, seed=seed)
        fit, _ = clock.lap()
        made = fitted.draw(owners=owners, seed=seed)
        made = conform(made.frame, data.schema, what="the synthetic table")
    else:
        model = learn(Trees(), data, rng=Rng(seed).child("fit"))
        fit, _ = clock.lap()
        made = model.sample(None, rng=Rng(seed).child("sample"))
    draw, _ = clock.lap()
    return made, {"fit": fit, "sample": draw, "GiB": Clock.peak()}


def cost(name: str, folder: str) -> dict[str, Any]:
    """What learning all of a data set and drawing as much costs."""
    case, data = CASES[name], given(name, folder)
    owners = data.frame[case.entity].n_unique() if case.entity else 0
    made, spent = _made(case, data, 0, owners)
    return {**spent, "rows": sum(made.sizes.values()), "children": _children(data)}


def _children(data: Dataset) -> int:
    """Rows that belong to others: those of tables with a foreign key, or of a panel all."""
    if len(data.schema.tables) == 1:
        return data.rows
    return sum(data.frames[name].height for name in data.schema.tables if data.schema.above(name))


def half(name: str, folder: str, seed: str) -> dict[str, Any]:
    """The numbers of a model of one half of the families, beside the other half."""
    case, data = CASES[name], given(name, folder)
    train, held = data.split(0.5, Rng(int(seed)).child("halves"))
    owners = held.frame[case.entity].n_unique() if case.entity else 0
    made, spent = _made(case, train, int(seed), owners)
    rng = Rng(int(seed)).child("evaluate")
    found: dict[str, Any] = {}
    if case.entity is not None:
        named = {"month": "seasonal_profile"}
        asked = [named.get(one.metric, one.metric) for one in case.numbers]
        scores = evaluate(made, train=train, holdout=held, metrics=asked, rng=rng)
        for one, score in zip(case.numbers, scores, strict=True):
            found[one.title] = _month(score) if one.metric == "month" else told(score)
        return {**spent, "found": found}
    databases = Databases(made, train, held, rng)
    secondary = {
        tie.title
        for layout in [Layout.of(train.schema, Links.of(train.schema, train.frames))]
        for name in train.schema.tables
        for tie in layout.secondary(name)
    }
    for one in case.numbers:
        found[one.title] = _database(one, databases, secondary)
    return {**spent, "found": found}


def _database(one: Number, databases: Databases, secondary: set[str]) -> dict[str, Any]:
    """One number of a database."""
    kind, _, hops = one.metric.partition(" ")
    name = {"children": "cardinality", "fan-out": "cardinality", "trends": "hop_trends"}
    metric = build(name.get(kind, one.metric), Asked())
    if isinstance(metric, OfTables):
        return told(metric.judge(lambda: metric.look_at(databases, one.table)))
    if not isinstance(metric, Between):
        return told(measured(databases, one.table, one.metric, Asked()))
    key = ("score", metric.name)
    (score,) = databases.kept(key, lambda: metric.measure(databases))
    if kind in ("children", "fan-out"):
        return _worst(score, secondary, matched=kind == "fan-out")
    if kind == "trends":
        return _trends(score, int(hops))
    return told(score)


def told(score: Score) -> dict[str, Any]:
    """Value, interval and floor of a score, and what gives the synthetic rows away."""
    why = score.detail.get("importance") or []
    said = ", ".join(f"{one['column']} {one['share']:.0%}" for one in why[:3])
    if score.metric == "between_owner_spread" and score.value is not None:
        said = ", ".join(
            f"{one['column']} {one['between']['synthetic'] / one['between']['train'] - 1:+.0%}"
            for one in score.detail["columns"]
        )
    if score.value is None:
        said = score.meaning
    return {"value": score.value, "interval": score.interval, "floor": score.floor, "why": said}


def _worst(score: Score, secondary: set[str], *, matched: bool) -> dict[str, Any]:
    """The foreign key whose children are furthest from train's, of those that are asked about."""
    known = {
        title: one
        for title, one in score.detail.get("relationships", {}).items()
        if "ks" in one and (title in secondary) == matched
    }
    if not known:
        return {"value": None, "interval": None, "floor": None, "why": "no such key"}
    worst = max(known, key=lambda title: known[title]["ks"])
    one = known[worst]
    mean = statistics.mean(each["ks"] for each in known.values())
    why = f"{worst}; mean of {len(known)} keys {mean:.3f}"
    return {"value": one["ks"], "interval": one["interval"], "floor": one["floor"], "why": why}


def _trends(score: Score, hops: int) -> dict[str, Any]:
    """How far pairs of columns so many foreign keys apart fall short of what real ones reach."""
    one = score.detail.get("hops", {}).get(str(hops))
    if one is None:
        return {"value": None, "interval": None, "floor": None, "why": score.meaning}
    way = next(
        (
            path
            for path in score.detail["paths"]
            if path["path"].count("→") + path["path"].count("←") == hops
        ),
        None,
    )
    worst = "" if way is None else f"; worst {way['path']}: {way['similarity']:.3f}"
    why = f"similarity {one['similarity']:.3f}, real {one['floor']:.3f}{worst}"
    return {"value": one["error"], "interval": None, "floor": None, "why": why}


def _month(score: Score) -> dict[str, Any]:
    one = score.detail.get("parts", {}).get("month")
    if one is None:
        return {"value": None, "interval": None, "floor": None, "why": score.meaning}
    why = ", ".join(
        f"{each['column']} {each['value']:.2f}"
        for each in [one for one in score.detail["profiles"] if one["part"] == "month"][:6]
    )
    return {"value": one["value"], "interval": None, "floor": one["floor"], "why": why}


def growth(times: str) -> dict[str, Any]:
    """Fit and sample the made database with so many times its rows."""
    frames, keys = deep(int(times))
    data = Dataset(infer_schema(frames, keys=keys), frames)
    _warm()
    clock = Clock()
    model = learn(Trees(), data, rng=Rng(0).child("fit"))
    fit, _ = clock.lap()
    made = model.sample(None, rng=Rng(0).child("sample"))
    draw, _ = clock.lap()
    links = Links.of(made.schema, made.frames)
    lost = sum(int((rows < -1).sum()) for rows in links.positions.values())
    return {
        "rows": sum(data.sizes.values()),
        "made": sum(made.sizes.values()),
        "fit": fit,
        "sample": draw,
        "GiB": Clock.peak(),
        "orphans": lost,
    }


def _tried(*arguments: str) -> dict[str, Any]:
    """A measurement in a process of its own, or the error why there is none."""
    try:
        return alone("benchmarks.relational", *arguments)
    except SystemExit as failed:
        lines = str(failed).strip().splitlines()
        told = [line for line in lines if re.match(r"[\w.]+(Error|Exit)\b", line)]
        return {"failed": (told or lines)[-1]}


def numbers(name: str, folder: str) -> list[list[str]]:
    """A line of the table for each number of a data set."""
    case = CASES[name]
    runs = [_tried("half", name, folder, str(seed)) for seed in range(case.splits)]
    failed = [run["failed"] for run in runs if "failed" in run]
    if failed:
        return [[case.title, "", "", f"not measured: {failed[0]}", "", "", ""]]
    lines = []
    for one in case.numbers:
        found = [run["found"][one.title] for run in runs]
        lines.append([case.title, one.title, _asked(one), *_line(one, found)])
    return lines


def _asked(one: Number) -> str:
    if one.asked is None:
        return ""
    return f"{one.best} {f'{one.asked:.0%}' if one.percent else one.written(one.asked)}"


def _line(one: Number, found: list[dict[str, Any]]) -> list[str]:
    """Measured, real holdout, whether it is met, and why, of one number over several splits."""
    values = [each["value"] for each in found if each["value"] is not None]
    if not values:
        return ["–", "–", "", found[0]["why"]]
    mean = statistics.mean(values)
    said = one.written(mean)
    if len(values) > 1:
        said += f" ± {one.written(statistics.stdev(values))}"
    spans = [each["interval"] for each in found if each["interval"] is not None]
    if spans:
        low, high = (statistics.mean(span[end] for span in spans) for end in (0, 1))
        said += f" [{one.written(low)}, {one.written(high)}]"
    floors = [each["floor"] for each in found if each["floor"] is not None]
    floor = statistics.mean(floors) if floors else None
    worst = max if one.best == "≤" else min
    why = worst(
        (each for each in found if each["value"] is not None), key=lambda each: each["value"]
    )
    return [said, one.written(floor), one.met(mean, floor), why["why"]]


def costs(name: str, folder: str) -> list[str]:
    """The line of a data set in the table of costs."""
    case, found = CASES[name], _tried("cost", name, folder)
    if "failed" in found:
        return [case.title, "", f"not measured: {found['failed']}", "", "", "", ""]
    spent = found["fit"] + found["sample"]
    each = spent / max(found["children"], 1) * 1e5
    asked = "" if case.cost is None else f" (≤ {case.cost:.0f})"
    return [
        case.title,
        f"{found['rows']:,}",
        f"{found['fit']:.1f}",
        f"{found['sample']:.1f}",
        f"{spent:.1f}{asked}",
        f"{each:.1f}",
        f"{found['GiB']:.2f}",
    ]


def curve(times: Iterable[int] = (1, 4, 16)) -> str:
    """How the costs of the made database grow with its rows."""
    runs = {each: _tried("growth", str(each)) for each in times}
    rows, most = (
        [],
        max((run["fit"] + run["sample"] for run in runs.values() if "fit" in run), default=1),
    )
    for each, run in runs.items():
        if "failed" in run:
            rows.append([f"{each}×", "", "", "", "", "", f"not measured: {run['failed']}"])
            continue
        spent = run["fit"] + run["sample"]
        cells = [f"{each}×", f"{run['rows']:,}", f"{run['fit']:.1f}", f"{run['sample']:.1f}"]
        cells += [f"{spent / run['rows'] * 1e5:.1f}", f"{run['GiB']:.2f}"]
        rows.append([*cells, "█" * max(1, round(40 * spent / most))])
        print("  ".join(rows[-1]), flush=True)
    done = [run for run in runs.values() if "fit" in run]
    orphans, power = sum(run["orphans"] for run in done), ""
    if len(done) > 1:
        first, last = done[0], done[-1]
        grown = math.log((last["fit"] + last["sample"]) / (first["fit"] + first["sample"]))
        slope = grown / math.log(last["rows"] / first["rows"])
        power = f" CPU-seconds grow as rows to the power {slope:.2f} (1 is linear)."
    note = (
        f"{sum(WIDTHS)} tables on {len(WIDTHS)} levels (`benchmarks/deep.py`), keys to parents, to "
        "tables two levels up, from the top to the bottom (a cycle) and to the table itself. "
        f"Asked: linear time, < 2 GiB. {orphans} references find no row."
        f"{power}"
    )
    head = ["rows at the top", "rows", "fit, CPU-s", "sample, CPU-s", "per 100,000 rows", "GiB"]
    return f"## A made schema of {sum(WIDTHS)} tables\n\n{note}\n\n{table([*head, ''], rows)}\n"


def relational(folder: str | None) -> str:
    """All three tables: numbers, costs, growth."""
    names = CASES if folder else SHIPPED
    lines, spent = [], []
    for name in names:
        for line in numbers(name, folder or ""):
            lines.append(line)
            print("  ".join(line), flush=True)
        spent.append(costs(name, folder or ""))
        print("  ".join(spent[-1]), flush=True)
    head = ["data", "number", "asked", "measured", "real rows", "met", "what tells, worst split"]
    note = (
        f"{_engine()}, {time.strftime('%Y-%m-%d')}. Families are halved at random: the model "
        "learns one half, and what it makes is compared with the other. Mean ± standard deviation "
        "of the splits, in brackets the mean 95 % interval; real rows: what the learnt half scores "
        "in the synthetic one's place. AUC: .5 cannot be told from real rows."
    )
    cost_head = [
        "data",
        "rows made",
        "fit, CPU-s",
        "sample, CPU-s",
        "both",
        "per 100,000 child rows",
    ]
    cost_note = (
        "All rows learnt, as many made; GiB is the peak of the process. Asked of all: "
        "≤ 10 CPU-seconds for 100,000 child rows, < 2 GiB."
    )
    return (
        f"## Numbers\n\n{note}\n\n{table(head, lines)}\n\n"
        f"## Cost\n\n{cost_note}\n\n{table([*cost_head, 'GiB'], spent)}\n\n{curve()}\n"
        "## Servers\n\nReading and writing PostgreSQL, MariaDB, DuckDB and SQLite is measured by "
        "`python -m benchmarks.databases`: see docs/databases.md.\n"
    )


def _engine() -> str:
    """The commit that is measured, and whether the tree has other changes to the package."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty=, with changes", "--exclude=*"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return f"Commit {done.stdout.strip()}" if done.returncode == 0 else "No commit"
