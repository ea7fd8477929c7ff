"""`neotype augment`, `balance` and `scenario`: rows in other shares than the data has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neotype.cli.complete import condition
from neotype.cli.options import Force, Json, Seed, Settings, settings_of, several
from neotype.cli.terminal import listening, out, say_json
from neotype.errors import SchemaError, SourceError

if TYPE_CHECKING:
    from neotype.tasks.balance import Augmented
    from neotype.tasks.fairness import Fair
    from neotype.tasks.scenario import Scenario

AUGMENT = (
    "Example: [bold]neotype augment data.csv --target income --share '>50K=0.5' -o more.csv[/]\n\n"
    "All classes alike: [bold]neotype augment data.csv --target income --share equal -o more.csv[/]"
)
BALANCE = (
    "Example: [bold]neotype balance model.neotype --outcome 'income=>50K' --parity sex "
    "--within education -n 10000 -o fair.csv --holdout holdout.csv[/]"
)
SCENARIO = (
    "Example: [bold]neotype scenario model.neotype --share 'age=65..:0.4' --share sex=Female:0.5 "
    "--mean hours-per-week=35 -n 10000 -o what-if.csv[/]\n\n"
    "The same as a YAML file (shares: {age: {65..: 0.4}}, means: {hours-per-week: 35}): "
    "[bold]neotype scenario model.neotype --file what-if.yaml -o what-if.csv[/]"
)

Model = Annotated[Path, typer.Argument(help="A .neotype file.")]
Output = Annotated[Path, typer.Option("-o", "--output", help="The file to write.")]
Rows = Annotated[
    int | None, typer.Option("-n", "--rows", help="How many; as many as were learnt if unsaid.")
]


def add_to(app: typer.Typer) -> None:
    """Make them verbs."""
    app.command("augment", epilog=AUGMENT)(augment)
    app.command("balance", epilog=BALANCE)(balance)
    app.command("scenario", epilog=SCENARIO)(scenario)


def augment(
    *,
    data: Annotated[Path, typer.Argument(help="The real table.")],
    target: Annotated[str, typer.Option(help="The column whose classes are to have shares.")],
    share: Annotated[
        list[str],
        typer.Option(metavar="CLASS=SHARE", help="'>50K=0.5', repeatable; or equal."),
    ],
    output: Output,
    holdout: Annotated[
        str,
        typer.Option(
            help="Real rows that show what is gained: a file, a share of the data, or none."
        ),
    ] = "0.25",
    synthetic_only: Annotated[
        bool, typer.Option("--synthetic-only", help="Leave the real rows out.")
    ] = False,
    rows: Annotated[
        int | None, typer.Option("-n", "--rows", help="How many, for --synthetic-only.")
    ] = None,
    seen: Annotated[
        int, typer.Option(min=1, help="Warn of classes that have fewer real rows.")
    ] = 50,
    provenance: Annotated[
        str | None, typer.Option(help="Add a column of this name: is the row synthetic?")
    ] = None,
    schema: Annotated[Path | None, typer.Option(help="A schema file.")] = None,
    settings: Settings = None,
    seed: Seed = 0,
    force: Force = False,
    json: Json = False,
) -> None:
    """Add synthetic rows of some classes until these have their share, and measure the gain."""
    from neotype import api
    from neotype.outputs import ready

    chosen, apart = settings_of(settings), _holdout(holdout)
    inputs = [data, schema, apart if isinstance(apart, Path) else None]
    ready(output, force=force, inputs=inputs)
    with listening(quiet=json) as progress:
        made = api.augment(
            data,
            target,
            _classes(share),
            holdout=apart,
            synthetic_only=synthetic_only,
            rows=rows,
            seen=seen,
            schema=schema,
            seed=seed,
            progress=progress,
            **chosen,
        )
    _write(_marked(made.about, provenance), output, made.kind, force=force)
    if json:
        say_json({"output": str(output), **_augmented(made.about)})
    else:
        _show_augmented(made.about, output)


def balance(
    *,
    model: Model,
    outcome: Annotated[
        str, typer.Option(metavar="COLUMN=VALUE", help="The good outcome: 'income=>50K'.")
    ],
    parity: Annotated[
        list[str],
        typer.Option(metavar="A,B", help="Columns whose groups are to have it equally often."),
    ],
    output: Output,
    within: Annotated[
        list[str] | None,
        typer.Option(metavar="C,D", help="Equally often among rows that agree in these columns."),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(help="How often; as often as in the model if unsaid.")
    ] = None,
    holdout: Annotated[
        Path | None, typer.Option(help="Real rows that show what it costs a classifier.")
    ] = None,
    rows: Rows = None,
    seed: Seed = 0,
    force: Force = False,
    json: Json = False,
) -> None:
    """Make rows in which groups have a good outcome equally often, and measure the cost."""
    from neotype import api
    from neotype.outputs import ready

    ready(output, force=force, inputs=[model, holdout])
    with listening(quiet=json) as progress:
        made = api.balance(
            api.load(model),
            dict([condition(outcome)]),
            several(parity),
            within=several(within),
            rate=rate,
            rows=rows,
            holdout=holdout,
            seed=seed,
            progress=progress,
        )
    _write(made.data.frame, output, made.kind, force=force)
    if json:
        say_json({"output": str(output), **_fair(made.about)})
    else:
        _show_fair(made.about, output)


def scenario(
    *,
    model: Model,
    output: Output,
    share: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=VALUE:SHARE", help="'age=65..:0.4', repeatable."),
    ] = None,
    mean: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN=MEAN", help="age=50, repeatable.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="A YAML file with shares and means.")] = None,
    rows: Rows = None,
    seed: Seed = 0,
    force: Force = False,
    json: Json = False,
) -> None:
    """Make rows of a changed world: some shares or means are others, and the rest follows."""
    from neotype import api
    from neotype.outputs import ready

    shares, means = _aims(share, mean, file)
    ready(output, force=force, inputs=[model, file])
    with listening(quiet=json) as progress:
        made = api.scenario(api.load(model), shares, means, rows=rows, seed=seed, progress=progress)
    _write(made.data.frame, output, made.kind, force=force)
    if json:
        say_json({"output": str(output), **_world(made.about)})
    else:
        _show_world(made.about, output)


def _marked(made: Augmented, provenance: str | None) -> Any:
    """The rows, with a column that says which are synthetic where one is asked for."""
    frame = made.data.frame
    if provenance is None:
        return frame
    if provenance in frame.columns:
        raise SchemaError(f"the table has a column '{provenance}' already.", mend="name another")
    return frame.with_columns(made.synthetic.alias(provenance))


def _write(frame: Any, output: Path, kind: Any, *, force: bool) -> None:
    from neotype.source import write

    write(frame, output, force=force, kind=kind)


def _holdout(text: str) -> Path | float | None:
    if text.strip().lower() == "none":
        return None
    try:
        return float(text)
    except ValueError:
        return Path(text)


def _classes(shares: list[str]) -> dict[str, float] | str:
    if shares == ["equal"]:
        return "equal"
    return dict(_number(text, "CLASS=SHARE", ">50K=0.5", "=") for text in shares)


def _number(text: str, form: str, example: str, sign: str) -> tuple[str, float]:
    name, found, value = text.rpartition(sign)
    try:
        return name.strip(), float(value) if found and name.strip() else float("nan!")
    except ValueError:
        raise SchemaError(f"'{text}' is not {form}.", mend=f"write '{example}'") from None


def _aims(
    share: list[str] | None, mean: list[str] | None, file: Path | None
) -> tuple[dict[str, dict[Any, float]], dict[str, float]]:
    shares, means = ({}, {}) if file is None else _read(file)
    for text in share or ():
        asked, number = _number(text, "COLUMN=VALUE:SHARE", "age=65..:0.4", ":")
        column, value = condition(asked)
        shares.setdefault(column, {})[value] = number
    means |= dict(_number(text, "COLUMN=MEAN", "age=50", "=") for text in mean or ())
    return shares, means


def _read(file: Path) -> tuple[dict[str, dict[Any, float]], dict[str, float]]:
    """The shares and means of a YAML file."""
    import yaml

    form = "a file such as: shares: {age: {65..: 0.4}}, means: {hours: 35}"
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SourceError(f"there is no file '{file}'.", mend=form) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as cause:
        raise SchemaError(f"'{file}' cannot be read as YAML: {cause}.", mend=form) from None
    parts = {"shares", "means"}
    if not isinstance(found, dict) or not set(found) <= parts:
        raise SchemaError(f"'{file}' is no scenario.", mend=form)
    shares, means = (found.get(name) or {} for name in ("shares", "means"))
    if not isinstance(shares, dict) or not isinstance(means, dict):
        raise SchemaError(f"'{file}' is no scenario.", mend=form)
    wrong = [name for name, each in shares.items() if not isinstance(each, dict)]
    if wrong:
        raise SchemaError(f"'{file}' gives '{wrong[0]}' no shares.", mend=form)
    return {name: dict(each) for name, each in shares.items()}, dict(means)


def _augmented(made: Augmented) -> dict[str, Any]:
    gain = made.gain
    told = None
    if gain is not None:
        ways = [vars(way) for way in gain.ways]
        told = {"of": gain.of, "ways": ways, "interval": gain.interval, "verdict": gain.verdict}
    classes = [vars(one) for one in made.classes]
    return {"classes": classes, "warnings": list(made.warnings), "gain": told}


def _show_augmented(made: Augmented, output: Path) -> None:
    page = out()
    page.print(f"[green]✓[/] {made.data.rows:,} rows: [bold]{output}[/]")
    for one in made.classes:
        page.print(
            f"  {one.name}: {one.real:,} real, {one.made:,} made, now {one.share:.1%}", markup=False
        )
    for note in made.warnings:
        page.print(f"  {note}", style="yellow", markup=False)
    if made.gain is None:
        return
    page.print(f"  finding {made.gain.of} in {made.gain.rows:,} real rows:", markup=False)
    page.print(f"    {'learnt from':<18}  AUC    PR AUC  balanced  F1", style="dim")
    for way in made.gain.ways:
        numbers = f"{way.auc:.3f}  {way.pr_auc:.3f}   {way.balanced_accuracy:.3f}     {way.f1:.3f}"
        page.print(f"    {way.name:<18}  {numbers}", markup=False)
    page.print(f"  {made.gain.verdict}", markup=False)


def _fair(made: Fair) -> dict[str, Any]:
    return {
        "outcome": made.outcome,
        "gap": {"before": made.gap[0], "after": made.gap[1]},
        "groups": [vars(group) for group in made.groups],
        "cost": None if made.cost is None else [vars(one) for one in made.cost],
    }


def _show_fair(made: Fair, output: Path) -> None:
    from neotype.tasks.fairness import FEW

    page = out()
    page.print(f"[green]✓[/] {made.data.rows:,} rows: [bold]{output}[/]")
    page.print(f"  how often {made.outcome}, before and after:", markup=False)
    for group in made.groups:
        page.print(f"    {group.name}: {group.before:.1%} → {group.after:.1%}", markup=False)
    page.print(f"  gap between groups: {made.gap[0]:.3f} → {made.gap[1]:.3f}")
    if made.small:
        small = "; ".join(group.name for group in made.small)
        told = f"fewer than {FEW} rows of {small}: they do not decide the gap (more rows: -n)"
        page.print(f"  note: {told}", markup=False, style="yellow")
    for one in made.cost or ():
        page.print(
            f"  a classifier that learnt {one.learnt}, on real rows: AUC {one.auc:.3f}, accuracy "
            f"{one.accuracy:.3f}, gap of its calls {one.gap:.3f}, of its hits {one.opportunity:.3f}"
        )


def _world(made: Scenario) -> dict[str, Any]:
    return {
        "reached": [vars(one) for one in made.reached],
        "moved": [vars(one) for one in made.moved],
        "divergence": made.divergence,
        "effective": made.effective,
    }


def _show_world(made: Scenario, output: Path) -> None:
    page = out()
    page.print(f"[green]✓[/] {made.data.rows:,} rows: [bold]{output}[/]")
    for aim in made.reached:
        page.print(
            f"  {aim.aim}: {aim.before:.4g} → {aim.after:.4g} (asked {aim.asked:g})", markup=False
        )
    page.print(f"  {'what else moved' if made.moved else 'nothing else moved'}")
    for one in made.moved[:8]:
        page.print(
            f"    {one.column} by {one.distance:.3f}: {one.of} {one.before:.4g} → {one.after:.4g}",
            markup=False,
        )
    page.print(f"  {made.effective:.0%} of the model's rows are of use in this world", style="dim")
