"""An autoregressive transformer of leading digits, learnt in any order and from scratch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from neotype.errors import SchemaError
from neotype.synth.network import Network


@dataclass(frozen=True)
class Transformer(Network):
    """Rows as sequences of digits, each drawn by attention to those before it, in any order."""

    family: ClassVar[str] = "transformer"
    learner: ClassVar[str] = "neotype.nn.transformer:Transformer"
    obeys: ClassVar[bool] = True
    average: ClassVar[float] = 0.999

    rate: float = field(
        default=2e-3, metadata={"help": "learning rate", "search": (3e-4, 6e-3, "log")}
    )
    cells: int = field(
        default=14_000_000,
        metadata={"help": "leading digits to learn from, at most: large tables take fewer epochs"},
    )
    heads: int = field(default=8, metadata={"help": "questions that a digit asks of the others"})
    width: int = field(default=16, metadata={"help": "dimensions of a question and its answer"})
    hidden: int = field(
        default=96,
        metadata={"help": "units of each hidden layer of a digit", "search": [48, 96, 160]},
    )
    dropout: float = field(
        default=0.0, metadata={"help": "share of units silenced in a step", "search": (0.0, 0.2)}
    )
    shuffled: float = field(
        default=1.0, metadata={"help": "share of rows learnt in orders of chance, for conditions"}
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("heads", "width", "hidden"):
            if getattr(self, name) < 1:
                raise SchemaError(
                    f"transformer: {name} is {getattr(self, name)}.", mend="use 1 or more"
                )
        if not (0 <= self.dropout < 1 and 0 <= self.shuffled <= 1):
            raise SchemaError("transformer: dropout and shuffled are shares, between 0 and 1.")

    @property
    def shape(self) -> dict[str, float]:
        """Of the network."""
        names = ("heads", "width", "hidden", "dropout", "shuffled")
        return {name: getattr(self, name) for name in names}
