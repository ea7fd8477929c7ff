"""Masking as a person uses it: from the command line, from Python, within a plan."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import yaml
from typer.testing import CliRunner

import neotype as nt
from adult import EXAMPLES
from neotype.cli import app
from neotype.errors import DataError, NeotypeError, SchemaError
from neotype.masking.key import Key
from neotype.masking.spans import hide
from neotype.personal.accounts import valid_iban
from neotype.schema.file import write_schema
from neotype.schema.schema import Personal

SECRET = "4f1c5d0c2e7b4a0d9d6c8f3e2a1b0c9d"
CUSTOMERS = EXAMPLES / "customers.csv"


def neotype(*words: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == code, (done.exit_code, done.output, done.exception)
    return done.output


@pytest.fixture(scope="module")
def customers() -> pl.DataFrame:
    return pl.read_csv(CUSTOMERS)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    (tmp_path / "mask.key").write_text(SECRET + "\n")
    return tmp_path / "mask.key"


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEOTYPE_KEY", raising=False)


class TestTheVerb:
    def test_everything_personal_is_treated_unasked_and_said(
        self, customers: pl.DataFrame, key_file: Path, tmp_path: Path
    ) -> None:
        out, receipt = tmp_path / "out.csv", tmp_path / "receipt.json"
        said = neotype(
            *("mask", CUSTOMERS, "-o", out, "--treat", "customer_id=pseudonym:12"),
            *("--key-file", key_file, "--receipt", receipt),
        )
        made = pl.read_csv(out)
        assert made.height == customers.height
        for name in ("first_name", "last_name", "email", "phone", "street", "iban"):
            assert "found:" in next(line for line in said.splitlines() if line.startswith(name))
            same = made.filter((made[name] == customers[name]).fill_null(False))
            assert same.height <= 3  # a fake first name may by chance be the real one
        text = out.read_text()
        # Phones are of the few that are reserved for fiction, as those of the example are.
        for name in ("email", "iban", "customer_id"):
            assert not [cell for cell in customers[name].drop_nulls() if cell in text]
        assert "'birth_date', 'postcode', 'city' may together tell" in said
        facts = json.loads(receipt.read_text())
        assert facts["columns"]["email"]["changed"] == customers.height
        assert facts["columns"]["spent"]["changed"] == 0
        assert SECRET not in receipt.read_text() + said
        assert facts["key"] == Key(SECRET.encode()).mark()

    def test_two_runs_and_two_tables_of_one_key_agree(
        self, customers: pl.DataFrame, key_file: Path, tmp_path: Path
    ) -> None:
        orders = customers.sample(300, seed=1, shuffle=True).select("customer_id", "email", "spent")
        orders.write_csv(tmp_path / "orders.csv")
        for source, out in ((CUSTOMERS, "a.csv"), (CUSTOMERS, "b.csv"), ("orders.csv", "c.csv")):
            asked = ("--treat", "customer_id=pseudonym", "--key-file", key_file)
            neotype("mask", tmp_path / source, "-o", tmp_path / out, *asked)
        whole, again, some = (pl.read_csv(tmp_path / name) for name in ("a.csv", "b.csv", "c.csv"))
        assert whole.equals(again)
        joined = some.join(whole, on=("customer_id", "email"))
        assert joined["spent"].equals(joined["spent_right"])
        assert joined.height == 300

    def test_a_plan_says_the_same(self, key_file: Path, tmp_path: Path) -> None:
        plan = {
            "columns": {"customer_id": "pseudonym", "iban": {"treat": "pattern", "check": "iban"}},
            "key_file": "mask.key",
            "anonymity": {"k": 4, "quasi_identifiers": ["postcode", "sex"]},
        }
        (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan))
        neotype("mask", CUSTOMERS, "-o", tmp_path / "a.csv", "--plan", tmp_path / "plan.yaml")
        neotype(
            *("mask", CUSTOMERS, "-o", tmp_path / "b.csv", "--treat", "customer_id=pseudonym"),
            *("--treat", "iban=pattern:check=iban", "--key-file", key_file),
            *("--k", 4, "--quasi", "postcode,sex"),
        )
        assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
        made = pl.read_csv(tmp_path / "a.csv")
        assert valid_iban(made["iban"]).all()
        assert made.group_by("postcode", "sex").len()["len"].min() >= 4  # type: ignore[operator]

    def test_json_is_the_receipt(self, key_file: Path, tmp_path: Path) -> None:
        done = CliRunner().invoke(
            app, ["mask", str(CUSTOMERS), "-o", str(tmp_path / "o.csv"), "--json"]
        )
        facts = json.loads(done.stdout)
        assert facts["rows"] == 800
        assert any("no key was given" in note for note in facts["notes"])
        assert facts["key"] is None

    def test_without_a_decision_it_can_refuse(self, tmp_path: Path) -> None:
        said = neotype("mask", CUSTOMERS, "-o", tmp_path / "o.csv", "--refuse", code=1)
        assert "--treat 'email=fake'" in said
        assert "note" in said
        assert not (tmp_path / "o.csv").exists()

    @pytest.mark.parametrize(
        ("words", "problem"),
        [
            (["--treat", "emial=fake"], "did you mean 'email'"),
            (["--treat", "email=fke"], "did you mean 'fake'"),
            (["--treat", "email"], "not COLUMN=TREATMENT"),
            (["--treat", "spent=shift"], "it has no dates"),
            (["--treat", "spent=fake"], "nothing says what it holds"),
            (["--treat", "spent=pseudonym:format=true"], "decimal places"),
            (["--treat", "spent=generalise:year"], "no width of bands"),
            (["--treat", "joined=generalise:quater"], "did you mean 'quarter'"),
            (["--treat", "sex=pattern:[0-9]{3}"], "not of this form"),
            (["--treat", "joined=shift:per=nobody"], "which does not exist"),
            (["--quasi", "sex"], "no k is given"),
            (["--k", "5"], "what an outsider may know"),
            (["--k", "1", "--quasi", "sex"], "greater than or equal to 2"),
            (["--k", "5", "--quasi", "sex", "--method", "mondrain"], "method"),
            (["--k", "5", "--quasi", "sex", "--treat", "sex=drop"], "cannot be a quasi-identifier"),
            (["--per", "nobody"], "no such column"),
            (["--key-file", "nowhere.key"], "openssl rand"),
            (["--plan", "nowhere.yaml"], "cannot be read"),
        ],
    )
    def test_what_cannot_be_is_said_before_anything_is_written(
        self, words: list[str], problem: str, customers: pl.DataFrame, tmp_path: Path
    ) -> None:
        customers.head(60).write_csv(tmp_path / "some.csv")
        said = neotype("mask", tmp_path / "some.csv", "-o", tmp_path / "o.csv", *words, code=1)
        assert problem in " ".join(said.split())
        assert not (tmp_path / "o.csv").exists()

    def test_all_misfits_are_told_at_once(self, tmp_path: Path) -> None:
        asked = ("--treat", "spent=shift", "--treat", "plan=fake")
        said = neotype("mask", CUSTOMERS, "-o", tmp_path / "o.csv", *asked, code=1)
        assert "'spent'" in said
        assert "'plan'" in said


class TestTheKey:
    def test_from_the_environment(
        self, customers: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given = nt.mask(customers, {"email": "pseudonym"}, key=SECRET).table
        monkeypatch.setenv("NEOTYPE_KEY", SECRET)
        assert nt.mask(customers, {"email": "pseudonym"}).table.equals(given)

    def test_a_short_one_is_refused(self, customers: pl.DataFrame) -> None:
        with pytest.raises(SchemaError, match="can be guessed"):
            nt.mask(customers, key="secret")

    def test_it_is_not_shown(self) -> None:
        assert SECRET not in repr(Key(SECRET.encode()))

    def test_without_one_two_runs_differ(self, customers: pl.DataFrame) -> None:
        one, two = (nt.mask(customers.select("email")).table["email"] for _ in range(2))
        assert not one.equals(two)

    def test_a_note_of_a_column_that_would_give_two_values_one_token(self) -> None:
        frame = pl.DataFrame({"id": [f"x{n}" for n in range(3000)]})
        with pytest.raises(DataError, match="one token"):
            nt.mask(frame, {"id": "pseudonym:4"}, key=SECRET)


class TestFromPython:
    def test_the_frame_that_came_in_comes_out(self, customers: pl.DataFrame) -> None:
        some = customers.head(60).select("email", "spent", "sex", "joined")
        frame = some.to_pandas()
        done = nt.mask(frame, {"spent": "generalise:50"}, key=SECRET)
        assert isinstance(done.frame, pd.DataFrame)
        assert done.frame["spent"].str.fullmatch(r"\d+–\d+").all()
        arrow = nt.mask(some.to_arrow(), {"spent": "generalise:50"}, key=SECRET).frame
        assert isinstance(arrow, pa.Table)
        assert arrow.column("spent").to_pylist() == done.frame["spent"].tolist()

    def test_fakes_of_a_person_go_together(self, customers: pl.DataFrame) -> None:
        twice = pl.concat([customers, customers.sample(fraction=1, seed=3, shuffle=True)])
        made = nt.mask(twice, {"note": "drop"}, per="customer_id", key=SECRET).table
        words = made["email"].str.split("@").list.get(0).str.extract(r"^([a-z]+)")
        plain = made["first_name"].str.to_lowercase().str.replace_all(r"[^a-z]", "")
        assert (words == plain).mean() > 0.95  # type: ignore[operator]
        assert made.group_by("customer_id").n_unique()["email"].max() == 1

    def test_fakes_are_written_as_the_values_are(self, customers: pl.DataFrame) -> None:
        phones = ["+49 0711 2842222", "+1 (212) 221-3546", "(212) 221-3546", "+45 33 31 99 91"]
        phones += ["+44 20 8765 4321", "+453 3331 9991", "+43 1 5134505"]
        streets = ["12 Main Road", "7 Elm Street", "4 HIGH STREET", "51 Ash Lane"]
        ways = [r"\+49 \d{4} \d{7}", r"\+1 \(\d{3}\) 555-01\d\d", r"\(\d{3}\) 555-01\d\d"]
        ways += [
            r"\+45 0\d( \d\d){3}",
            r"\+44 (\d+ 49\d 0|20 7946 0|7700 900)\d{3}",
            r"\+45 0\d( \d\d){3}",
        ]
        ways += [r"\+43 0 \d{7}"]
        frame = pl.DataFrame({"n": range(7), "phone": phones, "street": (streets * 2)[:7]})
        asked = {"phone": "fake:phone,locale=en", "street": "fake:street_address,locale=en"}
        made = nt.mask(frame, asked, key=SECRET).table
        for cell, way in zip(made["phone"], ways, strict=True):
            assert re.fullmatch(way, cell), (cell, way)
        assert made["street"].str.extract(r"^(\d+) ").cast(pl.Int64).is_between(1, 199).all()
        assert made["street"][2] == made["street"][2].upper()
        again = nt.mask(frame.reverse().head(2), asked, key=SECRET).table
        assert again["phone"].to_list() == made["phone"].reverse().head(2).to_list()
        whole = nt.mask(customers, {"note": "drop"}, key=SECRET)
        assert whole.table["phone"].drop_nulls().str.contains(ways[4]).all()
        assert any("pseudonym:format" in n for n in whole.receipt.columns["phone"].notes)

    def test_no_word_of_a_phone_stays(self) -> None:
        odd = ["ask Anna 030 1234", "+49", "x", "+7 495 123-45-67", "(555) 123-4567 ext. 89"]
        asked = {"phone": "fake:phone,locale=en"}
        made = nt.mask(pl.DataFrame({"phone": odd}), asked, key=SECRET).table["phone"].to_list()
        assert not set(made) & set(odd)
        assert not [cell for cell in made[:4] if re.search("[a-z]", cell)]
        assert re.fullmatch(r"\(\d{3}\) 555-01\d\d ext. \d\d", made[4])

    def test_that_fakes_do_not_fit_each_other_is_said(self, customers: pl.DataFrame) -> None:
        notes = nt.mask(customers, key=SECRET).receipt.notes
        assert any("--per customer_id makes" in note for note in notes)
        notes = nt.mask(customers, per="customer_id", key=SECRET).receipt.notes
        assert not any("--per" in note for note in notes)

    def test_a_kept_column_that_holds_a_masked_cell_is_named(self) -> None:
        people = ["Anna Schmidt", "Jonas Weber", "Maria Keller"]
        firms = ["Anna Schmidt & Co", "Weber AG", "Haus Maria  Keller"]
        frame = pl.DataFrame({"contact": people, "firm": firms, "plan": ["a", "b", "a"]})
        asked = {"contact": "fake:full_name", "firm": "keep", "plan": "keep"}
        notes = nt.mask(frame, asked, key=SECRET).receipt.notes
        held = [note for note in notes if "holds what was masked" in note]
        assert len(held) == 1
        assert "'firm' is kept" in held[0]
        assert "'contact' in 2 rows" in held[0]
        asked["firm"] = "drop"
        assert not [n for n in nt.mask(frame, asked, key=SECRET).receipt.notes if "holds" in n]

    def test_what_lies_between_the_dates_of_a_person_stays(self, customers: pl.DataFrame) -> None:
        made = nt.mask(
            customers,
            {"joined": "shift:40", "last_order": "shift:40"},
            per="customer_id",
            key=SECRET,
        ).table
        apart = [
            frame["last_order"].str.to_date() - frame["joined"].str.to_date()
            for frame in (customers, made)
        ]
        assert apart[0].equals(apart[1])
        far = (made["joined"].str.to_date() - customers["joined"].str.to_date()).dt.total_days()
        assert far.abs().max() <= 40  # type: ignore[operator]
        assert far.abs().min() >= 1  # type: ignore[operator]
        assert far.n_unique() > 60

    def test_a_column_that_tells_a_quasi_identifier_is_named(self) -> None:
        adult = pl.read_parquet(EXAMPLES / "adult.parquet").head(2000)
        notes = nt.mask(adult, k=5, quasi_identifiers=["education", "age"]).receipt.notes
        assert any("'education-num' tells 'education'" in note for note in notes)

    def test_the_receipt_counts_what_changed(self, customers: pl.DataFrame) -> None:
        done = nt.mask(customers, {"plan": "generalise:top=1"}, key=SECRET)
        one = done.receipt.columns["plan"]
        other = customers.filter(pl.col("plan") != "basic").height
        assert one.changed == other
        assert one.distinct == (3, 2)


class TestTexts:
    @pytest.mark.parametrize(
        ("text", "hidden"),
        [
            ("mail anna.b@web.de today", "mail [email] today"),
            ("call +49 30 1234567.", "call [phone]."),
            ("or (0113) 496 0123 after 5", "or [phone] after 5"),
            ("DE89 3704 0044 0532 0130 00 please", "[iban] please"),
            ("paid with 4111 1111 1111 1111", "paid with [card]"),
            ("order 4111 1111 1111 1112 failed", "order 4111 1111 1111 1112 failed"),
            ("from 192.168.0.1 via https://a.b/c?d=1, ok", "from [ip] via [url], ok"),
            ("Anna Schmidt was here", "[name] was here"),
            ("talked to Dr. Weber", "talked to Dr. [name]"),
            ("paid 1,250.00 on 2020-03-14 at 10:30", "paid 1,250.00 on 2020-03-14 at 10:30"),
            ("Will be late. May I call?", "Will be late. May I call?"),
        ],
    )
    def test_what_is_personal_is_named(self, text: str, hidden: str) -> None:
        assert hide(text, {}) == hidden

    def test_the_rows_own_columns_are_found(self) -> None:
        said = hide("sent to zzyx qwaak, 7 Elm", {"Qwaak": "name", "7 Elm": "address"})
        assert said == "sent to zzyx [name], [address]"


class TestWithinAPlan:
    def test_columns_are_treated_before_they_are_learnt_and_rows_are_released(
        self, customers: pl.DataFrame, key_file: Path, tmp_path: Path
    ) -> None:
        plan: dict[str, Any] = {
            "source": str(CUSTOMERS),
            "output": "out",
            "synthesizer": "independent",
            "metrics": ["shape"],
            "treat": {"birth_date": "generalise:decade", "street": "drop", "joined": "shift:9"},
            "release": {
                "columns": {"customer_id": "pseudonym", "street": "drop", "note": "drop"},
                "key_file": "mask.key",
                "anonymity": {"k": 3, "quasi_identifiers": ["birth_date", "sex"]},
            },
        }
        (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan))
        said = neotype("run", tmp_path / "plan.yaml")
        made = pl.read_csv(tmp_path / "out" / "synthetic.csv")
        assert "street" not in made.columns
        assert set(made["birth_date"]) <= {f"{year}0s" for year in range(190, 203)}
        masked = pl.read_csv(tmp_path / "out" / "masked.csv")
        assert masked.height == customers.height
        assert masked.group_by("birth_date", "sex").len()["len"].min() >= 3  # type: ignore[operator]
        facts = json.loads((tmp_path / "out" / "masking.json").read_text())
        assert facts["anonymity"]["k"] >= 3
        assert re.search(r"k = \d+", said)
        again = nt.run(tmp_path / "out" / "plan.yaml", force=True)
        assert again.masked is not None
        assert pl.read_csv(tmp_path / "out" / "masked.csv").equals(masked)

    def test_what_the_schema_says_is_done_before_learning(
        self, customers: pl.DataFrame, tmp_path: Path
    ) -> None:
        schema = nt.infer_schema(customers)
        columns = dict(schema.columns)
        for name, treatment in (("phone", "mask"), ("street", "drop"), ("email", "fake")):
            assert isinstance(columns[name], Personal)
            columns[name] = columns[name].model_copy(update={"treatment": treatment})
        table = schema.table.model_copy(update={"columns": columns})
        write_schema(
            schema.model_copy(update={"tables": {schema.name: table}}), tmp_path / "schema.yaml"
        )
        model = nt.fit(customers, synthesizer="independent", schema=tmp_path / "schema.yaml")
        made = model.sample(300, seed=1)
        assert "street" not in made.columns
        assert made["phone"].drop_nulls().str.contains(r"^(\*{4}.{0,4}|\*)$").all()

    def test_a_target_that_is_dropped_is_missed(self, tmp_path: Path) -> None:
        plan = {
            "source": str(CUSTOMERS),
            "output": str(tmp_path / "out"),
            "target": "plan",
            "treat": {"plan": "drop"},
        }
        with pytest.raises(NeotypeError, match="target names column 'plan'"):
            nt.run(plan)
