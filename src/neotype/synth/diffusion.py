"""Masked diffusion over leading digits (Austin et al. 2021; MDLM: Sahoo et al. 2024)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from neotype.errors import SchemaError
from neotype.synth.network import Network


@dataclass(frozen=True)
class Diffusion(Network):
    """Rows that become visible in a few steps; what is known is seen first, so it is obeyed."""

    family: ClassVar[str] = "diffusion"
    learner: ClassVar[str] = "neotype.nn.diffusion:Diffusion"
    obeys: ClassVar[bool] = True
    average: ClassVar[float] = 0.999

    steps: int = field(default=8, metadata={"help": "steps of drawing, fewer are faster"})
    hidden: int = field(default=256, metadata={"help": "units of each hidden layer"})
    layers: int = field(default=3, metadata={"help": "hidden layers"})
    ordered: float = field(
        default=0.5, metadata={"help": "share of rows that learn the order of drawing, not any"}
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.steps < 1 or not 0 <= self.ordered <= 1:
            raise SchemaError(f"{self.family}: steps are 1 or more, ordered is 0 to 1.")

    @property
    def shape(self) -> dict[str, float]:
        """Of the network."""
        return {
            "hidden": self.hidden,
            "layers": self.layers,
            "steps": self.steps,
            "ordered": self.ordered,
        }
