"""A variational autoencoder of leading digits (TVAE: Xu et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from neotype.synth.network import Network


@dataclass(frozen=True)
class VAE(Network):
    """Rows as points of a latent space, from which all columns follow independently."""

    family: ClassVar[str] = "vae"
    learner: ClassVar[str] = "neotype.nn.vae:Autoencoder"

    latent: int = field(default=32, metadata={"help": "dimensions of the latent space"})
    hidden: int = field(default=256, metadata={"help": "units of each hidden layer"})
    beta: float = field(default=1.0, metadata={"help": "weight of the divergence"})

    @property
    def shape(self) -> dict[str, float]:
        """Of the network."""
        return {"latent": self.latent, "hidden": self.hidden, "beta": self.beta}
