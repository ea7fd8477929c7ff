"""What is personal is found by name and content, and what is not is left alone."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neotype.personal.accounts import valid_card, valid_iban
from neotype.personal.categories import CATEGORIES
from neotype.personal.detect import SURE, detect
from neotype.personal.fake import PROVIDERS, UNIQUE, make
from neotype.personal.lexicon import named, owner_of, words
from neotype.personal.national import SCHEMES
from neotype.schema.infer import infer_schema

EXAMPLES = Path(__file__).parents[1] / "examples"
VALID = {
    "us_ssn": ["219-09-9999", "078051120"],
    "uk_nino": ["QQ 12 34 56 C", "AB123456C"],
    "de_idnr": ["86 095 742 719", "47036892816", "65929970489"],
    "fr_nir": ["2 94 03 75 120 005 91", "1 84 12 76 451 089 46", "255081416802538"],
    "es_dni": ["12345678Z", "X1234567L", "54362315K"],
    "it_cf": ["RSSMRA85T10A562S", "MRTMTT91D08F205J"],
    "nl_bsn": ["111222333", "123456782"],
    "pl_pesel": ["44051401359", "02070803628"],
    "in_aadhaar": ["2341 2341 2346", "999941057058"],
    "br_cpf": ["529.982.247-25", "111.444.777-35"],
    "ca_sin": ["046 454 286"],
    "au_tfn": ["123 456 782"],
    "ch_ahv": ["756.9217.0769.85"],
    "be_nn": ["85.07.30-033.28"],
    "se_pnr": ["811228-9874", "640823-3234"],
    "pt_nif": ["123456789"],
    "at_svnr": ["1237 010180"],
}
IBANS = ["DE89 3704 0044 0532 0130 00", "GB82 WEST 1234 5698 7654 32", "NL91ABNA0417164300"]
CARDS = ["4111 1111 1111 1111", "5555-5555-5555-4444", "378282246310005", "6011111111111117"]


def found(values: list[object], name: str, **others: list[object]) -> str | None:
    finding = detect(pl.DataFrame({name: values, **others})).get(name)
    return None if finding is None else finding.category


def made(category: str, rows: int = 200, **settings: object) -> list[str]:
    numbers = np.arange(rows, dtype=np.uint64)
    return make(category, numbers, key="t", **settings).to_list()


@pytest.mark.parametrize("scheme", list(VALID))
def test_known_ids_are_valid_and_none_with_another_digit_is(scheme: str) -> None:
    known = pl.Series(VALID[scheme])
    assert SCHEMES[scheme].valid(known).all()
    assert not SCHEMES[scheme].valid(pl.Series(["", "x", "1234", None, "ÄÖ" * 5])).any()
    if SCHEMES[scheme].checks:
        for text in VALID[scheme]:
            at = max(k for k, mark in enumerate(text[:-1]) if mark.isdigit())
            wrong = [f"{text[:at]}{digit}{text[at + 1 :]}" for digit in "0123456789"]
            others = [w for w in wrong if w != text]
            assert SCHEMES[scheme].valid(pl.Series(others)).sum() <= 1


def test_ibans_and_cards_are_told_by_their_checks() -> None:
    assert valid_iban(pl.Series(IBANS)).all()
    assert not valid_iban(pl.Series(["DE88 3704 0044 0532 0130 00", "XX00", None, "DE89"])).any()
    assert valid_card(pl.Series(CARDS)).all()
    assert not valid_card(pl.Series(["4111111111111112", "1234567812345670", "4111", None])).any()


@given(st.integers(0, 10**6 - 1), st.sampled_from([s for s in SCHEMES if SCHEMES[s].checks]))
@settings(deadline=None, max_examples=60)
def test_ids_that_are_made_are_valid(number: int, scheme: str) -> None:
    kind = SCHEMES[scheme]
    numbers = np.array([number % kind.capacity], dtype=np.uint64)
    for woman in (0, 1):
        assert kind.valid(kind.make(numbers, np.array([woman]))).all()


@given(st.lists(st.text(max_size=30), min_size=1, max_size=40), st.text(max_size=12))
@settings(deadline=None, max_examples=60)
def test_any_text_under_any_name_can_be_looked_at(cells: list[str], name: str) -> None:
    for finding in detect(pl.DataFrame({name: cells})).values():
        assert 0 < finding.confidence <= 1
        assert finding.category in CATEGORIES


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("email", "email"),
        ("customerEmail", "email"),
        ("E-Mail", "email"),
        ("courriel", "email"),
        ("correo_electronico", "email"),
        ("Vorname", "first_name"),
        ("prénom", "first_name"),
        ("FirstName", "first_name"),
        ("custfirstname", "first_name"),
        ("voornaam", "first_name"),
        ("Nachname", "last_name"),
        ("apellidos", "last_name"),
        ("cognome", "last_name"),
        ("sobrenome", "last_name"),
        ("Telefonnummer", "phone"),
        ("home_phone", "phone"),
        ("numéroDeTéléphone", "phone"),
        ("móvil", "phone"),
        ("Straße", "street_address"),
        ("indirizzo", "street_address"),
        ("BillingAddress", "street_address"),
        ("PLZ", "postcode"),
        ("zip_code", "postcode"),
        ("Geburtsdatum", "date_of_birth"),
        ("fecha_nacimiento", "date_of_birth"),
        ("DOB", "date_of_birth"),
        ("ip_addr", "ipv4"),
        ("codiceFiscale", "national_id"),
        ("SSN", "national_id"),
        ("kreditkartennummer", "card_number"),
        ("wachtwoord", "password"),
        ("api_key", "secret"),
        ("kenteken", "licence_plate"),
    ],
)
def test_names_are_read_in_seven_languages(name: str, category: str) -> None:
    assert named(name) == category


@pytest.mark.parametrize(
    "name",
    [
        *("fnlwgt", "report", "airport", "sort", "expand", "passes", "campaign", "survival"),
        *("hours-per-week", "capital_gain", "label", "cardinality"),
    ],
)
def test_names_that_only_sound_alike_say_nothing(name: str) -> None:
    assert named(name) is None


def test_words_and_owners() -> None:
    assert words("customerStraße_2") == ("customer", "strasse", "2")
    assert owner_of("customer_email") == owner_of("CustomerFirstName") == "customer"
    assert owner_of("email") == owner_of("work_phone") == owner_of("Nachname") == ""


@pytest.mark.parametrize("category", sorted(set(PROVIDERS) & UNIQUE - {"tax_id", "password"}))
def test_what_is_made_of_a_category_is_found_under_its_name(category: str) -> None:
    names = {"licence_plate": "license plate", "mac": "mac address", "secret": "api key"}
    name = names.get(category, category)
    assert found(made(category), name) == category


@pytest.mark.parametrize(
    "category", ["email", "iban", "card_number", "full_name", "mac", "ipv4", "phone", "url"]
)
def test_some_are_found_whatever_they_are_called(category: str) -> None:
    finding = detect(pl.DataFrame({"x17": made(category)}))["x17"]
    assert finding.category == category
    assert SURE <= finding.confidence < 0.97


@pytest.mark.parametrize("scheme", ["de_idnr", "fr_nir", "es_dni", "it_cf", "pl_pesel", "br_cpf"])
def test_ids_with_telling_checks_are_found_whatever_they_are_called(scheme: str) -> None:
    finding = detect(pl.DataFrame({"x": made("national_id", scheme=scheme)}))["x"]
    assert (finding.category, finding.scheme) == ("national_id", scheme)


def test_ids_and_cards_stored_as_numbers_are_found_by_name() -> None:
    cards = pl.Series(made("card_number")).cast(pl.Int64)
    assert found(cards.to_list(), "card_no") == "card_number"
    ids = [int(text) for text in made("national_id", scheme="pl_pesel")]
    assert found(ids, "pesel") == "national_id"
    assert found(ids, "amount") is None


def test_the_locale_is_told_by_the_cells() -> None:
    for locale in ("de", "fr", "it", "pl", "nl"):
        frame = pl.DataFrame(
            {
                "first_name": made("first_name", 400, locale=locale),
                "iban": made("iban", 400, locale=locale),
            }
        )
        assert {one.locale for one in detect(frame).values()} == {locale}


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("contact", ["cellular", "telephone", "unknown"] * 20),
        ("phone", ["cellular", "telephone"] * 20),
        ("version", [f"1.{i}.{i % 3}.2" for i in range(60)]),
        ("code", [f"AB-{i:04d}" for i in range(60)]),
        (
            "name",
            [f"{a} {b}" for a in ("Steel", "Rubber", "Oak") for b in ("Bolt", "Washer", "Nut")] * 4,
        ),
        ("product_name", ["Chai", "Chang", "Aniseed Syrup", "Tofu", "Konbu", "Ikura"] * 9),
        ("airline", ["LH", "AF", "BA", "KL"] * 20),
        ("carrier_name", ["Delta Air Lines", "United Airlines", "Lufthansa", "Air France"] * 9),
        ("token", ["yes", "no", "maybe"] * 20),
        ("day", [str(dt.date(2020, 1, 1) + dt.timedelta(i)) for i in range(60)]),
        ("time", [f"{i % 24:02d}:{i % 60:02d}:00" for i in range(60)]),
        ("mobile", ["yes", "no"] * 30),
        ("site", [f"plot {i % 4}" for i in range(60)]),
        ("title", [f"The Return of Part {i}" for i in range(60)]),
        ("amount", [f"{i * 37 % 1000}.{i % 100:02d}" for i in range(60)]),
        ("district", ["Mitte", "Kreuzberg", "Wedding", "Neukölln"] * 15),
    ],
)
def test_what_is_not_personal_is_left_alone(name: str, cells: list[str]) -> None:
    assert found(list(cells), name) is None


def test_adult_has_nothing_that_tells_who_somebody_is() -> None:
    frame = pl.read_parquet(EXAMPLES / "adult.parquet")
    findings = detect(frame)
    assert {name: one.role for name, one in findings.items()} == {"native-country": "quasi"}
    assert not any(c.kind == "personal" for c in infer_schema({"adult": frame}).columns.values())


def test_places_are_quasi_identifiers_of_persons_and_else_statistics() -> None:
    places = {"city": ["Linz", "Graz"] * 20, "country": ["Austria", "Italy"] * 20}
    assert detect(pl.DataFrame(places)) == {}
    among_persons = detect(pl.DataFrame({**places, "email": made("email", 40)}))
    assert [among_persons[n].role for n in ("city", "country")] == ["quasi", "quasi"]
    assert all(among_persons[n].treatment == "keep" for n in places)


def test_personal_data_within_texts_is_told_with_its_share() -> None:
    notes = [
        f"order {i} was late, " + ("write to ann.lee@mail.org" if i % 4 == 0 else "no reply so far")
        for i in range(200)
    ]
    finding = detect(pl.DataFrame({"remarks": notes}))["remarks"]
    assert finding.category == "free_text"
    assert "email addresses in 25%" in finding.reason
    clean = [f"order {i} was late and nobody replied so far" for i in range(200)]
    assert detect(pl.DataFrame({"remarks": clean})) == {}


def test_reasons_tell_no_cell() -> None:
    secret = "zebulon.quux@canary.example"
    frame = pl.DataFrame({"email": [*made("email", 50), secret], "x": ["a"] * 51})
    finding = detect(frame)["email"]
    assert "zebulon" not in finding.reason
    assert "canary" not in infer_schema({"t": frame}).columns["email"].reason


def test_empty_constant_and_odd_columns_do_not_disturb() -> None:
    frame = pl.DataFrame(
        {
            "email": pl.Series([None, None], dtype=pl.String),
            "phone": ["", " "],
            "iban": pl.Series([[1], [2]]),
            "first_name": pl.Series([True, False]),
            "ssn": [0, 0],
        }
    )
    assert detect(frame) == {}
    assert detect(frame.clear()) == {}
