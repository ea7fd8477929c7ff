"""Free text comes back in words that many share, and never as anybody's sentence."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neotype.encode.encoder import State
from neotype.encode.text import TextEncoder
from neotype.errors import FitError
from neotype.schema.schema import Text

SUBJECTS = ("the cat", "my dog", "a customer", "our shop", "the driver", "this patient")
VERBS = ("likes", "saw", "called about", "returned", "paid for", "never got")
OBJECTS = ("the red box", "two tickets", "an old card", "the invoice", "good coffee", "a parcel")


def sentences(rows: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    texts = []
    for _ in range(rows):
        parts = [
            f"{rng.choice(SUBJECTS)} {rng.choice(VERBS)} {rng.choice(OBJECTS)}".capitalize() + "."
            for _ in range(rng.integers(1, 6))
        ]
        texts.append(" ".join(parts))
    return texts


def learn(texts: list[str | None], **options) -> TextEncoder:
    frame = pl.DataFrame({"t": pl.Series(texts, dtype=pl.String)})
    return TextEncoder.learn("t", Text(storage="String", **options), frame, protect=5)


def reloaded(encoder: TextEncoder) -> TextEncoder:
    state = encoder.state()
    return TextEncoder.restore(
        State(json.loads(json.dumps(state.facts)), state.arrays), encoder.column
    )


def back(encoder: TextEncoder, texts: list[str | None]) -> pl.Series:
    frame = pl.DataFrame({"t": pl.Series(texts, dtype=pl.String)})
    codes = encoder.encode(frame)
    assert codes.shape == (len(encoder.digits), len(texts))
    for digit, row in zip(encoder.digits, codes, strict=True):
        assert row.max(initial=0) < digit.size <= 16
    rng = np.random.default_rng(0)
    (decoded,) = reloaded(encoder).decode(codes, rng=rng, first_row=0)
    assert decoded.dtype == pl.String
    return decoded


def test_lengths_follow_and_missing_stays_missing() -> None:
    texts: list[str | None] = [*sentences(2000), *[None] * 100, *[""] * 100]
    encoder = learn(texts, nullable=True)
    decoded = back(encoder, texts)
    few = len(texts) - texts.count(None) < 5
    assert decoded.is_null().to_list() == [few or text is None for text in texts]
    hidden = [note for note in encoder.protections if note.what == "rare values"]
    assert bool(hidden) == (few and any(text is not None for text in texts))
    assert (decoded.drop_nulls() == "").sum() == 100
    wanted = pl.Series(texts).str.len_chars().drop_nulls()
    assert np.corrcoef(decoded.drop_nulls().str.len_chars(), wanted)[0, 1] > 0.9


def test_words_and_neighbours_are_those_of_the_data() -> None:
    texts = sentences(2000)
    decoded = back(learn(texts), texts)
    real = {" ".join(w[i : i + 2]) for t in texts for w in [t.split()] for i in range(len(w) - 1)}
    made = [" ".join(w[i : i + 2]) for t in decoded for w in [t.split()] for i in range(len(w) - 1)]
    assert np.mean([pair in real for pair in made]) > 0.95
    assert decoded.str.ends_with(".").mean() > 0.95


def test_no_rare_run_of_words_is_reproduced_or_stored() -> None:
    rng = np.random.default_rng(3)
    canaries = [
        f"Mrs Quill{n} of {rng.integers(10**5, 10**6)} Heather{n} Lane has diabetes{n}."
        for n in range(40)
    ]
    plain = "our cat paid the patient two times while the dog saw this shop and never a driver"
    twice = ["my parcel called the old red card " + plain + " likes good coffee"] * 40
    texts = sentences(2000) + canaries + twice
    encoder = learn(texts)
    stored = json.dumps(encoder.state().facts)
    assert not any(f"Quill{n}" in stored or f"diabetes{n}" in stored for n in range(40))
    decoded = back(encoder, texts * 5)
    common: dict[tuple[str, ...], set[int]] = {}
    for row, text in enumerate(dict.fromkeys(texts)):
        words = text.split()
        for i in range(len(words) - 5):
            common.setdefault(tuple(words[i : i + 6]), set()).add(row)
    rare = {run for run, rows in common.items() if len(rows) < 5}
    secret = {run for run in rare if any("Quill" in w or "Heather" in w for w in run)}
    secret |= {tuple(plain.split()[i : i + 6]) for i in range(len(plain.split()) - 5)}
    made = {tuple(w[i : i + 6]) for t in decoded for w in [t.split()] for i in range(len(w) - 5)}
    assert len(secret) > 100
    assert not made & secret


def test_rare_numbers_become_others_of_the_same_length() -> None:
    rng = np.random.default_rng(0)
    texts = [f"Please call {rng.integers(10**8, 10**9)} today" for _ in range(500)]
    decoded = back(learn(texts), texts)
    numbers = decoded.str.extract(r"(\d+)").drop_nulls()
    assert (numbers.str.len_chars() == 9).all()
    assert len(numbers) > 400
    assert not set(numbers) & {text.split()[2] for text in texts}


@pytest.mark.parametrize(
    "texts",
    [
        ["one text only, read by one"],
        [None, None],
        [""] * 10,
        ["日本語のテキスト。", "これは猫です。"] * 20,
        ["naïve café — “quoted” 🙂\n\nnew paragraph\ttab"] * 10,
        [str(n) * 50 for n in range(20)],
    ],
)
def test_odd_texts_do_not_break(texts: list[str | None]) -> None:
    decoded = back(learn(texts, nullable=None in texts, public=True), texts)
    assert decoded.is_null().to_list() == [text is None for text in texts]
    assert not decoded.str.contains("\0", literal=True).any()


def test_numbers_are_refused_when_learning() -> None:
    with pytest.raises(FitError, match="no free text"):
        TextEncoder.learn("t", Text(storage="Int64"), pl.DataFrame({"t": [1]}), protect=5)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(st.none(), st.text(max_size=40)), min_size=1, max_size=30))
def test_any_text_survives(texts: list[str | None]) -> None:
    encoder = learn(texts, nullable=True)
    decoded = back(encoder, texts)
    few = len(texts) - texts.count(None) < 5
    assert decoded.is_null().to_list() == [few or text is None for text in texts]
    hidden = [note for note in encoder.protections if note.what == "rare values"]
    assert bool(hidden) == (few and any(text is not None for text in texts))


def test_names_become_new_ones_as_long() -> None:
    rng = np.random.default_rng(1)
    parts = ("ka", "ro", "mi", "ten", "sul", "ba", "dor", "lin")
    names = ["".join(rng.choice(parts, rng.integers(2, 5))).title() for _ in range(600)]
    texts = [*dict.fromkeys(names)]
    decoded = back(learn(texts), texts)
    wanted, made = pl.Series(texts).str.len_chars(), decoded.str.len_chars()
    assert (
        np.abs(np.quantile(made, [0.1, 0.5, 0.9]) - np.quantile(wanted, [0.1, 0.5, 0.9])).max() <= 1
    )
    assert decoded.n_unique() > 0.9 * len(texts)
    assert decoded.str.contains(r"^\p{Lu}\p{Ll}+$").all()
    assert decoded.is_in(pl.Series(texts).implode()).mean() < 0.1
