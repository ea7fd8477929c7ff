"""What names say of keys: manager_staff_id refers to staff, KundenNr to Kunden."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from neotype.schema.names import words

_ID = frozenset(
    (
        *("id", "ids", "uuid", "guid", "oid", "pk", "fk", "sk", "key", "code", "nr", "no", "nbr"),
        *("num", "number", "nummer", "numero", "ref", "identifier", "cod", "codigo", "kennung"),
        *("cd", "cde", "kz", "lfd", "schluessel", "schlussel", "kuerzel", "kurzel", "uid", "gid"),
        *("rid", "seq", "hash"),
    )
)
_BEFORE = frozenset(("id", "fk", "pk", "sk", "cod", "uuid", "guid", "ref", "key", "nr"))
_JOINED = ("nummer", "number", "uuid", "guid", "code", "key", "nbr", "num", "ref", "id", "nr", "no")
"""Endings of names that are written in one word: kundennr, artistid."""
_BARE = frozenset(("id", "uuid", "guid", "pk", "oid", "uid", "key", "sk"))
_ROW = frozenset(("row", "record", "rec", "entry", "surrogate", "auto", "internal", "unique"))
_NO_ID = frozenset(
    (
        *("valid", "invalid", "paid", "unpaid", "prepaid", "hybrid", "liquid", "solid", "rapid"),
        *("covid", "android", "fluid", "steroid", "asteroid", "thyroid", "humid", "plasmid"),
    )
)
_REFERS = frozenset(("via", "by", "to", "of", "from", "parent", "ref"))
_TABLE = frozenset(
    (
        *("tbl", "tab", "dim", "fact", "fct", "stg", "raw", "dbo", "public", "vw", "mst", "lkp"),
        *("lookup", "ref", "master", "t", "d", "f", "app", "auth", "src", "main"),
    )
)
_QUANTITY = frozenset(
    (
        *("count", "cnt", "qty", "quantity", "amount", "amt", "price", "cost", "total", "sum"),
        *("age", "year", "month", "week", "day", "hour", "minute", "second", "days", "months"),
        *("years", "duration", "length", "width", "height", "weight", "size", "rate", "rating"),
        *("score", "rank", "level", "percent", "pct", "share", "balance", "stock", "units"),
        *("points", "discount", "salary", "income", "distance", "temperature", "value", "minutes"),
        *("hours", "seconds", "weeks", "floor", "rooms", "seats", "capacity", "stars", "grade"),
        *("version", "position", "priority", "step", "line", "sequence", "order", "visits"),
        *("times", "anzahl", "menge", "preis", "betrag", "summe", "alter", "jahr", "monat"),
        *("woche", "tag", "tage", "stunde", "stunden", "dauer", "gewicht", "laenge", "lange"),
        *("breite", "hohe", "hoehe", "groesse", "grosse", "note", "punkte", "bestand", "rabatt"),
        *("umsatz", "lager", "num", "milliseconds", "bytes", "n", "nb", "credits", "payments"),
        *("pages", "number", "lat", "lon"),
    )
)
_SELF = frozenset(
    (
        *("parent", "reports", "reportsto", "manager", "mgr", "supervisor", "boss", "superior"),
        *("previous", "prev", "next", "reply", "replies", "root", "original", "ancestor"),
        *("vorgesetzter", "ubergeordnet", "uebergeordnet", "chef", "successor", "predecessor"),
        *("referred", "referrer", "replaces", "replaced", "super", "upper", "vorganger"),
        *("related", "responsable", "superieur", "jefe", "gerente", "padre", "mother", "father"),
        *("spouse", "mentor", "forked", "duplicate", "sire", "dam"),
    )
)
_ROLE = frozenset(
    (
        *("manager", "mgr", "rep", "representative", "owner", "author", "creator", "created"),
        *("approver", "approved", "assigned", "assignee", "agent", "seller", "salesperson"),
        *("supervisor", "boss", "lead", "leader", "head", "chief", "responsible", "editor"),
        *("reviewer", "reviewed", "sender", "receiver", "recipient", "buyer", "cashier"),
        *("operator", "responsable", "gerente", "technician", "updated", "modified", "changed"),
        *("handled", "signed", "verkaufer", "leiter", "chef", "bearbeiter", "betreuer"),
        *("verkaeufer", "ansprechpartner", "inspector", "performed", "entered", "requested"),
        *("requester", "reporter", "reported", "submitted"),
    )
)
_STAFF = frozenset(
    (
        *("employee", "staff", "user", "mitarbeiter", "employe", "empleado", "personal"),
        *("personnel", "person"),
    )
)
_PEOPLE = _STAFF | {
    *("people", "member", "customer", "client", "contact", "account", "kunde", "patient"),
    *("doctor", "teacher", "agent", "contributor", "player", "student", "physician", "worker"),
}
_IRREGULAR = {
    "people": "person",
    "children": "child",
    "men": "man",
    "women": "woman",
    "data": "datum",
}


def folded(name: str) -> list[str]:
    """The words of a name in plain letters: Länder is lander."""
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss"))
    return words("".join(mark for mark in plain if not unicodedata.combining(mark)))


@lru_cache(maxsize=4096)
def stems(word: str) -> frozenset[str]:
    """What the word may be one or many of: categories is category, kunden is kunde."""
    found = {word, _IRREGULAR.get(word, word)}
    endings = (("ies", "y", 5), ("es", "", 5), ("s", "", 4), ("en", "", 5), ("n", "", 5))
    for ending, instead, least in (*endings, ("e", "", 5), ("er", "", 6)):
        if len(word) >= least and word.endswith(ending):
            found.add(word.removesuffix(ending) + instead)
    return frozenset(found)


def alike(one: str, other: str) -> bool:
    """Whether two words are one word, in singular or plural."""
    return one == other or bool(stems(one) & stems(other))


def _same(ones: Sequence[str], others: Sequence[str]) -> bool:
    if not ones or not others:
        return False
    if len(ones) == len(others) and all(map(alike, ones, others)):
        return True
    return len(ones) != len(others) and alike("".join(ones), "".join(others))


def _ends(ones: Sequence[str], others: Sequence[str]) -> bool:
    """Whether the first name is the second with more words before it."""
    return 0 < len(others) < len(ones) and _same(ones[-len(others) :], others)


@dataclass(frozen=True)
class Name:
    """A column's name: its words, and what is left of it without the words for an id."""

    text: str

    @property
    def words(self) -> tuple[str, ...]:
        """In plain lower case."""
        return _words(self.text)

    @property
    def cores(self) -> tuple[tuple[str, ...], ...]:
        """What it may name: customer of customer_id, id_customer and customerid."""
        return _cores(self.text)

    @property
    def core(self) -> tuple[str, ...]:
        """The likeliest of them; nothing of a bare id."""
        return self.cores[0]

    @property
    def says_id(self) -> bool:
        """Whether it is named like an id or a code."""
        parts = self.words
        if not parts:
            return False
        joined = len(parts[-1]) > 4 and parts[-1].endswith("id") and parts[-1] not in _NO_ID
        return joined or parts[-1] in _ID or (parts[0] in _BEFORE and len(parts) > 1)

    @property
    def bare(self) -> bool:
        """Whether it is an id and says not of what."""
        rest = [word for word in self.words if word not in _ROW]
        return not rest or (len(rest) == 1 and rest[0] in _BARE)

    @property
    def refers(self) -> bool:
        """Whether it ends like a reference: ship_via, reports_to, created_by."""
        parts = self.words
        return len(parts) > 1 and parts[-1] in _REFERS

    @property
    def quantity(self) -> bool:
        """Whether it is plainly a number of something: an age, a price, items_count."""
        parts = self.words
        if not parts or (self.says_id and parts[-1] not in ("num", "number", "seq", "no")):
            return False
        return parts[-1] in _QUANTITY or parts[0] in ("num", "number", "n", "nb", "anzahl", "total")

    @property
    def to_itself(self) -> bool:
        """Whether rows refer to rows of their own table under such a name: reports_to, parent."""
        return any(word in _SELF for word in self.words)

    @property
    def role(self) -> bool:
        """Whether it names what a person does: support_rep, approved_by."""
        return any(word in _ROLE for word in self.words)


