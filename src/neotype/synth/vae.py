"""A variational autoencoder of leading digits (TVAE: Xu et al. 2019), with a learnt prior."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from neotype.errors import SchemaError
from neotype.synth.network import Network


@dataclass(frozen=True)
class VAE(Network):
    """Rows as points of a latent space, from which all columns follow independently."""

    family: ClassVar[str] = "vae"
    learner: ClassVar[str] = "neotype.nn.vae:Autoencoder"

    cells: int = field(
        default=20_000_000,
        metadata={"help": "leading digits to learn from, at most: large tables take fewer epochs"},
    )
    batch: int = field(default=512, metadata={"help": "rows a step"})
    rate: float = field(
        default=2e-3, metadata={"help": "learning rate", "search": (3e-4, 6e-3, "log")}
    )
    latent: int = field(
        default=32, metadata={"help": "dimensions of the latent space", "search": (8, 64, "log")}
    )
    hidden: int = field(default=256, metadata={"help": "units of each hidden layer"})
    layers: int = field(default=2, metadata={"help": "residual layers, each way"})
    components: int = field(
        default=100, metadata={"help": "Gaussians that the points of rows are drawn from"}
    )
    beta: float = field(
        default=0.3,
        metadata={
            "help": "weight of the divergence: less keeps rows further apart",
            "search": (0.05, 1.0, "log"),
        },
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("latent", "hidden", "layers", "components"):
            if getattr(self, name) < 1:
                raise SchemaError(f"vae: {name} is {getattr(self, name)}.", mend="use 1 or more")
        if not self.beta > 0:
            raise SchemaError(f"vae: beta is {self.beta}.", mend="use more than 0")

    @property
    def shape(self) -> dict[str, float]:
        """Of the network."""
        return {
            "latent": self.latent,
            "hidden": self.hidden,
            "layers": self.layers,
            "components": self.components,
            "beta": self.beta,
        }
