"""The schema as a file: YAML that a person can edit, our JSON, or SDV metadata.

Errors name the path of the fault in the file and the nearest mend, all faults at once.
"""

from __future__ import annotations

import json
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import indent
from types import MappingProxyType
from typing import Any

import polars as pl
import yaml
from pydantic import ValidationError

from neotype.errors import SchemaError, SourceError, did_you_mean
from neotype.outputs import appearing
from neotype.schema.between import TableConstraint
from neotype.schema.constraint import Constraint
from neotype.schema.distribution import TAGS, Distribution, untersed
from neotype.schema.infer import adopt
from neotype.schema.placed import at_their_tables
from neotype.schema.schema import (
    KINDS,
    Boolean,
    Column,
    Datetime,
    Duration,
    Geo,
    Numeric,
    Relationship,
    Schema,
    Table,
)
from neotype.schema.sdv import from_sdv, is_sdv
from neotype.schema.storage import storage_dtype

VERSION = 1

_NO_REMARKS: Any = MappingProxyType({})

_HEADER = """\
# What the columns mean. Edit what is wrong and give the file back: --schema schema.yaml
#
# kind      numeric, categorical, ordinal (values: lowest first), boolean, datetime, duration,
#           identifier (made anew, never learnt), text, geo, constant, json,
#           personal (who somebody is; treatment: fake, pattern, pseudonym, keep, mask,
#           generalise, shift, drop)
# storage   the dtype of your data; leave it as it is
# entity    the column whose owner a row belongs to: a split never divides an owner
# sequence  the column that orders the rows of an owner
# public    true: values of this column may be published, rare ones too; of a table: it is kept
# reason    why the kind was guessed; it changes nothing
"""

_DRAWN = ("formula", "depends_on", "distribution", "missing")
_Column = typing.get_args(typing.get_args(Column)[0])
_MODELS: dict[str, Any] = {model.model_fields["kind"].default: model for model in _Column}


def read_schema(path: Path | str, *, frames: Mapping[str, pl.DataFrame] | None = None) -> Schema:
    """The schema in a file: our YAML or JSON, or SDV metadata V1 or V2, told by its content.

    SDV metadata does not say how the data is stored; that is taken from `frames` where they are
    given. SchemaError lists every fault with its path.
    """
    path = Path(path).expanduser()
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as cause:
        raise SourceError(f"'{path}' cannot be read: {cause.strerror or cause}.") from cause
    except UnicodeDecodeError:
        raise SchemaError(
            f"'{path}' is not a text file.", mend="give a YAML or JSON file"
        ) from None
    document = _parsed(text, path)
    if is_sdv(document):
        schema = from_sdv(document, name=path.stem)
        return schema if frames is None else adopt(schema, frames)
    return from_document(document, origin=path.name)


Declared = Constraint | TableConstraint
Remarks = Mapping[str, Sequence[tuple[Declared, str]]]
"""Of each table: constraints that may be taken up, and what speaks for each. Those between tables
are of the table ""."""


def write_schema(
    schema: Schema,
    path: Path | str,
    *,
    force: bool = False,
    remarks: Remarks = _NO_REMARKS,
    proposed: Sequence[Relationship] = (),
) -> Path:
    """The schema as YAML, or as JSON where the path ends in .json; whole or not at all.

    `remarks` and `proposed` are written into the YAML as comments, so that a line can be made a
    constraint or a foreign key.
    """
    path = Path(path).expanduser()
    as_json = path.suffix.lower() == ".json"
    with appearing(path, force=force) as file:
        document = to_document(schema)
        text = (
            json.dumps(document, ensure_ascii=False, indent=2)
            if as_json
            else to_yaml(schema, remarks, proposed)
        )
        file.write(text.encode())
    return path


def to_document(schema: Schema) -> dict[str, Any]:
    """Plain dicts and lists; of each column its kind and what differs from the defaults."""
    tables = {name: _told(table) for name, table in schema.tables.items()}
    document: dict[str, Any] = {"neotype_schema": VERSION, "tables": tables}
    if schema.relationships:
        document["relationships"] = [_tied(tie) for tie in schema.relationships]
    if schema.constraints:
        document["constraints"] = [_declared(one) for one in schema.constraints]
    return document


