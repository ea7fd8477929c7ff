"""What each measure of databases and of sequences asks, in the words of whoever uses the data."""

from __future__ import annotations

from collections.abc import Mapping

QUESTIONS: Mapping[str, str] = {
    "referential_integrity": "Does every reference find its row?",
    "key_uniqueness": "Does every key occur once?",
    "constraints_between": "Does what holds between real tables hold here?",
    "cardinality": "Do customers have as many orders as real ones?",
    "joint_cardinality": "Do those with many orders have many payments, as real ones do?",
    "hop_trends": "Do the orders of a customer go with who the customer is?",
    "parent_detection": "Can a customer, with all orders, be told from a real one?",
    "child_detection": "Can an order, with its customer, be told from a real one?",
    "family_copies": "Is there a customer with the very orders of a real one?",
    "sequence_lengths": "Do patients have as many visits as real ones?",
    "inter_event_times": "Are visits as far apart, and do they begin and end as real ones do?",
    "autocorrelation": "Does what happens today go with what happened before?",
    "seasonal_profile": "Are there the seasons, weeks and days of the real data?",
    "between_owner_spread": "Do patients differ from each other as much as real ones do?",
    "transitions": "Does one state follow another, and last, as in the real data?",
    "owner_detection": "Can a patient, with all visits, be told from a real one?",
    "window_detection": "Can three visits on end be told from real ones?",
    "summary_detection": "Can a stretch of visits be told from a real one by what it sums up to?",
    "discriminative_score": "Can a network that reads visit by visit tell patients from real ones?",
    "predictive_score": "Does a network that learnt from it foresee what real patients do next?",
}
"""By the registered name; a measure that is not here is called by its title."""


def question(metric: str, title: str) -> str:
    """The question that a measure answers, or its title."""
    return QUESTIONS.get(metric, title)
