"""Expressions that somebody else wrote, in SQL or polars, built without running any Python.

SQL is read by polars. A polars text is parsed into a syntax tree, and only what is listed here is
looked up and called: names of polars' functions, types and methods that compute columns from
columns. Nothing listed takes a function, a file, a plugin or a query, draws at random, or makes
cells as long as one asks.
"""

from __future__ import annotations

import ast
import operator
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from neotype.errors import ColumnNotFoundError, NeotypeError, SchemaError, did_you_mean


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LONGEST, DEEPEST = 4_000, 100
"""Characters of a text, and levels of its syntax tree: far beyond what a person writes."""

FUNCTIONS = _words(
    """
    col lit when len all exclude first last element struct coalesce format concat_str concat_list
    all_horizontal any_horizontal sum_horizontal mean_horizontal min_horizontal max_horizontal
    date datetime time duration arctan2 corr cov
    count max mean median min n_unique quantile std sum var
    Array Datetime Decimal Duration Enum List
    """
)
TYPES = _words(
    """
    Int8 Int16 Int32 Int64 Int128 UInt8 UInt16 UInt32 UInt64 Float32 Float64 Boolean String Binary
    Categorical Date Datetime Duration Time
    """
)
METHODS: Mapping[str, frozenset[str]] = {
    "": _words(
        """
        eq ne lt le gt ge eq_missing ne_missing and_ or_ xor not_ neg add sub mul truediv floordiv
        mod pow is_between is_close is_in is_null is_not_null is_nan is_not_nan is_finite
        is_infinite is_duplicated is_unique is_first_distinct is_last_distinct
        abs sign sqrt cbrt exp log log10 log1p floor ceil round round_sig_figs truncate clip
        sin cos tan arcsin arccos arctan sinh cosh tanh degrees radians
        alias cast fill_null fill_nan forward_fill backward_fill drop_nulls drop_nans filter
        replace replace_strict rank shift diff pct_change over
        cum_sum cum_prod cum_min cum_max cum_count
        all any sum mean median min max std var quantile skew kurtosis product count len n_unique
        approx_n_unique null_count has_nulls entropy first last min_by max_by nan_min nan_max dot
        then when otherwise
        """
    ),
    "str": _words(
        """
        contains contains_any count_matches starts_with ends_with extract extract_all find head tail
        slice split len_bytes len_chars normalize replace reverse strip_chars strip_chars_start
        strip_chars_end strip_prefix strip_suffix strptime to_date to_datetime to_time to_decimal
        to_integer to_lowercase to_uppercase to_titlecase replace_all json_path_match
        """
    ),
    "dt": _words(
        """
        add_business_days base_utc_offset cast_time_unit century combine convert_time_zone date day
        days_in_month dst_offset epoch hour is_business_day is_leap_year iso_year microsecond
        millennium millisecond minute month month_end month_start nanosecond offset_by ordinal_day
        quarter replace replace_time_zone round second strftime time timestamp to_string total_days
        total_hours total_microseconds total_milliseconds total_minutes total_nanoseconds
        total_seconds truncate week weekday year
        """
    ),
    "list": _words(
        """
        all any arg_max arg_min contains count_matches diff drop_nulls eval filter first get head
        join last len max mean median min n_unique reverse set_difference set_intersection
        set_symmetric_difference set_union shift slice sort std sum tail unique var
        """
    ),
    "arr": _words(
        """
        all any arg_max arg_min contains count_matches first get join last len max mean median min
        n_unique reverse shift sort std sum to_list unique var
        """
    ),
    "struct": _words("field"),
    "cat": _words("ends_with len_bytes len_chars slice starts_with"),
    "bin": _words("contains ends_with head size slice starts_with tail"),
}
"""What may be called: on an expression under "", else in the namespace."""