def _told(table: Table) -> dict[str, Any]:
    facts = {
        "primary_key": list(table.primary_key),
        "entity": table.entity,
        "sequence": table.sequence,
        "public": table.public,
        "rows": table.rows,
        "sensitive": list(table.sensitive),
        "quasi_identifiers": list(table.quasi_identifiers),
        "columns": {key: _written(column) for key, column in table.columns.items()},
        "correlations": {one: dict(of) for one, of in table.correlations.items()},
        "constraints": [_declared(one) for one in table.constraints],
    }
    return {key: fact for key, fact in facts.items() if fact or key == "columns"}


def _written(column: Column) -> dict[str, Any]:
    facts = column.model_dump(mode="json", exclude_defaults=True)
    reason = facts.pop("reason", None)
    storage = facts.pop("storage")
    if len(column.depends_on) == 1:
        facts["depends_on"] = column.depends_on[0]
    drawn = {key: facts.pop(key) for key in _DRAWN if key in facts}
    if "distribution" in drawn:
        drawn["distribution"] = _one_line(untersed(drawn["distribution"], column.kind))
    ordered = {"kind": column.kind, **facts, "storage": storage, **drawn}
    return ordered | ({"reason": reason} if reason else {})


def _tied(tie: Relationship) -> dict[str, Any]:
    """The child first, as a foreign key is read."""
    facts = tie.model_dump(mode="json", exclude_defaults=True)
    order = ("child", "child_key", "parent", "parent_key", "when", "reason")
    return {key: facts[key] for key in order if key in facts}


def _declared(one: Declared) -> dict[str, Any]:
    facts = one.model_dump(mode="json", exclude_defaults=True)
    first = {key: facts[key] for key in ("table",) if key in facts}
    return {"type": one.type, **first, **facts}


def to_yaml(
    schema: Schema, remarks: Remarks = _NO_REMARKS, proposed: Sequence[Relationship] = ()
) -> str:
    """The YAML file, with a header that says what may be edited, and proposals as comments."""
    document = to_document(schema)
    tables = document.pop("tables")
    relationships = document.pop("relationships", None)
    between = document.pop("constraints", None)
    parts = [_HEADER, _yaml(document) + "tables:"]
    for name, written in tables.items():
        parts.append(indent(_yaml({name: written}), "  ").rstrip("\n"))
        if remarks.get(name):
            parts += _remarked(remarks[name], declared="constraints" in written)
    if relationships:
        parts.append(_yaml({"relationships": relationships}).rstrip("\n"))
    if proposed:
        bare = [(tie.model_copy(update={"reason": ""}), tie.reason) for tie in proposed]
        lines = [(_tied(tie), evidence) for tie, evidence in bare]
        parts += _commented("relationships", lines, declared=bool(relationships), edge="")
    if between:
        parts.append(_yaml({"constraints": between}).rstrip("\n"))
    if remarks.get(""):
        parts += _remarked(remarks[""], declared=bool(between), depth=0)
    return "\n".join(parts) + "\n"


def _remarked(
    remarks: Sequence[tuple[Declared, str]], *, declared: bool, depth: int = 2
) -> list[str]:
    """Constraints as comments of the list that they would be lines of."""
    lines = [(_declared(one), evidence) for one, evidence in remarks]
    return _commented("constraints", lines, declared=declared, edge="  " * depth)


def _commented(
    role: str, items: Sequence[tuple[dict[str, Any], str]], *, declared: bool, edge: str
) -> list[str]:
    lines = [
        f"{edge}# Found in the data, and not applied. Uncomment what is a rule, not an accident:"
    ]
    if not declared:
        lines.append(f"{edge}{role}:")
    for item, evidence in items:
        line = _yaml(item, flow=True).strip()
        # A name may hold an end of line: every line of a comment is one.
        lines.append(f"{edge}# " + " ".join(evidence.split()))
        first, *more = line.splitlines()
        lines += [f"{edge}#- {first}", *(f"{edge}#  {part}" for part in more)]
    return lines


def _yaml(document: Any, *, flow: bool = False) -> str:
    return yaml.dump(
        document,
        Dumper=_Dumper,
        allow_unicode=True,
        sort_keys=False,
        default_flow_style=flow,
        width=10_000 if flow else 100,
    )


