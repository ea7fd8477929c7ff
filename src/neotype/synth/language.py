"""A pretrained language model that writes rows as sentences (GReaT: Borisov et al. 2023).

Leading digits are written as text: "age is 39, income is <=50K". What a symbol is called comes
from cells that were encoded and decoded again, so that nothing rare is told. The model folder is
read from the disk and never fetched; what was learnt from it is in the model file.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl

from neotype.encode.codebook import Codebook
from neotype.encode.encoder import Codes, Encoder
from neotype.errors import FitError, SchemaError
from neotype.rng import Rng
from neotype.synth.network import Network

_CALLED_BY_VALUE = frozenset(("categorical", "ordinal", "boolean", "constant", "numeric"))
"""Kinds whose symbols are called by what they stand for; those of others by their number."""
_LONGEST = 40
"""Letters of a label that are written."""
_ROWS = 20_000
"""Rows from which symbols get their names."""
_CHEAP = 10_000
"""Products of weights and tokens that cost as much as a digit of another family."""
_FEWEST = 16
"""Tokens that a tokenizer knows at least."""
_GET_ONE = "get one by: hf download distilbert/distilgpt2 --local-dir FOLDER"


@dataclass(frozen=True)
class Language(Network):
    """A causal language model of a folder, tuned to rows in any order, that writes only rows."""

    family: ClassVar[str] = "language"
    learner: ClassVar[str] = "neotype.nn.language:Language"
    obeys: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("torch", "transformers")

    model: str = field(default="", metadata={"help": "the folder of a causal language model"})
    refine: int = field(default=0, metadata={"help": "rounds of refinement; 0 for none"})
    epochs: int = field(default=20, metadata={"help": "passes over the rows, at most"})
    batch: int = field(default=32, metadata={"help": "rows a step"})
    rate: float = field(default=5e-5, metadata={"help": "learning rate"})
    patience: int = field(
        default=2, metadata={"help": "epochs without a better loss till it cools"}
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.model:
            raise SchemaError(
                "synthesizer 'language' is told no model folder.",
                mend="name one: --set model=FOLDER, synthesizer: {name: language, model: FOLDER} "
                f"or Language(model='FOLDER'); {_GET_ONE}",
            )

    def shape_for(self, codebook: Codebook, codes: Codes, rng: Rng) -> dict[str, Any]:
        """The model's config, cut to the tokens that occur, and the tokens of each symbol."""
        from neotype.nn.language import require_transformers, vocabulary

        require_transformers()
        config, tokenizer = _opened(self.model)
        texts = []
        for name, symbols in _written(codebook, codes, rng):
            texts.append(_distinct(tokenizer, name, symbols))
        start = next(
            token
            for token in (tokenizer.bos_token_id, tokenizer.eos_token_id, texts[0][0][0])
            if token is not None
        )
        said = config.get_text_config()
        longest = 1 + _longest(texts)
        room = getattr(said, "max_position_embeddings", None)
        if room is not None and longest > room:
            raise FitError(
                f"a row is up to {longest:,} tokens long, and the model of '{self.model}' reads "
                f"{room:,}.",
                mend="use a model that reads more, or fewer columns",
            )
        said.vocab_size = len(vocabulary(start, texts))
        for one in (config, said):
            one.bos_token_id = one.eos_token_id = one.pad_token_id = None
        facts = json.loads(config.to_json_string(use_diff=False))
        for name in ("_name_or_path", "dtype", "torch_dtype"):
            facts.pop(name, None)
        return {"config": facts, "start": start, "texts": texts}

    def made(self, sizes: tuple[int, ...], shape: Mapping[str, Any]) -> Any:
        """The pretrained model."""
        language = super().made(sizes, shape)
        language.take(Path(self.model))
        return language

    def dear(self, shape: Mapping[str, Any], weights: int) -> int:
        """By its weights, and how long a row is."""
        return max(1, weights * _longest(shape["texts"]) // _CHEAP)


def _opened(folder: str) -> tuple[Any, Any]:
    """The config and the tokenizer of a folder. FitError where it has none."""
    path = Path(folder)
    if not path.is_dir():
        raise FitError(
            f"model '{folder}' is no folder: models are read from the disk and never fetched.",
            mend=_GET_ONE,
        )
    from transformers import AutoConfig, AutoTokenizer

    from neotype.nn.language import first_line, quiet

    found = ", ".join(sorted(one.name for one in path.iterdir())[:12]) or "nothing"
    opened = []
    for what, kind in (("config", AutoConfig), ("tokenizer", AutoTokenizer)):
        try:
            with quiet():
                opened.append(kind.from_pretrained(path, local_files_only=True))
            if what == "tokenizer" and len(opened[1]) < _FEWEST:
                # Of no file at all transformers makes one that knows nothing.
                raise OSError(f"it knows {len(opened[1])} tokens")
        except (OSError, ValueError, KeyError, TypeError, ImportError) as cause:
            raise FitError(
                f"the folder '{folder}' has no {what} that can be read: {first_line(cause)}",
                found=f"it has: {found}",
                mend=f"it needs config.json, tokenizer.json and model.safetensors; {_GET_ONE}",
            ) from cause
    return opened[0], opened[1]


def _longest(texts: Sequence[Sequence[Sequence[int]]]) -> int:
    """The tokens of a row, at most."""
    return sum(max(map(len, symbols)) for symbols in texts)


def _distinct(tokenizer: Any, name: str, symbols: Sequence[str]) -> list[list[int]]:
    """The tokens of each symbol's text; none begins another, so that each ends where it does."""
    for labels in (symbols, [f"{k} {text}" for k, text in enumerate(symbols)]):
        texts = [f" {name} is {label}," for label in labels]
        ids = [list(map(int, one)) for one in tokenizer(texts, add_special_tokens=False).input_ids]
        ranked = sorted(ids)
        if all(ids) and not any(one == two[: len(one)] for one, two in pairwise(ranked)):
            return ids
    raise FitError(
        f"the tokenizer cannot tell the values of column '{name}' apart.",
        found=f"it makes the same tokens of texts such as {texts[0]!r} and {texts[-1]!r}",
        mend="use a model whose tokenizer knows all bytes, such as GPT-2's",
    )


def _written(codebook: Codebook, codes: Codes, rng: Rng) -> list[tuple[str, list[str]]]:
    """For each leading digit its name, and what each of its symbols is called."""
    codes, leading = codes[:, :_ROWS], set(codebook.leading)
    found, start = [], 0
    for encoder in codebook.encoders:
        end = start + len(encoder.digits)
        for place in range(start, end):
            if place in leading:
                digit = codebook.digits[place]
                called = [str(symbol) for symbol in range(digit.size)]
                if codebook.schema.columns[encoder.columns[0]].kind in _CALLED_BY_VALUE:
                    called = _called(encoder, codes[start:end], digit.size, called, rng)
                found.append((_plain(digit.name), called))
        start = end
    names = _numbered([name for name, _ in found])
    return [(name, _numbered(called)) for name, (_, called) in zip(names, found, strict=True)]


def _called(
    encoder: Encoder, codes: Codes, size: int, otherwise: Sequence[str], rng: Rng
) -> list[str]:
    """Each symbol of the first digit by its median or its most frequent label, as decoded."""
    draw = rng.child(encoder.columns[0]).generator()
    cells = encoder.decode(codes, rng=draw, first_row=0)[0]
    typical: list[Any] = []
    for symbol in range(size):
        mine = cells.filter(pl.Series(codes[0] == symbol))
        if not len(mine):
            typical.append(otherwise[symbol])
        elif mine.null_count() * 2 > len(mine):
            typical.append("missing")
        elif mine.dtype.is_numeric():
            typical.append(float(mine.cast(pl.Float64).median() or 0))  # type: ignore[arg-type]
        else:
            typical.append(_plain(str(mine.drop_nulls().mode().sort()[0])))
    return _rounded(typical)


def _rounded(typical: Sequence[Any]) -> list[str]:
    """Numbers with as few figures as tell them apart."""
    numbers = [one for one in typical if isinstance(one, float)]
    for figures in range(2, 18):
        texts = {_number(one, figures) for one in numbers}
        if len(texts) == len(set(numbers)):
            break
    return [_number(one, figures) if isinstance(one, float) else one for one in typical]


def _number(value: float, figures: int) -> str:
    if not np.isfinite(value) or not (value == 0 or 1e-4 <= abs(value) < 1e9):
        return f"{value:.{figures}g}"
    return np.format_float_positional(value, figures, fractional=False, trim="-")


def _plain(text: str) -> str:
    """Without commas, which end a value, and without what would only be more tokens."""
    words = text.replace(",", " ").replace("_", " ").replace(".", " ").split()
    return " ".join(words)[:_LONGEST].strip() or "empty"


def _numbered(texts: Sequence[str]) -> list[str]:
    """The same, told apart by a number where several are alike."""
    seen: Counter[str] = Counter()
    found: list[str] = []
    taken = set(texts)
    for text in texts:
        seen[text] += 1
        one, count = text, seen[text]
        while count > 1 and (one := f"{text} {count}") in taken:
            count += 1
        seen[text] = count
        taken.add(one)
        found.append(one)
    return found
