"""Invented persons: consistent within a row, unique where asked, never anybody's."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neotype as nt
from neotype.data import Dataset
from neotype.errors import FitError, SchemaError
from neotype.personal.accounts import valid_card, valid_iban
from neotype.personal.fake import LOCALES, PROVIDERS, UNIQUE, Style, make, pseudonyms
from neotype.personal.national import SCHEMES
from neotype.personal.people import sexes
from neotype.personal.places import PLACES, locale_named
from neotype.personal.pools import folded, pools
from neotype.personal.style import learn_style
from neotype.rng import Rng
from neotype.schema.infer import infer_schema
from neotype.schema.schema import Identifier, Personal, Schema
from neotype.synth.independent import Independent

EXAMPLES = Path(__file__).parents[1] / "examples"
NUMBERS = np.arange(3000, dtype=np.uint64)


def cells(category: str, **settings: Any) -> pl.Series:
    return make(category, settings.pop("numbers", NUMBERS), key="t", **settings)


@pytest.mark.parametrize("category", list(PROVIDERS))
def test_cells_depend_on_the_number_alone(category: str) -> None:
    whole = cells(category)
    assert whole.dtype == pl.String
    assert whole.null_count() == 0
    assert cells(category, numbers=NUMBERS[700:900]).equals(whole[700:900])
    assert cells(category, numbers=NUMBERS[:0]).is_empty()


@pytest.mark.parametrize("locale", ["en", "de", "fr", "pt-br"])
def test_unique_cells_are_unique_far_beyond_the_lists(locale: str) -> None:
    many = np.arange(150_000, dtype=np.uint64)
    for category in ("full_name", "email", "username", "phone", "street_address", "iban"):
        assert cells(category, numbers=many, locale=locale, unique=True).n_unique() == len(many)


@pytest.mark.parametrize("category", sorted(UNIQUE))
def test_every_category_that_can_be_unique_is(category: str) -> None:
    assert cells(category, unique=True).n_unique() == len(NUMBERS)


def test_what_repeats_cannot_be_asked_to_differ() -> None:
    with pytest.raises(SchemaError, match="repeat"):
        cells("first_name", unique=True)
    with pytest.raises(SchemaError, match="did you mean 'email'"):
        cells("emial")
    with pytest.raises(SchemaError, match="did you mean 'de'"):
        cells("email", locale="dee")
    with pytest.raises(SchemaError, match=r"only 10,000 numbers of the form 'Dutch BSN'"):
        cells(
            "national_id", numbers=np.arange(10_001, dtype=np.uint64), scheme="nl_bsn", unique=True
        )


@pytest.mark.parametrize("locale", LOCALES)
def test_a_person_is_one_in_all_categories_of_every_locale(locale: str) -> None:
    first, last = (cells(one, locale=locale) for one in ("first_name", "last_name"))
    assert cells("full_name", locale=locale).equals(first + " " + last, check_names=False)
    local = cells("email", locale=locale).str.extract(r"^(.*)@example\.(?:com|org|net)$")
    assert local.equals(folded(first) + "." + folded(last), check_names=False)
    assert local.str.contains(r"^[a-z0-9]+\.[a-z0-9]+$").all()
    address = cells("address", locale=locale)
    for part in ("street_address", "city", "postcode"):
        held = cells(part, locale=locale).to_list()
        assert all(p in whole for p, whole in zip(held, address.to_list(), strict=True))
    code = PLACES[locale].calling
    assert cells("phone", locale=locale).str.starts_with(f"+{code} ").all()


def test_names_fit_the_sex_and_the_country_of_the_row() -> None:
    row = {
        "sex": pl.Series(["F", "male", "unknown"] * 1000),
        "country": pl.Series(["Germany", "BR", None] * 1000),
    }
    first, phone = cells("first_name", row=row), cells("phone", row=row)
    german, brazilian = pools("de"), pools("pt-br")
    assert first.gather_every(3, 0).is_in(german.women.implode()).all()
    assert first.gather_every(3, 1).is_in(brazilian.men.implode()).all()
    assert [text[:3] for text in phone[:3]] == ["+49", "+55", "+1 "]
    assert sexes(pl.Series(["x", "y"])) is None


def test_names_that_a_row_has_are_taken_up() -> None:
    numbers = NUMBERS[:2]
    row = {"full_name": pl.Series(["Müller, Eva", "Åsa Ødegård"])}
    made = make("email", numbers, row=row).str.replace("@.*", "")
    assert made.to_list() == ["eva.mueller", "asa.odegard"]
    row = {"city": pl.Series(["Linz", "Linz"])}
    postcodes = make("postcode", numbers, locale="de-at", row=row)
    assert postcodes[0][:2] == postcodes[1][:2]


def test_numbers_are_valid_and_belong_to_nobody() -> None:
    assert valid_iban(cells("iban", locale="de")).all()
    assert cells("iban", locale="de").str.contains(r"^DE\d\d0{8}").all()
    assert cells("iban", locale="en-gb").str.contains(r"^GB\d\dXXXX").all()
    assert valid_card(cells("card_number")).all()
    tests = ("400000", "555555", "378282", "601111")
    assert set(cells("card_number").str.head(6)) == set(tests)
    assert cells("phone").str.contains(r"^\+1 \d{3} 555-01\d\d$").all()
    assert cells("phone", locale="fr").str.contains(r"^\+33 \d (99 00|61 91|53 01|71|49)").any()
    assert cells("national_id").str.contains(r"^9\d\d-[0-4]\d-\d{4}$").all()
    assert cells("ipv6").str.starts_with("2001:db8:").all()
    for scheme, kind in SCHEMES.items():
        assert kind.valid(cells("national_id", scheme=scheme)).all()


@given(st.integers(0, 2**40), st.sampled_from(sorted(PROVIDERS)), st.sampled_from(LOCALES))
@settings(deadline=None, max_examples=60)
def test_any_number_has_a_cell(number: int, category: str, locale: str) -> None:
    one = make(category, np.array([number], dtype=np.uint64), locale=locale)
    assert len(one) == 1
    assert one[0]


def test_locales_are_known_by_many_names() -> None:
    for text in ("de", "DE", "de_DE", "de-DE", "Germany", "deutschland", " GER "):
        assert locale_named(text) == "de"
    assert locale_named("en_GB") == "en-gb"
    assert locale_named("pt_BR") == "pt-br"
    assert locale_named("en_US") == "en"
    assert locale_named("Atlantis") is None


@pytest.mark.parametrize(
    ("category", "real", "pattern"),
    [
        ("full_name", ["SMITH, ANNA", "LEE, BO"], r"^[^,a-z]+, [^,a-z]+$"),
        ("email", ["asmith7@x.org", "blee12@x.org"], r"^[a-z]+\d+@example\.(com|org|net)$"),
        ("email", ["a_smith@x.org", "b_lee@x.org"], r"^[a-z]_[a-z]+\d+@"),
        ("phone", ["(212) 555-1234", "(914) 555-9876"], r"^\(\d{3}\) 555-01\d\d$"),
        ("phone", ["+49 (30) 123-4567", "+49 (89) 123-4444"], r"^\+1 \(\d\d\) \d{3}-\d{4}$"),
        ("iban", ["DE89 3704 0044 0532 0130 00"] * 2, r"^DE\d\d( \d{4}){4} \d\d$"),
        ("card_number", ["4111-1111-1111-1111"] * 2, r"^(\d{4}(-\d{4}){3}|\d{15})$"),
        ("national_id", ["123456789", "987654321"], r"^\d{9}$"),
        ("mac", ["AA-BB-CC-00-11-22"] * 2, r"^[0-9A-F]{2}(-[0-9A-F]{2}){5}$"),
    ],
)
def test_cells_are_written_as_the_column_writes(
    category: str, real: list[str], pattern: str
) -> None:
    style = learn_style(category, pl.Series(real * 20), 5)
    assert Style.restore(json.loads(json.dumps(style.state()))) == style
    made = cells(category, style=style, unique=category in UNIQUE)
    odd = made.filter(~made.str.contains(pattern)).to_list()
    assert not odd[:3]
    assert made.n_unique() == len(made)


def test_forms_of_few_rows_are_not_learnt() -> None:
    real = pl.Series(["(212) 555-1234"] * 40 + ["212/SECRET 555"] * 4)
    assert learn_style("phone", real, 5).forms == (("(###) ###-####", 64),)
    assert learn_style("phone", real[-4:], 5) == Style()


def test_pseudonyms_are_opaque_and_differ() -> None:
    one, other = pseudonyms(NUMBERS, "a"), pseudonyms(NUMBERS, "b")
    assert one.n_unique() == len(one)
    assert not set(one) & set(other)
    assert one.str.contains(r"^[0-9a-f]{15}$").all()


@pytest.fixture(scope="module")
def customers() -> Dataset:
    frame = pl.read_csv(EXAMPLES / "customers.csv").drop("note")  # masked before it is learnt
    return Dataset(infer_schema({"customers": frame}), {"customers": frame})


@pytest.fixture(scope="module")
def model(customers: Dataset) -> Any:
    return Independent().fit(customers, rng=Rng(0))


def test_a_synthetic_row_is_about_one_person_who_is_not_real(
    customers: Dataset, model: Any
) -> None:
    made, real = model.sample(2000, rng=Rng(0)).frame, customers.frame
    local = made["email"].str.extract("^(.*)@")
    assert local.equals(
        folded(made["first_name"]) + "." + folded(made["last_name"]), check_names=False
    )
    women = made.filter(pl.col("sex") == "f")["first_name"]
    assert women.is_in(pools("en-gb").women.implode()).all()
    for name in ("email", "iban", "street"):
        assert made[name].n_unique() == made.height
        assert not set(made[name]) & set(real[name])
    assert 0.5 < made["phone"].null_count() / 2000 / (real["phone"].null_count() / 800) < 2


def test_the_model_file_holds_no_personal_cell(
    customers: Dataset, model: Any, tmp_path: Path
) -> None:
    fitted = nt.fit(customers.frame, synthesizer="independent")
    path = fitted.save(tmp_path / "m.neotype")
    with zipfile.ZipFile(path) as file:
        whole = b"".join(file.read(member) for member in file.namelist()).decode("latin1")
    for name, column in customers.schema.columns.items():
        if isinstance(column, Personal):
            held = [c for c in customers.frame[name].drop_nulls() if len(c) > 6 and c in whole]
            assert held == []
    again = nt.load(path).sample(50, seed=1)
    assert again.equals(fitted.sample(50, seed=1))


def treated(customers: Dataset, **treatments: str) -> Schema:
    columns = dict(customers.schema.columns)
    for name, treatment in treatments.items():
        columns[name] = columns[name].model_copy(update={"treatment": treatment})
    table = customers.table.model_copy(update={"columns": columns})
    return Schema(tables={customers.schema.name: table})


def test_the_user_decides_what_is_done(customers: Dataset) -> None:
    schema = treated(customers, last_name="keep", iban="pattern", email="pseudonym")
    fitted = nt.fit(customers.frame, schema=schema, synthesizer="independent")
    made, real = fitted.sample(300, seed=0), customers.frame
    assert fitted.schema.columns["last_name"].kind != "personal"
    assert "kept by the schema" in fitted.schema.columns["last_name"].reason
    assert made["iban"].str.contains(r"^GB\d\d[A-Z]{4}\d{14}$").all()
    assert made["email"].str.contains(r"^[0-9a-f]{15}$").all()
    assert not set(made["email"]) & set(real["email"])


def test_what_is_done_before_learning_is_not_learnt_by_mistake(customers: Dataset) -> None:
    data = Dataset(treated(customers, email="mask"), customers.frames)
    with pytest.raises(FitError, match="'email' has the treatment 'mask'"):
        Independent().fit(data, rng=Rng(0))


def test_personal_columns_of_one_table_may_be_of_several_persons() -> None:
    rows = np.arange(400, dtype=np.uint64)
    frame = pl.DataFrame(
        {
            "buyer_name": make("full_name", rows, key="a"),
            "buyer_email": make("email", rows, key="a", unique=True),
            "seller_name": make("full_name", rows, key="b"),
            "seller_email": make("email", rows, key="b", unique=True),
        }
    )
    data = Dataset(infer_schema({"t": frame}), {"t": frame})
    made = Independent().fit(data, rng=Rng(0)).sample(100, rng=Rng(0)).frame
    for who in ("buyer", "seller"):
        name = made[f"{who}_name"].str.to_lowercase()
        pairs = zip(name.to_list(), made[f"{who}_email"].to_list(), strict=True)
        assert all(re.sub("[^a-z]", "", n.split()[-1]) in mail for n, mail in pairs)
    assert (made["buyer_name"] == made["seller_name"]).sum() < 3


def test_rows_of_one_entity_are_about_one_person() -> None:
    owners = np.repeat(np.arange(150, dtype=np.uint64), 4)
    frame = pl.DataFrame(
        {
            "customer_id": [f"C-{n:05d}" for n in owners * 7 + 900],
            "full_name": make("full_name", owners, unique=True),
            "email": make("email", owners, unique=True),
            "amount": np.arange(600) % 37,
        }
    )
    schema = infer_schema({"t": frame})
    whose = Identifier(storage="String", unique=False)
    columns = {**schema.columns, "customer_id": whose}
    table = schema.table.model_copy(update={"entity": "customer_id", "columns": columns})
    data = Dataset(Schema(tables={"t": table}), {"t": frame})
    made = Independent().fit(data, rng=Rng(0)).sample(400, rng=Rng(0)).frame
    persons = made.group_by("customer_id").agg(pl.col("full_name", "email").n_unique())
    assert persons.select(pl.col("full_name", "email").max()).row(0) == (1, 1)
    assert made["email"].n_unique() == made["customer_id"].n_unique() == 100
