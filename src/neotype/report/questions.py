"""What each measure of databases and of sequences asks, in the words of whoever uses the data."""

from __future__ import annotations

from collections.abc import Mapping

QUESTIONS: Mapping[str, str] = {
    "referential_integrity": "Does every reference find its row?",
    "key_uniqueness": "Does every key occur once?",
    "cardinality": "Do customers have as many orders as real ones?",
    "joint_cardinality": "Do those with many orders have many payments, as real ones do?",
}
"""By the registered name; a measure that is not here is called by its title."""


def question(metric: str, title: str) -> str:
    """The question that a measure answers, or its title."""
    return QUESTIONS.get(metric, title)