@lru_cache(maxsize=4096)
def _words(text: str) -> tuple[str, ...]:
    return tuple(folded(text))


@lru_cache(maxsize=4096)
def _cores(text: str) -> tuple[tuple[str, ...], ...]:
    parts = _words(text)
    found = []
    rest = parts
    while rest and rest[-1] in _ID:
        rest = rest[:-1]
    if rest and rest[-1] in _REFERS and len(rest) > 1:
        rest = rest[:-1]
    if len(rest) > 1 and rest[0] in _BEFORE:
        rest = rest[1:]
    found.append(rest)
    if rest == parts and parts:
        for ending in _JOINED:
            last = parts[-1]
            if last.endswith(ending) and len(last) >= len(ending) + 3:
                found.append((*parts[:-1], last.removesuffix(ending)))
    return tuple(found)


def table_words(name: str, tables: Iterable[str]) -> tuple[str, ...]:
    """The words of a table's name, without what only says that it is a table of this database."""
    rest = tuple(folded(name.rpartition(".")[2]))
    others = [tuple(folded(one.rpartition(".")[2])) for one in tables]
    first = {one[0] for one in others if one}
    shared = len(first) == 1 and len(others) > 2 and all(len(one) > 1 for one in others)
    if len(rest) > 1 and (shared or rest[0] in _TABLE):
        rest = rest[1:]
    if len(rest) > 1 and rest[-1] in ("table", "tbl", "dim", "lookup", "master", "fact"):
        rest = rest[:-1]
    return rest