class _Dumper(yaml.SafeDumper):
    """Lists on one line; no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _flow_list(dumper: _Dumper, data: list[Any]) -> yaml.Node:
    flow = all(not isinstance(item, dict | list) for item in data)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=flow)


class _OneLine(dict[Any, Any]):
    """A law and its parameters, or weights: a mapping that is written on one line."""


def _one_line(value: Any) -> Any:
    """Mappings of plain values on one line, with numbers as keys where they are numbers."""
    if not isinstance(value, Mapping):
        return [_one_line(item) for item in value] if isinstance(value, list) else value
    made = {_key(key): _one_line(one) for key, one in value.items()}
    nested = any(isinstance(one, Mapping) or _nested(one) for one in made.values())
    return made if nested else _OneLine(made)


def _key(key: str) -> Any:
    return int(key) if key.isdecimal() and str(int(key)) == key else key


def _nested(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, Mapping) for item in value)


def _flow_mapping(dumper: _Dumper, data: _OneLine) -> yaml.Node:
    return dumper.represent_mapping("tag:yaml.org,2002:map", data, flow_style=True)


def _text(dumper: _Dumper, data: str) -> yaml.Node:
    """Letters that end a line in YAML, and only there, are escaped."""
    style = '"' if any(mark in data for mark in "\x85\u2028\u2029\ufeff\r") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Dumper.add_representer(list, _flow_list)
_Dumper.add_representer(_OneLine, _flow_mapping)
_Dumper.add_representer(str, _text)


class _Loader(yaml.SafeLoader):
    """Keys stay as they are written (a column may be called 2010, on or 1.10), and come once."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        pairs: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise SchemaError(f"line {line}: a name is not plain text.")
            key = key_node.value
            if key in pairs:
                raise SchemaError(f"line {line}: '{key}' comes a second time.", mend="keep one")
            pairs[key] = self.construct_object(value_node, deep=True)
        return pairs


def _construct_map(loader: _Loader, node: Any) -> dict[Any, Any]:
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor("tag:yaml.org,2002:map", _construct_map)
# a date in a list of labels is a label
_Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: node.value)


def _parsed(text: str, path: Path) -> Any:
    if path.suffix.lower() == ".json" or text.lstrip().startswith("{"):
        try:
            return json.loads(text)
        except json.JSONDecodeError as cause:
            raise SchemaError(
                f"'{path.name}' is not JSON: {cause.msg} in line {cause.lineno}, "
                f"column {cause.colno}."
            ) from None
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as cause:
        mark = cause.problem_mark or cause.context_mark
        place = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise SchemaError(
            f"'{path.name}' is not YAML: {cause.problem or cause.context}{place}.",
            mend="check the indentation, and quote texts that hold : # { or [",
        ) from None
    except yaml.YAMLError as cause:
        raise SchemaError(f"'{path.name}' is not YAML: {cause}.") from None


def from_document(document: Any, *, origin: str = "the schema") -> Schema:
    """The schema of plain dicts and lists; SchemaError lists every fault with its path."""
    if not isinstance(document, Mapping) or "tables" not in document:
        found = ", ".join(map(str, document)) if isinstance(document, Mapping) else "no mapping"
        raise SchemaError(
            f"'{origin}' is not a schema: it has no 'tables'.",
            found=f"it has: {found[:200]}",
            mend="make one with: neotype inspect data.csv --write schema.yaml",
        )
    version = document.get("neotype_schema", VERSION)
    if version != VERSION:
        raise SchemaError(
            f"'{origin}' is a schema of version {version}; this neotype reads {VERSION}.",
            mend="upgrade neotype",
        )
    facts = {key: value for key, value in document.items() if key != "neotype_schema"}
    facts = _without_none(facts)
    if isinstance(facts["tables"], Mapping):
        facts["tables"] = {key: _without_none(table) for key, table in facts["tables"].items()}
        facts = at_their_tables(facts, origin)
    try:
        schema = Schema.model_validate(facts)
    except ValidationError as cause:
        raise _explained(cause, origin) from None
    _check_storage(schema, origin)
    return schema.settled()


def _without_none(table: Any) -> Any:
    """A list of proposals of which none was taken up is empty."""
    if not isinstance(table, Mapping):
        return table
    lists = ("constraints", "relationships")
    return {key: value for key, value in table.items() if value is not None or key not in lists}


