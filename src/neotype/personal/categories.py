"""What personal data there is, and what may be done with it: the words that all rooms share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Category = Literal[
    "full_name",
    "first_name",
    "last_name",
    "email",
    "phone",
    "username",
    "street_address",
    "address",
    "city",
    "postcode",
    "country",
    "company",
    "iban",
    "card_number",
    "national_id",
    "tax_id",
    "passport",
    "licence_plate",
    "ipv4",
    "ipv6",
    "mac",
    "url",
    "password",
    "secret",
    "date_of_birth",
    "coordinates",
    "free_text",
]

Treatment = Literal["keep", "fake", "pattern", "pseudonym", "mask", "generalise", "shift", "drop"]
"""keep: learnt like any other column. fake, pattern, pseudonym: new values, made and never learnt.
mask, generalise, shift, drop: done to the real column before anything is learnt."""

MADE: frozenset[str] = frozenset(("fake", "pattern", "pseudonym"))
"""Treatments that make new values; the others change the real ones."""

FORMED: frozenset[str] = frozenset(("passport", "licence_plate", "tax_id", "secret", "password"))
"""Categories that are made anew in the form that they have, unless the user says otherwise."""

Role = Literal["direct", "quasi", "aside"]
"""direct: tells who it is. quasi: one of several facts that together tell it. aside: where personal
data may hide, or what is personal only beside other data."""


@dataclass(frozen=True)
class Facts:
    """What is known of a category: how people call it, what it tells, its name in SDV."""

    title: str
    role: Role
    sdtype: str


CATEGORIES: Mapping[str, Facts] = {
    "full_name": Facts("name of a person", "direct", "name"),
    "first_name": Facts("first name", "direct", "first_name"),
    "last_name": Facts("last name", "direct", "last_name"),
    "email": Facts("email address", "direct", "email"),
    "phone": Facts("phone number", "direct", "phone_number"),
    "username": Facts("user name", "direct", "user_name"),
    "street_address": Facts("street address", "direct", "street_address"),
    "address": Facts("postal address", "direct", "address"),
    "city": Facts("city", "quasi", "city"),
    "postcode": Facts("postcode", "quasi", "postcode"),
    "country": Facts("country", "quasi", "country"),
    "company": Facts("company", "aside", "company"),
    "iban": Facts("bank account (IBAN)", "direct", "iban"),
    "card_number": Facts("payment card", "direct", "credit_card_number"),
    "national_id": Facts("national id", "direct", "ssn"),
    "tax_id": Facts("tax number", "direct", "ssn"),
    "passport": Facts("passport or id card", "direct", "passport_number"),
    "licence_plate": Facts("licence plate", "direct", "license_plate"),
    "ipv4": Facts("IP address", "direct", "ipv4_address"),
    "ipv6": Facts("IPv6 address", "direct", "ipv6_address"),
    "mac": Facts("MAC address", "direct", "mac_address"),
    "url": Facts("web address", "direct", "url"),
    "password": Facts("password", "direct", "password"),
    "secret": Facts("key or token", "direct", "secret"),
    "date_of_birth": Facts("date of birth", "quasi", "datetime"),
    "coordinates": Facts("coordinates", "quasi", "latitude"),
    "free_text": Facts("personal data within text", "aside", "text"),
}
