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

    steps: int = field(
        default=8, metadata={"help": "steps of drawing, fewer are faster", "search": (4, 16, "log")}
    )
    hidden: int = field(
        default=256, metadata={"help": "units of each hidden layer", "search": [128, 256, 512]}
    )
    layers: int = field(default=3, metadata={"help": "hidden layers", "search": (2, 4)})

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("steps", "hidden", "layers"):
            if getattr(self, name) < 1:
                raise SchemaError(
                    f"{self.family}: {name} is {getattr(self, name)}.", mend="use 1 or more"
                )

    @property
    def shape(self) -> dict[str, float]:
        """Of the network."""
        return {"hidden": self.hidden, "layers": self.layers, "steps": self.steps}
