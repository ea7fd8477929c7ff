"""Who might misuse a synthetic table, and how: the words of the legal part, gravest threat first.

Singling out, linkability and inference are the three criteria of the Article 29 Working Party's
opinion 05/2014 (WP 216). The other threats are those that the literature on synthetic data adds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Threat:
    """One way to misuse a table: what the attacker has, knows and tries.

    `alarm` ends the headline when one of the `measures` is poor; those are registered names, with
    the words that say which one it is where it was not taken.
    """

    key: str
    title: str
    question: str
    has: str
    knows: str
    tries: str
    alarm: str
    measures: Mapping[str, str]


_TABLE = "The synthetic table, and all the time needed."

THREATS: tuple[Threat, ...] = (
    Threat(
        "copies",
        "Copies",
        "Does the synthetic table repeat rows of the training data?",
        _TABLE,
        "Nothing else; someone who knows a person’s record well recognises it.",
        "To find rows that are a real person’s record, or all but.",
        "there are signs that training rows were copied",
        {
            "exact_copies": "Exact copies",
            "near_copies": "Near copies",
            "family_copies": "Copies of whole families",
            "hit_rate": "Hit rate",
            "dcr_share": "Distance to the closest record",
            "nndr": "Nearest-neighbour distance ratio",
        },
    ),
    Threat(
        "singling-out",
        "Singling out",
        "Can one person’s record be isolated in the real data?",
        _TABLE,
        "Nothing about anyone in particular.",
        "To say something that holds for exactly one person of the real data, found by looking "
        "at rare values and combinations in the synthetic table.",
        "people in the training data can be singled out with it",
        {
            "singling_out_univariate": "Singling out by one column",
            "singling_out_multivariate": "Singling out by several columns",
        },
    ),
    Threat(
        "linkability",
        "Linkability",
        "Can two records of the same person be joined?",
        _TABLE,
        "Two sets of columns about the same people, in two lists that do not share a key.",
        "To join the two lists through the synthetic rows that lie nearest to both.",
        "separate records of one person can be linked through it",
        {"linkability": "Linkability"},
    ),
    Threat(
        "inference",
        "Inference",
        "Can something secret about a person be deduced?",
        _TABLE,
        "Every column of a person’s record but the secret one.",
        "To guess the secret from the synthetic rows that are most like the person, better than "
        "the same guess succeeds for people who were not in the training data.",
        "secrets of people in the training data can be inferred from it",
        {"attribute_inference": "Attribute inference"},
    ),
    Threat(
        "membership",
        "Membership",
        "Can it be told who was in the training data?",
        "The synthetic table; for the strongest attacks also the recipe, or the model itself.",
        "The full record of a person, who may or may not have been in the training data.",
        "To tell training records from other real records of the same kind.",
        "it tells who was in the training data",
        {
            "mia_distance": "Membership by distance",
            "mia_density_ratio": "Membership by density ratio",
            "mia_exposed": "Membership of the most exposed",
            "mia_likelihood": "Membership by the model’s likelihood",
            "mia_shadow": "Membership by shadow models, on the most vulnerable records",
        },
    ),
    Threat(
        "disclosure",
        "Disclosure on declared quasi-identifiers",
        "Can people be found by what outsiders may know of them?",
        _TABLE,
        "The declared quasi-identifiers of people: what a neighbour, an employer or a public "
        "register may know.",
        "To find the rows that match, and to read the rest of the record there.",
        "the declared quasi-identifiers lead to people in the training data",
        {
            "attribution": "Right secrets of unique people",
            "reidentification": "Re-identification by quasi-identifiers",
            "uniqueness": "Uniqueness",
            "k_anonymity": "k-anonymity",
            "k_map": "k-map",
            "l_diversity": "l-diversity",
            "t_closeness": "t-closeness",
        },
    ),
    Threat(
        "guarantee",
        "Differential privacy",
        "How large must epsilon be at least, and is that more than is claimed?",
        "The synthetic table and, for the deep audit, the recipe.",
        "Everything except whether one record was in the training data.",
        "To tell with and without that record apart more often than the claimed epsilon allows.",
        "it leaks more than the guarantee that is claimed for it allows",
        {
            "epsilon_audit": "Empirical lower bound on epsilon",
            "epsilon_audit_deep": "Empirical lower bound on epsilon, by retraining",
        },
    ),
)

LEGAL_ORDER = (
    "singling-out",
    "linkability",
    "inference",
    "membership",
    "copies",
    "disclosure",
    "guarantee",
)
"""The order in which the legal part asks: the three criteria of WP 216 first."""

OTHER = Threat(
    "other",
    "Other attacks",
    "What do further measures say?",
    _TABLE,
    "What each measure below says.",
    "What each measure below says.",
    "an attack on it succeeds more often than it should",
    {},
)
"""Where a third party's measure of privacy is told."""


def threat_of(metric: str) -> Threat:
    """The threat that a measure of privacy belongs to."""
    return next((threat for threat in THREATS if metric in threat.measures), OTHER)


def gravity(metric: str) -> tuple[int, int]:
    """The place of a measure among all: gravest threat first, then within it."""
    for place, threat in enumerate(THREATS):
        if metric in threat.measures:
            return place, list(threat.measures).index(metric)
    return len(THREATS), 0
