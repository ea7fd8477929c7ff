"""The language model: what users rely on."""

from __future__ import annotations

import shutil
import socket
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("transformers", reason="pip install 'neotype[language]'")

from typer.testing import CliRunner  # noqa: E402

import neotype as nt  # noqa: E402
from neotype.cli import app  # noqa: E402
from neotype.data import Dataset, Known  # noqa: E402
from neotype.errors import FitError, SchemaError  # noqa: E402
from neotype.nn.language import Language as Network  # noqa: E402
from neotype.nn.train import alone  # noqa: E402
from neotype.plan import read_plan  # noqa: E402
from neotype.rng import Rng  # noqa: E402
from neotype.schema.condition import Condition  # noqa: E402
from neotype.schema.infer import infer_schema  # noqa: E402
from neotype.synth.language import Language  # noqa: E402
from neotype.synth.model_file import load, save  # noqa: E402
from neotype.synth.table import TableModel  # noqa: E402
from tongues import write_folder  # noqa: E402

SIZES = (3, 5, 4, 2)
ROWS = np.array(list(np.ndindex(*SIZES)), dtype=np.uint8)
TEXTS = [
    [[20, 7], [20, 8, 7], [20, 8, 8, 7]],
    [[21, 1, 7], [21, 2, 3, 7], [21, 2, 4, 5, 7], [21, 2, 4, 6, 6, 7], [21, 9, 9, 9, 7]],
    [[22, 22, 1, 7], [22, 22, 1, 2, 7], [22, 22, 3, 1, 7], [22, 22, 3, 2, 7]],
    [[1, 7], [2, 7]],
]
"""Some symbols begin as others do, and forks lie at several depths."""
KINDS: dict[str, dict[str, Any]] = {
    "gpt2": {"n_layer": 2, "n_embd": 16, "n_head": 2, "n_positions": 64},
    "llama": {
        "num_hidden_layers": 2, "hidden_size": 16, "intermediate_size": 16,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64,
    },
}  # fmt: skip


@pytest.fixture(scope="module", params=list(KINDS))
def network(request: pytest.FixtureRequest) -> Network:
    """One of strong opinions, which nobody taught."""
    none = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
    config = {"model_type": request.param, "vocab_size": 13, **none, **KINDS[request.param]}
    with alone(0), torch.no_grad():
        made = Network(SIZES, config=config, start=40, texts=TEXTS)
        for weight in made.parameters():
            weight.add_(torch.randn_like(weight) / 6)
    return made.eval()


def _near(rows: np.ndarray, density: np.ndarray) -> bool:
    """Whether as many of each row were drawn as chance allows."""
    at = np.ravel_multi_index(tuple(rows.T.astype(np.int64)), SIZES)
    share = np.bincount(at, minlength=len(ROWS)) / len(rows)
    noise = np.sqrt(2 / np.pi * density * (1 - density) / len(rows)).sum()
    return bool(np.abs(share - density).sum() < 1.3 * noise)


def test_densities_sum_to_one_and_rows_are_drawn_by_them(network: Network) -> None:
    with alone(1), torch.no_grad():
        density = np.exp(network.log_density(ROWS))
        rows, logp = network.draw(4_000, None)
    assert density.sum() == pytest.approx(1, abs=1e-4)
    assert (logp == 0).all()
    assert _near(rows, density)


def test_a_whole_row_that_is_given_has_its_own_probability(network: Network) -> None:
    with alone(1), torch.no_grad():
        rows, logp = network.draw(len(ROWS), np.uint64(1) << ROWS.astype(np.uint64))
        density = network.log_density(ROWS)
    np.testing.assert_array_equal(rows, ROWS)
    np.testing.assert_allclose(logp, density, rtol=1e-4)


def test_weights_make_up_for_what_conditions_forbid(network: Network) -> None:
    """A row is drawn by its probability over its weight, in the order of what is given."""
    masks = np.array([[2**64 - 1, 0b10110, 0b1001, 2**64 - 1]], dtype=np.uint64)
    with alone(2), torch.no_grad():
        rows, logp = network.draw(4_000, masks)
        turns = torch.tensor([[2, 1, 3, 0]]).expand(len(ROWS), -1)
        chances = network._told(torch.from_numpy(ROWS.astype(np.int64)), turns).exp().numpy()
    assert set(rows[:, 1]) == {1, 2, 4}
    assert set(rows[:, 2]) == {0, 3}
    at = np.ravel_multi_index(tuple(rows.T.astype(np.int64)), SIZES)
    weight = np.full(len(ROWS), np.inf)
    weight[at] = np.exp(logp)
    np.testing.assert_allclose(weight[at], np.exp(logp), rtol=1e-4)
    assert (chances / weight).sum() == pytest.approx(1, abs=0.01)
    assert _near(rows, chances / weight)


