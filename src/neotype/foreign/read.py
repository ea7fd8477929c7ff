"""A schema in whatever language it was written, told by its content."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from neotype.errors import SchemaError, SourceError
from neotype.foreign.dbt import from_dbt, is_dbt
from neotype.foreign.ddl import from_ddl
from neotype.foreign.draft import Imported
from neotype.foreign.json_schema import from_json_schema, from_pydantic
from neotype.foreign.placeholder import begun
from neotype.schema.file import read_schema
from neotype.schema.sdv import is_sdv

SUFFIXES = (".sql", ".ddl", ".json", ".yaml", ".yml")


def import_schema(origin: Any, *, dialect: str | None = None) -> Imported:
    """The schema in a file of SQL DDL, JSON Schema, dbt, SDV metadata or our own, or of a class.

    `origin` is a path, or a pydantic model (the class, or "module:Class" as text). SchemaError
    says what cannot be read; what has no counterpart here is in the notes.
    """
    if isinstance(origin, type):
        return from_pydantic(origin)
    path = Path(origin).expanduser()
    if ":" in str(origin) and not path.exists():
        return from_pydantic(_named_class(str(origin)))
    if path.suffix.lower() in {".sql", ".ddl"}:
        return from_ddl(_text(path), dialect=dialect, origin=f"'{path.name}'")
    document = _document(path)
    if is_dbt(document):
        return from_dbt(document)
    if isinstance(document, dict) and _is_json_schema(document):
        return from_json_schema(document, name=path.name.split(".")[0])
    return Imported(begun(read_schema(path)) if is_sdv(document) else read_schema(path))


def is_foreign(path: Path) -> bool:
    """Whether a file is a schema in another language, and neither data nor our own."""
    if path.suffix.lower() in {".sql", ".ddl"}:
        return True
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return False
    try:
        document = _document(path)
    except SchemaError:
        return False
    if is_dbt(document) or is_sdv(document):
        return True
    return isinstance(document, dict) and _is_json_schema(document)


def _is_json_schema(document: dict[str, Any]) -> bool:
    return "json-schema.org" in str(document.get("$schema", "")) or (
        isinstance(document.get("properties"), dict) and "tables" not in document
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as cause:
        raise SourceError(f"'{path}' cannot be read: {cause.strerror or cause}.") from cause
    except UnicodeDecodeError:
        raise SchemaError(f"'{path}' is not UTF-8 text.") from None


def _document(path: Path) -> Any:
    text = _text(path)
    try:
        return json.loads(text) if path.suffix.lower() == ".json" else yaml.safe_load(text)
    except (json.JSONDecodeError, yaml.YAMLError) as cause:
        raise SchemaError(f"'{path.name}' cannot be read: {cause}") from cause


def _named_class(address: str) -> Any:
    """The class that `module:Class` names. The user names it, so its module may be run."""
    from importlib import import_module

    module, _, name = address.partition(":")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as cause:
        raise SchemaError(
            f"'{address}' names no class: {cause}",
            mend="write package.module:Class of what can be imported here, or the path of a file",
        ) from cause