OR_POLARS = '; or polars, such as pl.col("age") >= 17'
_UNREAD = re.compile(r"'[^']*'|\"[^\"]*\"|--[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)
_POLARS = re.compile(r"(?<![\w.])pl\s*\.\s*\w")
_WHENS = (type(pl.when(True)), type(pl.when(True).then(0).when(True)))
_JOINS: Mapping[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_REFUSED: Mapping[type[ast.AST], tuple[str, str]] = {
    ast.BoolOp: ("`and` and `or` join no columns", "write & and |, with brackets on both sides"),
    ast.IfExp: ("`if` and `else` choose no cells", "write pl.when(…).then(…).otherwise(…)"),
    ast.Dict: ("a mapping is not taken", "write two lists, as in .replace([…], […])"),
    ast.Subscript: ("[…] after a value is not taken", "write .list.get(…) or .struct.field(…)"),
    ast.JoinedStr: ("an f-string is not taken", "write pl.format(…) or pl.concat_str(…)"),
}


def is_polars(text: str) -> bool:
    """Whether a text is a polars expression rather than SQL: outside quotes it says `pl.`.

    No table is called pl, so SQL says that only of a struct column, whose name can be quoted.
    """
    return _POLARS.search(_UNREAD.sub("''", text)) is not None


def expression(text: str, *, asked_by: str) -> pl.Expr:
    """The expression of a text in either language; a PolarsError is for `explained`."""
    if is_polars(text):
        return polars_expression(text, asked_by=asked_by)
    return pl.sql_expr(text)


def names_in(made: pl.Expr, text: str, *, asked_by: str) -> tuple[str, ...]:
    """The columns that an expression reads, each by its name; SchemaError when there are none."""
    names = tuple(dict.fromkeys(made.meta.root_names()))
    if not names or made.meta.has_multiple_outputs():
        raise SchemaError(
            f"{asked_by} cannot be computed: it is not one value from columns that it names.",
            found=" ".join(text.split()),
            mend='name the columns, as in "total > 0" or pl.col("total") > 0',
        )
    return names


def condition(text: str, frame: pl.DataFrame, *, asked_by: str) -> pl.Series:
    """True, false or unknown of every row. PolarsError as `explained` takes it."""
    asked = expression(text, asked_by=asked_by)
    # Without rows, three that are all gaps show whether each has an answer of its own.
    rows = frame if frame.height else frame.clear(3)
    met = rows.select(asked.alias("met"))["met"]
    constant = len(met) == 1 and not asked.meta.root_names()
    per_row = constant or len(met) == rows.height
    if met.dtype != pl.Boolean or not per_row:
        one = "one answer for all rows" if len(met) == 1 else "no answer for some rows"
        gives = f"{met.dtype} values" if met.dtype != pl.Boolean else one
        raise SchemaError(
            f"{asked_by} is no condition on a row: {text!r} gives {gives}.",
            mend='write a comparison, such as "age >= 17"; aggregates are for a policy, under '
            "`number` or `sql`",
        )
    return met.head(frame.height) if not constant else met.new_from_index(0, frame.height)


def explained(
    fault: pl.exceptions.PolarsError, text: str, columns: Iterable[str], *, asked_by: str
) -> NeotypeError:
    """The fault of an expression in our words. What polars says of rows may quote their cells."""
    first = str(fault).strip().partition("\n")[0]
    lost = re.match(r'unable to find column "(.*?)"', first)
    if lost is not None:
        return ColumnNotFoundError(lost[1], columns, asked_by=asked_by)
    mend = "write SQL; names with signs in them go in double quotes, texts in single ones"
    return SchemaError(
        f"{asked_by} cannot be computed: {first.rstrip('.')}.",
        found=" ".join(text.split()),
        mend=None if is_polars(text) else mend + OR_POLARS,
    )


def polars_expression(text: str, *, asked_by: str) -> pl.Expr:
    """The expression that a text such as `pl.col("age") >= 17` describes.

    SchemaError says what is not taken and where; columns are looked up only when it is computed.
    """
    value = _Reader(text, asked_by).read()
    if not isinstance(value, pl.Expr):
        raise SchemaError(
            f"{asked_by} cannot be computed: it is not a polars expression.",
            found=" ".join(text.split()),
            mend='write one, such as pl.col("age") >= 17',
        )
    return value


@dataclass(frozen=True)
class _Reader:
    """Walks the syntax tree of one text; whatever it does not know it refuses."""

    text: str
    asked_by: str

    def read(self) -> Any:
        if len(self.text) > LONGEST:
            raise self._fault(None, f"it is longer than {LONGEST:,} characters")
        try:
            with warnings.catch_warnings():
                # Of "\d", which Python reads as it is meant.
                warnings.simplefilter("ignore")
                body = ast.parse(self._source, mode="eval").body
        except (SyntaxError, ValueError) as fault:
            said = fault.msg if isinstance(fault, SyntaxError) else fault
            raise self._fault(None, f"it cannot be read: {said}") from fault
        except (RecursionError, MemoryError):
            raise self._fault(None, "it is nested too deeply") from None
        level: list[ast.AST] = [body]
        for _ in range(DEEPEST):
            level = [below for node in level for below in ast.iter_child_nodes(node)]
        if level:
            raise self._fault(None, "it is nested too deeply")
        if body.col_offset == 0 and body.lineno == 1:
            raise self._fault(None, "it is not one expression")
        return self._value(body)

    @property
    def _source(self) -> str:
        # In brackets a text may go on in the next line, as SQL may.
        return f"({self.text}\n)"

    def _fault(self, node: ast.AST | None, why: str, mend: str | None = None) -> SchemaError:
        whole = " ".join(self.text.split())
        whole = whole if len(whole) <= 200 else f"{whole[:200]}…"
        part = node and ast.get_source_segment(self._source, node)
        part = " ".join(part.split()) if part else ""
        at = f"{part[:60]}{'…' if len(part) > 60 else ''} in: " if part and part != whole else ""
        return SchemaError(
            f"{self.asked_by} cannot be computed: {why}.", found=f"{at}{whole}", mend=mend
        )

    def _value(self, node: ast.expr) -> Any:
        if type(node) in _READS:
            return _READS[type(node)](self, node)
        python = f"Python's {type(node).__name__} is not taken"
        raise self._fault(node, *_REFUSED.get(type(node), (python, None)))

    def _name(self, node: ast.Name) -> Any:
        mend = None if node.id == "pl" else f'write pl.col("{node.id}") for a column'
        raise self._fault(node, f"the name '{node.id}' means nothing here", mend)

    def _several(self, node: ast.List | ast.Tuple) -> Any:
        return [self._value(item) for item in node.elts]

    def _constant(self, node: ast.Constant) -> object:
        value = node.value
        if isinstance(value, int) and value >= 2**64:
            raise self._fault(node, "the number is too large for any column")
        if value is not None and not isinstance(value, str | bytes | bool | int | float):
            raise self._fault(node, f"a value of type {type(value).__name__} is not taken")
        return value

    def _unary(self, node: ast.UnaryOp) -> Any:
        if isinstance(node.op, ast.Not):
            raise self._fault(
                node, "`not` turns no column around", "write ~, with brackets after it"
            )
        value = self._value(node.operand)
        column = isinstance(value, pl.Expr)
        if isinstance(node.op, ast.Invert) and column:
            return ~value
        if column or (isinstance(value, int | float) and not isinstance(value, bool)):
            if isinstance(node.op, ast.USub):
                return -value
            if isinstance(node.op, ast.UAdd):
                return value
        raise self._fault(node, "there is no column that the sign could turn")

    def _operation(self, node: ast.BinOp) -> Any:
        return self._joined(node, node.left, node.op, node.right)

    def _comparison(self, node: ast.Compare) -> Any:
        if len(node.ops) > 1:
            raise self._fault(
                node,
                "comparisons are chained",
                "write (a < b) & (b < c), every comparison in brackets, or .is_between(…)",
            )
        if isinstance(node.ops[0], ast.In | ast.NotIn):
            raise self._fault(node, "`in` asks no column", "write .is_in([…])")
        return self._joined(node, node.left, node.ops[0], node.comparators[0])

    def _joined(self, node: ast.expr, left: ast.expr, by: ast.AST, right: ast.expr) -> Any:
        if type(by) not in _JOINS:
            raise self._fault(node, f"Python's operator {type(by).__name__} is not taken")
        ends = (self._value(left), self._value(right))
        if None in [end for end in ends if not isinstance(end, pl.Expr)]:
            raise self._fault(node, "None equals nothing", "write .is_null() or .is_not_null()")
        if not any(isinstance(end, pl.Expr) for end in ends):
            raise self._fault(node, "neither side is a column", "write the value that it makes")
        if not all(isinstance(end, pl.Expr | str | bytes | int | float) for end in ends):
            raise self._fault(node, "one side is neither a column nor a plain value")
        return self._made(node, _JOINS[type(by)], ends, {})

    def _attribute(self, node: ast.Attribute) -> Any:
        if _is_pl(node.value):
            if node.attr in TYPES:
                return getattr(pl, node.attr)
            if node.attr in FUNCTIONS:
                raise self._fault(node, f"pl.{node.attr} is not called", f"write pl.{node.attr}(…)")
            raise self._unknown(node, "pl.", FUNCTIONS | TYPES, pl)
        if _is_col(node.value) and not node.attr.startswith("_"):
            return pl.col(node.attr)
        if node.attr in METHODS[""] or node.attr in METHODS:
            raise self._fault(node, f".{node.attr} is not called", f"write .{node.attr}(…)")
        raise self._unknown(node, ".", METHODS[""] | METHODS.keys(), pl.Expr)

    def _call(self, node: ast.Call) -> Any:
        called = node.func
        if not isinstance(called, ast.Attribute):
            raise self._fault(node, "only functions of pl and methods of columns are called")
        name, on = called.attr, called.value
        if _is_pl(on):
            if name not in FUNCTIONS:
                raise self._unknown(called, "pl.", FUNCTIONS | TYPES, pl)
            owner: Any = pl
        elif isinstance(on, ast.Attribute) and on.attr in METHODS and not _is_col(on.value):
            owner = getattr(self._column(on.value, self._value(on.value)), on.attr)
            if name not in METHODS[on.attr]:
                raise self._unknown(called, f".{on.attr}.", METHODS[on.attr], owner)
        else:
            value = self._value(on)
            if name not in METHODS[""]:
                raise self._unknown(called, ".", METHODS[""] | METHODS.keys(), pl.Expr)
            owner = self._column(on, value, name)
        for keyword in node.keywords:
            if keyword.arg is None or keyword.arg.startswith("_"):
                raise self._fault(node, "`**` and names that begin with _ are not taken")
        plain = [self._value(item) for item in node.args]
        named = {str(item.arg): self._value(item.value) for item in node.keywords}
        return self._made(node, getattr(owner, name), plain, named)

    def _column(self, node: ast.expr, value: Any, method: str = "alias") -> Any:
        """The value that a method is asked of, if it has any: a column, or a when without then."""
        if method == "then" and isinstance(value, _WHENS):
            return value
        if not isinstance(value, pl.Expr) or not hasattr(value, method):
            raise self._fault(node, "a method is asked of what has none such")
        return value

    def _made(self, node: ast.expr, by: Callable[..., Any], plain: Any, named: Any) -> Any:
        """What polars makes of it, if that is a column or a type and no data."""
        try:
            made = by(*plain, **named)
        except (
            TypeError,
            ValueError,
            AttributeError,
            OverflowError,
            NotImplementedError,
            pl.exceptions.PolarsError,
        ) as fault:
            first = str(fault).strip().partition("\n")[0]
            raise self._fault(node, first.rstrip(".") or type(fault).__name__) from fault
        if not isinstance(made, (pl.Expr, pl.DataType, *_WHENS)):
            raise self._fault(node, "it gives no column")
        return made

    def _unknown(self, node: ast.Attribute, before: str, known: Any, owner: object) -> SchemaError:
        name = node.attr
        if not name.startswith("_") and name in dir(owner):
            why = "is not taken: an expression may only compute columns from columns"
            return self._fault(
                node, f"{before}{name} {why}", "docs/policy.md says what is left out"
            )
        if name.startswith("_"):
            return self._fault(node, f"{before}{name} is not taken: it begins with _")
        within = [
            f".{space}.{name}" if space else f".{name}"
            for space, methods in METHODS.items()
            if name in methods
        ]
        near = f"write {' or '.join(within)}" if within else did_you_mean(name, sorted(known))
        return self._fault(node, f"there is no {before}{name}", near)


_READS: Mapping[type[ast.AST], Callable[[_Reader, Any], Any]] = {
    ast.Constant: _Reader._constant,
    ast.List: _Reader._several,
    ast.Tuple: _Reader._several,
    ast.Name: _Reader._name,
    ast.Attribute: _Reader._attribute,
    ast.Call: _Reader._call,
    ast.UnaryOp: _Reader._unary,
    ast.BinOp: _Reader._operation,
    ast.Compare: _Reader._comparison,
}


def _is_pl(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "pl"


def _is_col(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "col" and _is_pl(node.value)