def test_what_nothing_is_allowed_of_cannot_be(network: Network) -> None:
    with alone(3), torch.no_grad():
        _, logp = network.draw(5, np.array([[1 << 60, 1, 1, 1]], dtype=np.uint64))
    assert (logp == -np.inf).all()


def towns(rows: int, seed: int = 0) -> pl.DataFrame:
    """The town decides on the job, and the job on pay."""
    g = np.random.default_rng(seed)
    town = g.integers(0, 3, rows)
    job = np.where(g.random(rows) < 0.95, town, g.integers(0, 3, rows))
    return pl.DataFrame(
        {
            "town": np.array(["Graz", "Graz, old", "Linz"])[town],
            "job": np.array(["nurse", "smith", "cook"])[job],
            "pay": 1000 * job + g.integers(100, 900, rows),
        }
    )


def data_of(frame: pl.DataFrame) -> Dataset:
    return Dataset(infer_schema({"t": frame}), {"t": frame})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lines = [" town is Graz, Graz old, Linz, job is nurse, smith, cook, pay is"] * 3
    lines += [f" {100 * hundreds}," for hundreds in range(30)]
    return write_folder(tmp_path_factory.mktemp("model"), lines, width=32, layers=2)


@pytest.fixture(scope="module")
def model(folder: Path) -> TableModel:
    recipe = Language(model=str(folder), epochs=15, batch=64, rate=5e-3)
    made = recipe.fit(data_of(towns(1500)), rng=Rng(0))
    assert isinstance(made, TableModel)
    return made


def test_relationships_are_learnt(model: TableModel) -> None:
    made = model.sample(1500, rng=Rng(0)).frame
    shares = made.group_by("town").agg((pl.col("job") == "cook").mean().alias("cook"))
    cook = dict(shares.iter_rows())
    assert cook["Linz"] > 0.85
    assert max(cook["Graz"], cook["Graz, old"]) < 0.1
    pays = dict(made.group_by("job").agg(pl.col("pay").median()).iter_rows())
    assert pays["nurse"] < 900 < pays["smith"] < 1900 < pays["cook"]


def test_conditions_come_first_and_the_rest_follows(model: TableModel) -> None:
    given = pl.DataFrame({"job": ["cook"] * 300})
    made = model.sample(rng=Rng(0), known=Known(given)).frame
    assert made["job"].equals(given["job"])
    assert (made["town"] == "Linz").mean() > 0.85
    poor = model.sample(300, rng=Rng(0), known=Known(where=(Condition("pay", high=800),))).frame
    assert poor["pay"].max() <= 800
    assert (poor["job"] == "nurse").mean() > 0.85


def test_a_saved_model_needs_no_folder_and_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any, **__: Any) -> Any:
        raise AssertionError("something asks the network")

    for name in ("getaddrinfo", "create_connection"):
        monkeypatch.setattr(socket, name, refused)
    monkeypatch.setattr(socket.socket, "connect", refused)
    folder = write_folder(tmp_path / "model")
    fitted = Language(model=str(folder), epochs=1).fit(data_of(towns(200)), rng=Rng(0))
    path = save(fitted, tmp_path / "m.neotype")
    expected = fitted.sample(50, rng=Rng(1)).frame
    shutil.rmtree(folder)
    assert load(path)[0].sample(50, rng=Rng(1)).frame.equals(expected)


def test_weights_of_half_precision_are_learnt_in_full(folder: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    half = shutil.copytree(folder, tmp_path / "half")
    AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).save_pretrained(half)
    fitted = Language(model=str(half), epochs=1).fit(data_of(towns(200)), rng=Rng(0))
    assert {one.dtype for one in fitted.density.head.weights.values()} == {np.dtype(np.float32)}


def test_training_begins_with_the_weights_of_the_folder(folder: Path) -> None:
    """A cut model says of a text what the whole one says, among the tokens that occur."""
    from transformers import AutoModelForCausalLM

    recipe = Language(model=str(folder), epochs=1, rate=1e-12)
    fitted = recipe.fit(data_of(towns(200)), rng=Rng(0))
    cut = fitted.density.head._network
    whole = AutoModelForCausalLM.from_pretrained(folder).eval()
    tokens = torch.from_numpy(cut.vocabulary)
    with torch.no_grad():
        expected = whole(tokens[None]).logits[0][:, tokens]
        found = cut.network(torch.arange(len(tokens))[None]).logits[0]
    assert len(tokens) < whole.config.vocab_size
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def _lacking(folder: Path, to: Path, *names: str) -> str:
    kept = shutil.copytree(folder, to)
    for name in names:
        (kept / name).unlink()
    return str(kept)


