"""What the name of a column says: an id, a code, contact data, half of a coordinate pair."""

from __future__ import annotations

import re
from typing import Literal

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_a-zA-Z]+")

_ID = frozenset(("id", "ids", "uuid", "guid", "oid", "pk", "identifier", "nbr", "ssn", "mrn"))
_COUNTER = frozenset(
    (
        *("no", "nr", "num", "number", "numero", "nummer", "key", "code", "index", "idx", "ref"),
        *("reference", "row", "rownames", "rownum", "serial", "record"),
    )
)
_OWNER = (
    r"(user|customer|client|patient|row|person|member|order|account|product|item|record|student"
    r"|employee|session|transaction|passenger|case|subject|device|store|event|sample|policy|loan)"
)
_PLACE = frozenset(("zip", "zipcode", "postal", "postcode", "postalcode", "plz", "fips"))
_CODE = _PLACE | {"code", "codes", "sku"}
_CONTACT = frozenset(
    ("email", "mail", "phone", "telephone", "mobile", "fax", "iban", "ssn", "username", "password")
)
_LATITUDE, _LONGITUDE = ("latitude", "lat"), ("longitude", "long", "lng", "lon")


def words(name: str) -> list[str]:
    """The words of a column name: patient_nbr, SupportRepId and hours-per-week have 2, 3, 3."""
    return [word.lower() for word in _WORD.findall(name)]


def names_id(name: str) -> bool:
    """Whether the name is that of an id, repeated or not: id, *_id, *Id, *_nbr, uuid."""
    parts = words(name)
    if not parts:
        return False
    return parts[-1] in _ID or parts[0] == "id" or bool(re.fullmatch(_OWNER + "id", parts[-1]))


def names_counter(name: str) -> bool:
    """Whether the name fits an id where every cell differs: No, *_number, key, index, or none."""
    parts = words(name)
    if any(word in _PLACE for word in parts):
        return False
    return not name.strip() or (bool(parts) and (parts[-1] in _COUNTER or names_id(name)))


def names_code(name: str) -> bool:
    """Whether numbers under this name are labels: zip, postal_code, sku."""
    return any(word in _CODE for word in words(name))


def names_contact(name: str) -> bool:
    """Whether the name is that of contact data or an account: email, home_phone, iban."""
    return any(word in _CONTACT for word in words(name))


def coordinate(name: str) -> tuple[Literal["latitude", "longitude"], str] | None:
    """The axis that the name gives, and the rest of the name, which its partner shares."""
    parts = words(name)
    for axis, known in (("latitude", _LATITUDE), ("longitude", _LONGITUDE)):
        for word in known:
            if word in parts:
                rest = [part for part in parts if part != word]
                return ("latitude" if axis == "latitude" else "longitude"), "_".join(rest)
    return None
