"""The names of dtypes: what a schema file says a column is stored as, and back.

Names read as polars writes them: Int64, Datetime[us,UTC], Decimal[38,2], Enum["low","high"],
List[Int64], Array[Float64,3], Struct["x":Int64,"y":String], Map[String,Int64].
"""

from __future__ import annotations

import json
import re
from typing import Any

import polars as pl

from neotype.errors import SchemaError, did_you_mean

_PLAIN: dict[str, pl.DataType] = {
    name: getattr(pl, name)()
    for name in (
        *("Int8", "Int16", "Int32", "Int64", "Int128"),
        *("UInt8", "UInt16", "UInt32", "UInt64", "UInt128"),
        *("Float16", "Float32", "Float64", "Boolean", "String", "Binary", "Date", "Time", "Null"),
        "Categorical",
    )
}
_HEADS = ("Datetime", "Duration", "Decimal", "Enum", "List", "Array", "Struct", "Map")
_UNITS = ("ms", "us", "ns")


def storage_name(dtype: pl.DataType) -> str:  # noqa: C901, PLR0911 (one case a dtype)
    """The name of a polars dtype; SchemaError for one that cannot be named (Object)."""
    match dtype:
        case pl.Datetime():
            zone = f",{dtype.time_zone}" if dtype.time_zone else ""
            return f"Datetime[{dtype.time_unit}{zone}]"
        case pl.Duration():
            return f"Duration[{dtype.time_unit}]"
        case pl.Decimal():
            return f"Decimal[{dtype.precision},{dtype.scale}]"
        case pl.Enum():
            return f"Enum[{','.join(_quoted(label) for label in dtype.categories)}]"
        case pl.Categorical():
            name = dtype.categories.name()
            return f"Categorical[{_quoted(name)}]" if name else "Categorical"
        case pl.List():
            return f"List[{storage_name(_inner(dtype.inner))}]"
        case pl.Array():
            # dtype.inner of a 2-dimensional array is the scalar, not the row
            base: Any = dtype
            while isinstance(base, pl.Array):
                base = base.inner
            return f"Array[{','.join((storage_name(_inner(base)), *map(str, dtype.shape)))}]"
        case pl.Struct():
            fields = (f"{_quoted(f.name)}:{storage_name(_inner(f.dtype))}" for f in dtype.fields)
            return f"Struct[{','.join(fields)}]"
        case pl.datatypes.Map():
            return f"Map[{storage_name(_inner(dtype.key))},{storage_name(_inner(dtype.value))}]"
    name = str(dtype)
    if name not in _PLAIN:
        raise SchemaError(
            f"dtype {name} has no storage name.", mend="convert the column to a plain dtype first"
        )
    return name


def storage_dtype(name: str) -> pl.DataType:
    """The polars dtype of this name; SchemaError names the nearest."""
    reader = _Reader(name)
    dtype = reader.dtype()
    reader.end()
    return dtype


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _inner(dtype: Any) -> Any:
    return dtype() if isinstance(dtype, type) else dtype


class _Reader:
    """A reader of one name from left to right."""

    def __init__(self, name: str) -> None:
        self.name, self.at = name, 0

    def dtype(self) -> pl.DataType:
        head = self.word(r"[A-Za-z]+[0-9]*")
        if not self.peek("["):
            return self.plain(head)
        self.eat("[")
        dtype = self.nested(head)
        self.eat("]")
        return dtype

    def plain(self, head: str) -> pl.DataType:
        if head in _PLAIN:
            return _PLAIN[head]
        if head == "Datetime":
            return pl.Datetime("us")
        if head == "Duration":
            return pl.Duration("us")
        raise self.wrong(head)

    def nested(self, head: str) -> pl.DataType:  # noqa: PLR0911 (one case a dtype)
        match head:
            case "Datetime":
                unit: Any = self.unit()
                zone = self.word(r"[^\]]+") if self.optional(",") else None
                return pl.Datetime(unit, zone)
            case "Duration":
                unit = self.unit()
                return pl.Duration(unit)
            case "Decimal":
                precision = int(self.word(r"\d+"))
                scale = int(self.word(r"\d+")) if self.optional(",") else 0
                return pl.Decimal(precision, scale)
            case "Enum":
                return pl.Enum([] if self.peek("]") else self.several(self.text))
            case "Categorical":
                return pl.Categorical(pl.Categories(self.text()))
            case "List":
                return pl.List(self.dtype())
            case "Array":
                inner = self.dtype()
                self.eat(",")
                return pl.Array(inner, tuple(self.several(lambda: int(self.word(r"\d+")))))
            case "Struct":
                return pl.Struct([] if self.peek("]") else self.several(self.field))
            case "Map":
                key = self.dtype()
                self.eat(",")
                return pl.datatypes.Map(key, self.dtype())
        raise self.wrong(head)

    def unit(self) -> str:
        unit = self.word(r"[a-z]+")
        if unit not in _UNITS:
            raise SchemaError(
                f"storage '{self.name}' has time unit '{unit}'.", mend="use one of ms, us, ns"
            )
        return unit

    def field(self) -> pl.Field:
        name = self.text()
        self.eat(":")
        return pl.Field(name, self.dtype())

    def several(self, read: Any) -> list[Any]:
        items = [read()]
        while self.optional(","):
            items.append(read())
        return items

    def text(self) -> str:
        try:
            value, self.at = json.JSONDecoder().raw_decode(self.name, self.at)
        except json.JSONDecodeError:
            value = None
        if not isinstance(value, str):
            raise self.wrong(self.name)
        return value

    def word(self, pattern: str) -> str:
        found = re.compile(pattern).match(self.name, self.at)
        if found is None:
            raise self.wrong(self.name)
        self.at = found.end()
        return found.group()

    def peek(self, mark: str) -> bool:
        return self.name.startswith(mark, self.at)

    def optional(self, mark: str) -> bool:
        here = self.peek(mark)
        self.at += len(mark) if here else 0
        return here

    def eat(self, mark: str) -> None:
        if not self.optional(mark):
            raise self.wrong(self.name)

    def end(self) -> None:
        if self.at != len(self.name):
            raise self.wrong(self.name)

    def wrong(self, word: str) -> SchemaError:
        known = (*_PLAIN, *_HEADS)
        return SchemaError(
            f"storage '{self.name}' is not the name of a dtype.",
            found=f"dtypes: {', '.join(known)}",
            mend=did_you_mean(word, known) or "for example Int64, String, Datetime[us,UTC]",
        )
