"""SDV metadata, V1 and V2, read as a schema and written back.

SDV knows sdtypes where this house knows kinds. What has no kind of its own (email, address) keeps
its sdtype at the head of the reason, from which it is written back. SDV metadata does not say how
the data is stored: `neotype.schema.infer.adopt` adds that from the data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from neotype.errors import SchemaError, did_you_mean
from neotype.personal.categories import CATEGORIES, FORMED, Category
from neotype.schema.schema import (
    NUMBERED,
    Boolean,
    Categorical,
    Column,
    Constant,
    Datetime,
    Duration,
    Geo,
    Identifier,
    Json,
    Numeric,
    Ordinal,
    Personal,
    Relationship,
    Schema,
    Table,
    Text,
)

Version = Literal["V1", "V2"]

_CATEGORIES: Mapping[str, Category] = {
    "email": "email",
    "phone_number": "phone",
    "ssn": "national_id",
    "iban": "iban",
    "bban": "iban",
    "credit_card_number": "card_number",
    "ipv4_address": "ipv4",
    "ipv6_address": "ipv6",
    "mac_address": "mac",
    "user_name": "username",
    "license_plate": "licence_plate",
    "passport_number": "passport",
    "name": "full_name",
    "first_name": "first_name",
    "last_name": "last_name",
    "address": "address",
    "street_address": "street_address",
    "url": "url",
    "password": "password",
}
"""sdtypes that are a category of personal data here."""
_ACCOUNTS = frozenset(
    ("swift", "user_agent_string", "vin", "bank_account", "routing_number", "uuid")
)
_PLACES = frozenset(
    ("city", "state", "state_abbr", "country", "country_code", "administrative_unit", "postcode")
)
_PROSE = frozenset(("company",))
_SDTYPES = ("id", "numerical", "datetime", "categorical", "ordinal", "boolean", "text", "unknown")
_HELD = "SDV sdtype "


def is_sdv(document: Any) -> bool:
    """Whether a JSON document is SDV metadata."""
    if not isinstance(document, Mapping) or "neotype_schema" in document:
        return False
    if "METADATA_SPEC_VERSION" in document:
        return True
    columns = document.get("columns")
    return isinstance(columns, Mapping) and any(
        isinstance(column, Mapping) and "sdtype" in column for column in columns.values()
    )


def from_sdv(document: Mapping[str, Any], *, name: str = "table") -> Schema:
    """The schema that SDV metadata describes; `name` names the table of V1 single-table metadata.

    SchemaError lists every column that cannot be read.
    """
    tables = document.get("tables")
    if tables is None:
        if "columns" not in document:
            raise SchemaError(
                "the SDV metadata has neither 'tables' nor 'columns'.",
                found=f"it has: {', '.join(map(str, document))}",
            )
        tables = {name: document}
    faults: list[str] = []
    made: dict[str, Table] = {}
    for table, content in tables.items():
        made[table] = _table(table, content, faults)
    if faults:
        raise SchemaError("the SDV metadata cannot be read.", found="\n  ".join(faults))
    relationships = tuple(_relationship(entry, made) for entry in document.get("relationships", ()))
    return Schema(tables=made, relationships=relationships)


def _table(table: str, content: Mapping[str, Any], faults: list[str]) -> Table:
    primary = _names(content.get("primary_key"))
    keys = {*primary, *(k for key in content.get("alternate_keys") or () for k in _names(key))}
    entity, sequence = content.get("sequence_key"), content.get("sequence_index")
    facts = content.get("columns") or {}
    columns: dict[str, Column] = {}
    for name, column in facts.items():
        if not isinstance(column, Mapping) or "sdtype" not in column:
            faults.append(f"- tables.{table}.columns.{name}: has no sdtype")
            continue
        columns[name] = _column(column, facts, key=len(primary) < 2 and name in keys)
    return Table(columns=columns, primary_key=primary, entity=entity, sequence=sequence)


def _names(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


def _column(  # noqa: PLR0911 (one case an sdtype)
    facts: Mapping[str, Any], columns: Mapping[str, Mapping[str, Any]], *, key: bool
) -> Column:
    sdtype = str(facts["sdtype"])
    reason = f"{_HELD}'{sdtype}'"
    match sdtype:
        case "id":
            storage = "String" if facts.get("regex_format") else "Int64"
            pattern = facts.get("regex_format")
            return Identifier(storage=storage, pattern=pattern, unique=key, reason=reason)
        case "numerical":
            return _numeric(facts, reason)
        case "datetime":
            return _datetime(facts, reason)
        case "boolean":
            return Boolean(storage="Boolean", nullable=True, reason=reason)
        case "categorical" | "ordinal":
            return _labels(facts, sdtype, reason)
        case "latitude" | "longitude":
            other = "longitude" if sdtype == "latitude" else "latitude"
            partners = [c for c, f in columns.items() if f.get("sdtype") == other]
            rivals = [c for c, f in columns.items() if f.get("sdtype") == sdtype]
            if len(partners) == 1 and len(rivals) == 1:
                return Geo(
                    storage="Float64",
                    nullable=True,
                    axis=sdtype,
                    partner=partners[0],
                    reason=reason,
                )
            return Numeric(storage="Float64", nullable=True, reason=f"{reason} without its pair")
    return _semantic(sdtype, facts, reason, key=key)


def _semantic(sdtype: str, facts: Mapping[str, Any], reason: str, *, key: bool) -> Column:
    """What SDV makes with Faker: who somebody is is made anew, places are labels."""
    held: dict[str, Any] = {"storage": "String", "nullable": not key}
    if facts.get("pii") is False:
        return Categorical(**held, reason=f"{reason} (pii: false): its labels are learnt")
    if sdtype in _CATEGORIES:
        category = _CATEGORIES[sdtype]
        return Personal(
            **held,
            category=category,
            treatment="pattern" if category in FORMED or category == "national_id" else "fake",
            unique=key,
            reason=f"{reason}: personal, made anew",
        )
    if sdtype in _ACCOUNTS or key:
        return Identifier(**held, unique=key, reason=f"{reason}: personal, made anew")
    if sdtype in _PLACES:
        return Categorical(**held, reason=f"{reason}: labels, the rare ones protected")
    if sdtype in _PROSE or sdtype in _SDTYPES:
        return Text(**held, reason=f"{reason}: text")
    near = did_you_mean(sdtype, (*_SDTYPES, *_CATEGORIES, *_ACCOUNTS, *_PLACES, *_PROSE))
    return Text(
        **held, reason=f"{reason} is not known and is taken as text; {near or ''}".rstrip("; ")
    )


def _numeric(facts: Mapping[str, Any], reason: str) -> Numeric:
    form = str(facts.get("computer_representation", "Float"))
    decimals = facts.get("decimal_places")
    whole = form.startswith(("Int", "UInt")) or decimals == 0
    return Numeric(
        storage=form if whole and form != "Float" else "Float64",
        nullable=True,
        subtype="integer" if whole else ("decimal" if decimals else "float"),
        decimals=0 if whole else decimals,
        minimum=facts.get("range_min"),
        maximum=facts.get("range_max"),
        reason=reason if form == "Float" else f"{reason}, computer_representation '{form}'",
    )


def _datetime(facts: Mapping[str, Any], reason: str) -> Datetime:
    form = facts.get("datetime_format")
    clock = form is None or any(mark in form for mark in ("%H", "%I", "%T", "%X", "%c"))
    day = form is None or any(mark in form for mark in ("%Y", "%y", "%d", "%D", "%x", "%c", "%F"))
    part: Literal["datetime", "date", "time"] = "datetime"
    if not (clock and day):
        part = "date" if day else "time"
    return Datetime(
        storage="String" if form else "Datetime[us]",
        nullable=True,
        part=part,
        format=form,
        resolution="day" if part == "date" else "microsecond",
        reason=reason,
    )


def _labels(facts: Mapping[str, Any], sdtype: str, reason: str) -> Column:
    values = facts.get("range_values") or facts.get("order")
    if isinstance(values, list) and values:
        storage = "String" if all(isinstance(v, str) for v in values) else "Int64"
        if sdtype == "ordinal" or "order" in facts:
            return Ordinal(storage=storage, nullable=True, values=tuple(values), reason=reason)
        return Categorical(storage=storage, nullable=True, values=tuple(values), reason=reason)
    if sdtype == "ordinal":
        reason += " without range_values, so without an order"
    return Categorical(storage="String", nullable=True, reason=reason)


def _relationship(entry: Mapping[str, Any], tables: Mapping[str, Table]) -> Relationship:
    fields = ("parent_table_name", "parent_primary_key", "child_table_name", "child_foreign_key")
    missing = [field for field in fields if field not in entry]
    if missing:
        raise SchemaError(f"a relationship of the SDV metadata lacks {', '.join(missing)}.")
    for side in ("parent", "child"):
        table = entry[f"{side}_table_name"]
        if table not in tables:
            raise SchemaError(
                f"a relationship names the table '{table}', which does not exist.",
                found=f"tables: {', '.join(tables)}",
                mend=did_you_mean(str(table), tables),
            )
        key = "parent_primary_key" if side == "parent" else "child_foreign_key"
        for name in _names(entry[key]):
            tables[table].column(name, asked_by=f"a relationship, {key},")
    return Relationship(
        parent=entry["parent_table_name"],
        parent_key=_names(entry["parent_primary_key"]),
        child=entry["child_table_name"],
        child_key=_names(entry["child_foreign_key"]),
    )


def to_sdv(schema: Schema, version: Version = "V2") -> dict[str, Any]:
    """SDV metadata of the schema, as a JSON-ready dict.

    V1 is MULTI_TABLE_V1, or SINGLE_TABLE_V1 for one table. SDV has no sdtype for durations,
    constants and nested values: they become categorical; and none for references of which another
    column names the table: they are left out.
    """
    if version not in ("V1", "V2"):
        raise SchemaError(f"SDV metadata has no version '{version}'.", mend="use V1 or V2")
    tables = {name: _table_to_sdv(table, version) for name, table in schema.tables.items()}
    if version == "V1" and len(tables) == 1:
        only = next(iter(tables.values()))
        return {"METADATA_SPEC_VERSION": "SINGLE_TABLE_V1", **only}
    relationships = [
        {
            "parent_table_name": tie.parent,
            "parent_primary_key": _key(tie.parent_key),
            "child_table_name": tie.child,
            "child_foreign_key": _key(tie.child_key),
        }
        for tie in schema.relationships
        if not tie.when
    ]
    spec = "V2" if version == "V2" else "MULTI_TABLE_V1"
    return {"METADATA_SPEC_VERSION": spec, "tables": tables, "relationships": relationships}


def _key(names: tuple[str, ...]) -> str | list[str]:
    return names[0] if len(names) == 1 else list(names)


def _table_to_sdv(table: Table, version: Version) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if table.primary_key:
        out["primary_key"] = _key(table.primary_key)
    others = [
        name
        for name, column in table.columns.items()
        if isinstance(column, NUMBERED) and column.unique and name not in table.primary_key
    ]
    if others:
        out["alternate_keys"] = others
    if table.entity is not None:
        out["sequence_key"] = table.entity
        if table.sequence is not None:
            out["sequence_index"] = table.sequence
    out["columns"] = {
        name: _column_to_sdv(column, version) for name, column in table.columns.items()
    }
    return out


def _column_to_sdv(column: Column, version: Version) -> dict[str, Any]:  # noqa: C901, PLR0911 (one case a kind)
    held = _held(column.reason)
    match column:
        case Numeric() if held not in ("latitude", "longitude"):
            return _numeric_to_sdv(column, version)
        case Datetime():
            form = {"datetime_format": column.format} if column.format else {}
            return {"sdtype": "datetime", **form}
        case Boolean():
            return {"sdtype": "boolean"}
        case Geo():
            return {"sdtype": column.axis, "pii": True}
        case Personal():
            return {"sdtype": held or CATEGORIES[column.category].sdtype, "pii": True}
        case Ordinal():
            if version == "V1":
                return {"sdtype": "categorical", "order": list(column.values)}
            return {"sdtype": "ordinal", "range_values": list(column.values)}
        case Identifier() if held in (None, "id"):
            form = {"regex_format": column.pattern} if column.pattern else {}
            return {"sdtype": "id", **form}
        case Categorical() if held in (None, "categorical", "ordinal"):
            values = {"range_values": list(column.values)} if column.values else {}
            return {"sdtype": "categorical", **(values if version == "V2" else {})}
        case Text() if held is None:
            return {"sdtype": "text", "pii": True}
        case Duration() | Constant() | Json():
            return {"sdtype": "categorical"}
    return {"sdtype": held or "unknown", "pii": "(pii: false)" not in column.reason}


def _numeric_to_sdv(column: Numeric, version: Version) -> dict[str, Any]:
    out: dict[str, Any] = {"sdtype": "numerical"}
    if column.storage.startswith(("Int", "UInt")):
        out["computer_representation"] = column.storage
    elif column.subtype == "integer":
        out["computer_representation"] = "Float"
    if version == "V2":
        facts = {
            "decimal_places": column.decimals or None,
            "range_min": column.minimum,
            "range_max": column.maximum,
        }
        out |= {name: value for name, value in facts.items() if value is not None}
    return out


def _held(reason: str) -> str | None:
    """The sdtype that the reason holds."""
    if not reason.startswith(_HELD + "'"):
        return None
    return reason.removeprefix(_HELD + "'").partition("'")[0]