def _fails(model: str, frame: pl.DataFrame | None = None) -> FitError:
    with pytest.raises(FitError) as caught:
        Language(model=model, epochs=1).fit(
            data_of(towns(100) if frame is None else frame), rng=Rng(0)
        )
    return caught.value


def test_a_name_is_no_folder_and_nothing_is_fetched(tmp_path: Path) -> None:
    said = str(_fails("distilbert/distilgpt2"))
    assert "is no folder" in said
    assert "never fetched" in said
    assert "hf download" in said


@pytest.mark.parametrize(
    ("lacks", "says"),
    [
        (("config.json",), "no config"),
        (("tokenizer.json", "tokenizer_config.json"), "no tokenizer"),
        (("model.safetensors",), "no weights"),
    ],
)
def test_what_a_folder_lacks_is_said(
    folder: Path, tmp_path: Path, lacks: tuple[str, ...], says: str
) -> None:
    said = str(_fails(_lacking(folder, tmp_path / "model", *lacks)))
    assert says in said
    assert "model.safetensors" in said


SMALL = {
    "vocab_size": 700, "hidden_size": 16, "intermediate_size": 16,
    "num_hidden_layers": 1, "num_attention_heads": 2,
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "config", "facts", "says"),
    [
        ("BertForMaskedLM", "BertConfig", {"initializer_range": 0.2, **SMALL}, "word by word"),
        ("BertModel", "BertConfig", SMALL, "not all of a causal language model"),
        ("LlamaModel", "LlamaConfig", SMALL, "missing: lm_head.weight"),
        ("CLIPTextModel", "CLIPTextConfig", SMALL, "is no causal language model"),
        ("MambaForCausalLM", "MambaConfig", {"vocab_size": 700, "hidden_size": 16}, "by piece"),
    ],
)
def test_a_model_that_cannot_write_rows_is_refused_before_it_learns(
    folder: Path, tmp_path: Path, kind: str, config: str, facts: dict[str, Any], says: str
) -> None:
    import transformers

    wrong = shutil.copytree(folder, tmp_path / "wrong")
    with alone(0):
        getattr(transformers, kind)(getattr(transformers, config)(**facts)).save_pretrained(wrong)
    told = str(_fails(wrong))
    assert says in told
    assert "use a" in told


def test_a_row_that_is_too_long_for_the_model_is_refused_before_it_learns(folder: Path) -> None:
    wide = pl.DataFrame({f"column_number_{k}": ["a", "b"] * 50 for k in range(200)})
    assert "a row is up to" in str(_fails(str(folder), wide))


def test_without_transformers_the_line_that_installs_it_is_told(
    folder: Path, model: TableModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(model, tmp_path / "m.neotype")
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert "pip install 'neotype[language]'" in str(_fails(str(folder)))
    with pytest.raises(FitError, match=r"pip install 'neotype\[language\]'"):
        load(path)[0].sample(5, rng=Rng(0))


def test_a_folder_has_to_be_named() -> None:
    with pytest.raises(SchemaError, match="no model folder"):
        Language()
    told = CliRunner().invoke(
        app, ["fit", "examples/adult.parquet", "-o", "never.neotype", "--synthesizer", "language"]
    )
    assert told.exit_code == 1


def test_a_plan_and_the_command_line_name_it(folder: Path, tmp_path: Path) -> None:
    towns(300).write_csv(tmp_path / "towns.csv")
    (tmp_path / "plan.yaml").write_text(
        f"source: {tmp_path / 'towns.csv'}\noutput: {tmp_path / 'out'}\n"
        f"synthesizer: {{name: language, model: {folder}, epochs: 1}}\n"
    )
    assert read_plan(tmp_path / "plan.yaml").recipe().model == str(folder)
    out = tmp_path / "m.neotype"
    said = ["fit", str(tmp_path / "towns.csv"), "-o", str(out), "--synthesizer", "language"]
    told = CliRunner().invoke(app, [*said, "--set", f"model={folder}", "--set", "epochs=1"])
    assert told.exit_code == 0, told.output
    assert nt.load(out).sample(5, seed=0).height == 5


def test_families_that_are_chosen_from_leave_it_out_and_say_why() -> None:
    families = ["copula", "language"]
    chosen = nt.fit(towns(300), synthesizer="auto", budget="1s", families=families)
    assert "no model folder" in chosen.facts["chosen"]["left_out"]["language"]