def _explained(cause: ValidationError, origin: str) -> SchemaError:
    faults = [fault for error in cause.errors() for fault in _faults(error)]
    return _faulty(origin, list(dict.fromkeys(faults)))


def _faulty(origin: str, faults: list[str]) -> SchemaError:
    listed = "\n  ".join(f"- {fault}" for fault in faults)
    return SchemaError(f"'{origin}' has {len(faults)} fault{'s'[: len(faults) > 1]}.", found=listed)


def _faults(error: Any) -> list[str]:
    if error["type"] != "faults":
        return [_fault(error)]
    path = ".".join(map(str, error["loc"]))
    return [f"{path}.{fault}" for fault in error["ctx"]["faults"]]


def _fault(error: Any) -> str:  # noqa: PLR0911 (one return a kind of fault)
    """One sentence: the path, what is wrong, the nearest mend."""
    model, place = _place(error["loc"])
    path = ".".join(map(str, place))
    match error["type"]:
        case "union_tag_invalid":
            kind = str(error["ctx"]["tag"])
            near = did_you_mean(kind, KINDS) or f"kinds: {', '.join(KINDS)}"
            return f"{path}: kind '{kind}' does not exist; {near}"
        case "union_tag_not_found":
            return f"{path}: has no kind; kinds: {', '.join(KINDS)}"
        case "extra_forbidden":
            known = [name for name in model.model_fields if name != "kind"]
            near = did_you_mean(str(place[-1]), known) or f"it may have: {', '.join(known)}"
            return f"{path}: '{place[-1]}' is not known here; {near}"
        case "missing":
            return f"{path}: is missing"
        case "literal_error":
            given, expected = error["input"], str(error["ctx"]["expected"])
            words = [word.strip("' ") for word in expected.replace(" or ", ",").split(",")]
            near = did_you_mean(str(given), words) or f"give one of {', '.join(words)}"
            return f"{path}: {given!r} is not allowed; {near}"
        case "value_error" if isinstance(error["input"], Mapping):
            return f"{path}: {error['ctx']['error']}"
    return f"{path}: {error['msg']} (it is {error['input']!r:.60})"


def _place(loc: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    """The model that a path ends in, and the path without the kinds that pydantic puts in."""
    model: Any = Schema
    place: list[Any] = []
    for at, part in enumerate(loc):
        if at == 4 and part in _MODELS and loc[2] == "columns":
            model = _MODELS[part]
            continue
        if at > 4 and part == "distribution":
            model = Distribution
        if model is Distribution and part in ("cases", *TAGS):
            continue
        if at == 1 and loc[0] == "tables":
            model = Table
        elif at == 1 and loc[0] == "relationships":
            model = Relationship
        place.append(part)
    return model, tuple(place)


def _check_storage(schema: Schema, origin: str) -> None:
    """Every storage is the name of a dtype that can hold the kind."""
    faults = []
    for table, content in schema.tables.items():
        for name, column in content.columns.items():
            path = f"tables.{table}.columns.{name}"
            try:
                dtype = storage_dtype(column.storage)
            except SchemaError as cause:
                faults.append(f"{path}.storage: {cause.problem} {cause.mend or ''}".rstrip())
                continue
            wrong = _unfit(column, dtype)
            if wrong:
                faults.append(f"{path}: {wrong}")
    if faults:
        raise _faulty(origin, faults)


def _unfit(column: Column, dtype: pl.DataType) -> str | None:
    """Why a column of this storage cannot be of this kind."""
    match column:
        case Numeric() | Geo() if not dtype.is_numeric():
            return f"kind {column.kind} needs numbers, and the storage is {column.storage}"
        case Duration() if not isinstance(dtype, pl.Duration):
            return f"kind duration needs a Duration, and the storage is {column.storage}"
        case Datetime() if dtype == pl.String and column.format is None:
            return "kind datetime on text needs a format, such as '%Y-%m-%d'"
        case Datetime() if dtype != pl.String and (
            not dtype.is_temporal() or isinstance(dtype, pl.Duration)
        ):
            return f"kind datetime needs dates or text, and the storage is {column.storage}"
        case Boolean() if dtype != pl.Boolean and column.labels is None:
            return "kind boolean on text or numbers needs labels: [the false one, the true one]"
    return None
