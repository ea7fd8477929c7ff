"""A language model that reads a row as a sentence and can only go on with what a column may hold.

GReaT (Borisov et al. 2023) writes rows as "age is 39, income is >50K", lets a pretrained causal
model learn them in orders of chance, samples text and throws away what is no row. Here the texts
of a column's symbols are a tree of tokens, and the model only chooses where that tree branches:
every sentence is a row, its probability is exact, and conditions prune the tree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from neotype.errors import FitError
from neotype.nn.blocks import drawn, given_first
from neotype.nn.train import Codes, Learner, device_of

Texts = Sequence[Sequence[Sequence[int]]]
"""For each digit, for each symbol: its tokens."""

_TOGETHER = 32
"""Rows whose loss is found together, where nothing is learnt."""
_MEMORY, _MOST = 1 << 31, 256
"""Bytes of what a model remembers of the rows that it draws together, and how many at most."""


def require_transformers() -> None:
    """FitError with the line that installs it, where Hugging Face transformers is not there."""
    if find_spec("transformers") is None:
        raise FitError(
            "synthesizer 'language' needs transformers, which is not installed.",
            mend="pip install 'neotype[language]'; or use synthesizer='transformer', which needs "
            "torch alone",
        )


class Language(Learner):
    """A causal language model by its `config`, whose vocabulary is the tokens that occur.

    `texts` are tokens by the numbers of its tokenizer, and `start` is the one before every row.
    """

    start: Tensor
    tokens: Tensor
    node: Tensor
    pick: Tensor
    level: Tensor
    ways: Tensor

    def __init__(
        self, sizes: Sequence[int], config: Mapping[str, Any], start: int, texts: Texts
    ) -> None:
        super().__init__()
        require_transformers()
        from transformers import AutoConfig, AutoModelForCausalLM

        self.vocabulary = vocabulary(start, texts)
        facts = {name: value for name, value in config.items() if name != "model_type"}
        self.config = AutoConfig.for_model(str(config["model_type"]), **facts)
        try:
            with quiet():
                self.network: Any = AutoModelForCausalLM.from_config(self.config)
        except ValueError as cause:
            raise self.unfit("is no causal language model") from cause
        self.takes = frozenset(signature(self.network.forward).parameters)
        tree = _tree(
            [[np.searchsorted(self.vocabulary, text) for text in symbols] for symbols in texts]
        )
        for name, table in tree.items():
            self.register_buffer(name, torch.from_numpy(table), persistent=False)
        first = torch.tensor(int(np.searchsorted(self.vocabulary, start)))
        self.register_buffer("start", first, persistent=False)
        self.register_buffer("order", torch.tensor(np.argsort(sizes, kind="stable")), False)

    @property
    def at_once(self) -> int:
        """As many rows as are remembered in two gigabytes, a power of two."""
        said = self.config.get_text_config()
        longest = int((self.level >= 0).sum(dim=2).amax(dim=1).sum())
        row = 8 * int(said.num_hidden_layers) * int(said.hidden_size) * longest
        return min(_MOST, 1 << max(0, (_MEMORY // max(row, 1)).bit_length() - 1))

    def unfit(self, why: str) -> FitError:
        """A kind of model that rows cannot be written with."""
        return FitError(
            f"a model of type '{self.config.model_type}' {why}.",
            mend="use a plain causal one, such as GPT-2, Llama, Qwen or SmolLM",
        )

    def take(self, folder: Path) -> None:
        """The weights of a pretrained model, but for tokens that never occur. FitError."""
        from transformers import AutoModelForCausalLM

        try:
            with quiet():
                whole, told = AutoModelForCausalLM.from_pretrained(
                    folder,
                    local_files_only=True,
                    use_safetensors=True,
                    dtype=torch.float32,
                    output_loading_info=True,
                )
        except (OSError, ValueError, KeyError) as cause:
            raise FitError(
                f"the folder '{folder}' has no weights that can be read: {first_line(cause)}",
                mend="it needs a config.json that transformers knows, and model.safetensors",
            ) from cause
        if told["missing_keys"]:
            raise FitError(
                f"the weights in the folder '{folder}' are not all of a causal language model.",
                found="missing: " + ", ".join(sorted(told["missing_keys"])[:6]),
                mend="use a folder with a head that foretells words: the architecture in its "
                "config.json ends in CausalLM or LMHeadModel",
            )
        own, keep = self.network.state_dict(), torch.tensor(self.vocabulary)
        weights = {}
        for name, weight in whole.state_dict().items():
            same = name not in own or weight.shape == own[name].shape
            weights[name] = weight if same else weight[keep]
        try:
            self.network.load_state_dict(weights)
        except RuntimeError as cause:
            why = f"cannot be cut to the tokens that occur: {first_line(cause)}"
            raise self.unfit(why) from cause
        self._check_reading()

    @torch.no_grad()
    def _check_reading(self) -> None:
        """FitError unless a row is as probable read piece by piece as it is read at once.

        It is not where a model sees the tokens that follow, or forgets what it has read.
        """
        self.eval()
        last = (self.level >= 0).any(dim=2).sum(dim=1).cpu().numpy() - 1
        rows = np.stack([np.zeros_like(last), last]).astype(np.uint8)
        try:
            _, apart = self.draw(len(rows), np.uint64(1) << rows.astype(np.uint64))
            whole = self.log_density(rows)
        except (RuntimeError, TypeError, ValueError, AttributeError, IndexError) as cause:
            why = f"cannot read a row piece by piece: {first_line(cause)}"
            raise self.unfit(why) from cause
        if not np.allclose(apart, whole, rtol=1e-4, atol=1e-4):
            raise self.unfit("does not read word by word: it knows what follows, or forgets")

    def loss(self, rows: Tensor) -> Tensor:
        """The mean negative log-probability of the rows, each in an order of its own."""
        turns = torch.rand(rows.shape, device=rows.device).argsort(dim=1)
        size = len(rows) if self.training else _TOGETHER
        parts = zip(rows.split(size), turns.split(size), strict=True)
        return -torch.cat([self._told(part, turn) for part, turn in parts]).mean()

    def _told(self, rows: Tensor, turns: Tensor) -> Tensor:
        """The log-probability of each row, whose digits have these turns (rows × digits)."""
        symbols = rows.gather(1, turns)
        ids, level, node, pick = (
            table[turns, symbols].flatten(1)
            for table in (self.tokens, self.level, self.node, self.pick)
        )
        order, valid = _closed_up(level >= 0)
        ids, node, pick = (one.gather(1, order) for one in (ids, node, pick))
        begin = self.start.expand(len(rows), 1)
        mask = torch.cat([torch.ones_like(begin, dtype=torch.bool), valid], dim=1)
        ids = torch.cat([begin, ids], dim=1)[:, :-1]
        logits = self.read(ids, mask[:, :-1], use_cache=False).logits
        here = (node >= 0) & valid
        chances = self._chances(logits[here], node[here])
        told = chances.gather(1, pick[here][:, None])[:, 0]
        found = torch.zeros(len(rows), device=rows.device)
        return found.index_add(0, here.nonzero()[:, 0], told)

    def _chances(self, logits: Tensor, node: Tensor, most: int | None = None) -> Tensor:
        """The log-probabilities of the ways on from a branching (`most` at most), else −inf."""
        ways = self.ways[node, :most]
        chances = logits.float().gather(1, ways.clamp(min=0))
        return chances.masked_fill(ways < 0, -torch.inf).log_softmax(dim=1)

    def read(self, ids: Tensor, mask: Tensor, **more: Any) -> Any:
        """The network on tokens that come last of those in the mask."""
        if "position_ids" in self.takes:
            place = (mask.long().cumsum(dim=1) - 1).clamp(min=0)
            more["position_ids"] = place[:, mask.shape[1] - ids.shape[1] :]
        return self.network(input_ids=ids, attention_mask=mask.long(), **more)

    def draw(self, rows: int, given: Any) -> tuple[NDArray[Any], NDArray[Any]]:
        """Rows × digits; what is given has its turn first, so that the rest follows from it."""
        self.to(device_of("auto"))
        device = self.start.device
        real = (self.level >= 0).any(dim=2)
        order, allowed, narrow = self.order, real[None], torch.zeros(len(real), dtype=torch.bool)
        if given is not None:
            allowed, narrow, order = given_first(given, real, order)
        reading = _Reading(self, rows)
        codes = torch.zeros(rows, len(real), dtype=torch.int64, device=device)
        logp = torch.zeros(rows, dtype=torch.float64, device=device)
        for digit in order.tolist():
            may = allowed[:, digit] if narrow[digit] else None
            codes[:, digit] = self._symbol(digit, reading, may, logp)
        return codes.to(torch.uint8).cpu().numpy(), logp.cpu().numpy()

    def _symbol(self, digit: int, reading: _Reading, may: Tensor | None, logp: Tensor) -> Tensor:
        """One of the symbols that `may` be, for each row; how probable those are goes to logp."""
        level = self.level[digit]
        left = (level >= 0).any(dim=1).expand(len(logp), -1)  # rows × symbols
        reading.add(self.tokens[digit, :1], level[:1] == 0)
        for turn in range(int(level.max())):
            here = (level == turn + 1) & (self.node[digit] >= 0)
            node = torch.where(here, self.node[digit], -1).amax(dim=1)
            pick = torch.where(here, self.pick[digit], -1).amax(dim=1)
            at = node[left.long().argmax(dim=1)]  # rows
            chances = self._chances(reading.logits(), at.clamp(min=0), 1 + int(pick.max()))
            if may is not None:
                ways = nn.functional.one_hot(pick.clamp(min=0), chances.shape[1]).float()
                open_ = ((may & left).float() @ ways) > 0
                chances = chances.masked_fill(~open_, -torch.inf)
                logp += torch.where(at >= 0, chances.double().logsumexp(dim=1), 0.0)
            taken = drawn(chances)
            left = left & ((pick == taken[:, None]) | (at < 0)[:, None])
            now = left.long().argmax(dim=1)
            reading.add(self.tokens[digit, now], level[now] == turn + 1)
        return left.long().argmax(dim=1)

    def log_density(self, rows: Codes) -> NDArray[Any]:
        """The log-probability of each row, in the order of drawing where nothing is given."""
        self.to(device_of("auto"))
        codes = torch.from_numpy(rows.astype(np.int64)).to(self.start.device)
        parts = [self._told(part, self.order.expand(part.shape)) for part in codes.split(_TOGETHER)]
        return torch.cat(parts).double().cpu().numpy() if parts else np.zeros(0)


class _Reading:
    """Rows that are read piece by piece, each of its own length: gaps are masked."""

    def __init__(self, language: Language, rows: int) -> None:
        from transformers import DynamicCache

        self.language, self.rows = language, rows
        self.memory = DynamicCache(config=language.config)
        begin = language.start.expand(rows, 1)
        self.mask = torch.zeros(rows, 0, dtype=torch.bool, device=begin.device)
        self.waiting = [(begin, torch.ones_like(begin, dtype=torch.bool))]
        self.told = torch.zeros(1, device=begin.device)

    def add(self, ids: Tensor, valid: Tensor) -> None:
        """Tokens to be read next (rows or 1, × tokens), where they are valid."""
        self.waiting.append((ids.expand(self.rows, -1), valid.expand(self.rows, -1)))

    def logits(self) -> Tensor:
        """What follows the last token of each row."""
        ids, valid = (torch.cat(parts, dim=1) for parts in zip(*self.waiting, strict=True))
        # All end together, so that only what follows the last place is asked.
        order, valid = (one.flip(1) for one in _closed_up(valid.flip(1)))
        ids, self.waiting = ids.flip(1).gather(1, order), []
        self.mask = torch.cat([self.mask, valid], dim=1)
        takes = "logits_to_keep" in self.language.takes
        told = self.language.read(
            ids,
            self.mask,
            past_key_values=self.memory,
            use_cache=True,
            **({"logits_to_keep": 1} if takes else {}),
        )
        # A row of which nothing waited is where it was.
        moved = valid[:, -1:]
        self.told = told.logits[:, -1].where(moved, self.told)
        return self.told


def _closed_up(valid: Tensor) -> tuple[Tensor, Tensor]:
    """Places (rows × longest) at which what is valid stands without gaps, and what then is."""
    longest = max(1, int(valid.sum(dim=1).max()))
    order = (~valid).long().argsort(dim=1, stable=True)[:, :longest]
    return order, valid.gather(1, order)


@contextmanager
def quiet() -> Iterator[None]:
    """Without bars and advice of transformers."""
    from transformers.utils import logging

    level, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()


def first_line(cause: Exception) -> str:
    """Of what a library says, enough to go on."""
    return next(iter(str(cause).strip().splitlines()), type(cause).__name__)


def vocabulary(start: int, texts: Texts) -> NDArray[np.int64]:
    """The tokens that occur, by their numbers."""
    found = {start} | {token for symbols in texts for text in symbols for token in text}
    return np.array(sorted(found), dtype=np.int64)


def _tree(texts: Sequence[Sequence[NDArray[np.int64]]]) -> dict[str, NDArray[np.int64]]:
    """Tokens as digits × symbols × slots, and beside each where it was chosen.

    `node` is the branching whose way on number `pick` it is, −1 where nothing else could follow;
    `level` how many branchings there were by then, −1 beyond the end. `ways` are the tokens
    that each node goes on with, −1 beyond the last.
    """
    most = max(map(len, texts))
    longest = max(len(text) for symbols in texts for text in symbols)
    tokens = np.zeros((len(texts), most, longest), dtype=np.int64)
    node, pick, level = (np.full_like(tokens, -1) for _ in range(3))
    children: list[list[int]] = []
    for digit, symbols in enumerate(texts):
        waiting = [(list(range(len(symbols))), 0, 0)]
        while waiting:
            members, slot, depth = waiting.pop()
            ways: dict[int, list[int]] = {}
            for symbol in members:
                ways.setdefault(int(symbols[symbol][slot]), []).append(symbol)
            forks = len(ways) > 1
            for way, (token, those) in enumerate(ways.items()):
                tokens[digit, those, slot] = token
                level[digit, those, slot] = depth + forks
                pick[digit, those, slot] = way
                node[digit, those, slot] = len(children) if forks else -1
                if slot + 1 < len(symbols[those[0]]):
                    waiting.append((those, slot + 1, depth + forks))
            if forks:
                children.append(list(ways))
    widest = max((len(ways) for ways in children), default=1)
    table = np.full((max(len(children), 1), widest), -1, dtype=np.int64)
    for place, ways_on in enumerate(children):
        table[place, : len(ways_on)] = ways_on
    return {"tokens": tokens, "node": node, "pick": pick, "level": level, "ways": table}
