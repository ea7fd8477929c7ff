"""Rules that hold in the data, with the evidence: proposed, never applied unasked."""

from neotype.constraints.discovery.proposal import Proposal, propose

__all__ = ["Proposal", "propose"]