def names_table(name: Name, table: Sequence[str]) -> bool:
    """Whether the column is named after the table: customer_id, CustomerID, idcustomer."""
    return any(_same(core, table) for core in name.cores)


def likeness(name: Name, key: Name, table: Sequence[str]) -> tuple[float, str]:
    """How much the name of a column speaks for a reference to the key of a table, and how it does.

    In bits, roughly: 14 is the same name and named after the table, 0 is nothing in common.
    """
    named = names_table(key, table)
    same = name.words == key.words and not key.bare
    short = any(len(core) == 1 and _shortens(core[0], table) for core in key.cores)
    if same and (named or short or names_table(name, table)):
        return 14.0, "same name"
    if names_table(name, table):
        return 13.0, "named after the table"
    if any(_ends(core, table) for core in name.cores):
        return 11.0, "named after the table, with its part in front"
    if same:
        return 7.0, "same name"
    if not key.bare and any(_ends(core, key.core) for core in name.cores if len(key.core)):
        return 9.0, "ends in the name of the key"
    return max(_loose(name, core, table) for core in name.cores)


def _loose(  # noqa: PLR0911 (one return a piece of evidence)
    name: Name, core: Sequence[str], table: Sequence[str]
) -> tuple[float, str]:
    pointing = name.says_id or name.refers
    if not core or not table:
        return 0.0, ""
    if len(table) > 1 and pointing:
        if _same(core[-1:], table[-1:]):
            return (8.0 if len(core) == 1 else 7.0), "named after the last word of the table"
        if _same(core[-1:], table[:1]):
            return 3.0, "named after the first word of the table"
    word, last = core[-1], table[-1]
    for verb in stems(last):
        if verb in (word + "er", word + "or", word + "per", word + "ee", word + "r"):
            return (9.0 if pointing else 3.0), f"'{word}' is what a {verb} does"
    if _shortens(word, table) and pointing:
        return 7.0, f"'{word}' is short for the table"
    if pointing and len("".join(table)) > 3 and word == "".join(one[0] for one in table):
        return 5.0, f"'{word}' is short for the table"
    return 0.0, ""


def _shortens(word: str, table: Sequence[str]) -> bool:
    return len(word) >= 3 and bool(table) and any(one.startswith(word) for one in stems(table[-1]))


def acts(name: Name, table: Sequence[str]) -> float:
    """How much a name for what a person does speaks for a table of persons, in bits."""
    if not name.role or not table:
        return 0.0
    found = stems(table[-1])
    short = len(table[-1]) >= 3 and any(one.startswith(table[-1]) for one in _STAFF)
    return 7.0 if short or found & _STAFF else 4.0 if found & _PEOPLE else 0.0


def joins(table: Sequence[str], parents: Iterable[Sequence[str]]) -> bool:
    """Whether the name of a table is made of those of two others: film_actor, OrderProducts."""
    rest, met = "".join(table), 0
    for parent in parents:
        found = max(
            (one for word in ["".join(parent)] for one in stems(word) if one in rest),
            key=len,
            default="",
        )
        if len(found) >= 3:
            met, rest = met + 1, rest.replace(found, " ", 1)
    return met >= 2
