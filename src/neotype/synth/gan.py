"""An adversarial network of leading digits (CTGAN: Xu et al. 2019), a CopulaGAN by a switch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from neotype.encode.codebook import Codebook
from neotype.encode.encoder import Codes
from neotype.errors import SchemaError
from neotype.rng import Rng
from neotype.synth.network import Network


@dataclass(frozen=True)
class GAN(Network):
    """A generator whose rows a critic tells not from real ones, and that forgets no real row."""

    family: ClassVar[str] = "gan"
    learner: ClassVar[str] = "neotype.nn.gan:Adversary"
    average: ClassVar[float] = 0.99

    batch: int = field(default=256, metadata={"help": "rows a step"})
    rate: float = field(default=2e-3, metadata={"help": "learning rate"})
    cells: int = field(
        default=6_000_000,
        metadata={"help": "leading digits to learn from, at most: large tables take fewer epochs"},
    )
    patience: int = field(
        default=10, metadata={"help": "epochs without a better score till it cools"}
    )
    noise: int = field(default=64, metadata={"help": "dimensions of the noise that rows come from"})
    hidden: int = field(default=256, metadata={"help": "units of each hidden layer"})
    layers: int = field(default=2, metadata={"help": "residual layers of the generator"})
    pack: int = field(default=8, metadata={"help": "rows that the critic sees together"})
    penalty: float = field(default=10.0, metadata={"help": "weight of the gradient penalty"})
    critic: float = field(default=0.01, metadata={"help": "weight of the critic; 0 for none"})
    match: float = field(
        default=1.0,
        metadata={
            "help": "weight of how likely real rows are; 0 for the critic alone",
            "search": (0.3, 3.0, "log"),
        },
    )
    points: int = field(
        default=8, metadata={"help": "points of noise among which a real row is looked for"}
    )
    balance: float = field(
        default=0.5,
        metadata={
            "help": "how much more often rare symbols are learnt from: 0 … 1",
            "search": (0.0, 1.0),
        },
    )
    copula: bool = field(
        default=False, metadata={"help": "ordered digits by quantiles of a Gaussian"}
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("noise", "hidden", "layers", "pack", "points"):
            if getattr(self, name) < 1:
                raise SchemaError(f"gan: {name} is {getattr(self, name)}.", mend="use 1 or more")
        if min(self.penalty, self.critic, self.match) < 0 or not (self.critic or self.match):
            raise SchemaError("gan: critic and match are 0 or more, and not both 0.")
        if not 0 <= self.balance <= 1:
            raise SchemaError("gan: balance is from 0 to 1.")

    @property
    def shape(self) -> dict[str, float]:
        """Of the network."""
        names = (
            "noise", "hidden", "layers", "pack", "penalty", "critic", "match", "points", "balance",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names}

    def shape_for(self, codebook: Codebook, codes: Codes, rng: Rng) -> dict[str, float]:
        """With the ordered digits, where they are those of a copula."""
        digits = [codebook.digits[place] for place in codebook.leading]
        ordered = [k for k, digit in enumerate(digits) if digit.ordered and self.copula]
        return self.shape | {f"ordered_{k}": 1.0 for k in ordered}
