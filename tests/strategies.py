"""Strategies of a privacy budget: which measure tables alone, and which learn a network."""

from __future__ import annotations

from typing import Any

from neotype.registry import find, names

NETWORKS = [name for name in names("strategy") if hasattr(find("strategy", name), "learner")]
TABLES = [name for name in names("strategy") if name not in NETWORKS]


def quick(strategy: str) -> dict[str, Any]:
    """Settings for tests that do not ask how well a network learnt."""
    return {"epochs": 1, "steps": 3, "batch": 100} if strategy in NETWORKS else {}
