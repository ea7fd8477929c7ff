"""A language model so small that tests make it: a folder as Hugging Face transformers writes it."""

from __future__ import annotations

import atexit
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

WORDS = [f" {word}," for word in ("true", "false", "low", "mid", "high", "missing", "G1", "S")]
WORDS += [f" {number}," for number in range(100)]
WORDS += [" latitude is longitude is last name is seen week is weekday is hour is rest is"] * 2
WORDS += [
    " age is grade is points is huge is beyond is size is level is zip is pay is price is"
] * 2
WORDS += [
    " ratio is active is born day is month at took note tags extra email job town coin is"
] * 2


def write_folder(
    folder: Path, lines: Iterable[str] = WORDS, *, width: int = 8, layers: int = 1, seed: int = 0
) -> Path:
    """A GPT-2 that nobody taught, and a byte-level tokenizer of what `lines` have."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(lines, trainer)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>").save_pretrained(
        folder
    )
    config = GPT2Config(
        vocab_size=tokenizer.get_vocab_size(),
        n_positions=2048,
        n_embd=width,
        n_layer=layers,
        n_head=max(1, width // 16),
        bos_token_id=0,
        eos_token_id=0,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        GPT2LMHeadModel(config).save_pretrained(folder)
    return folder


@cache
def tiny_folder() -> str:
    """One for all tests of a session."""
    folder = mkdtemp(prefix="neotype-tongue-")
    atexit.register(rmtree, folder)
    return str(write_folder(Path(folder)))
