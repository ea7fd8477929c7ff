"""Which measures are taken when none is named, and how they are made."""

from __future__ import annotations

from neotype.evaluate.asked import Asked
from neotype.evaluate.metric import Metric
from neotype.registry import find, names

OF_TABLES = (
    "shape",
    "trend",
    "accuracy_2way",
    "missingness",
    "coverage",
    "validity",
    "constraints",
    "c2st",
    "dcr_share",
    "exact_copies",
    "near_copies",
)
"""What is measured of each table of a database."""

OF_SEQUENCES = (
    "inter_event_times",
    "autocorrelation",
    "transitions",
    "seasonal_profile",
    "between_owner_spread",
    "window_detection",
    "summary_detection",
)
"""What is measured besides of tables whose rows have an order."""

OF_PEOPLE = (
    "nndr",
    "mia_distance",
    "mia_density_ratio",
    "mia_exposed",
    "singling_out_univariate",
    "singling_out_multivariate",
    "linkability",
    "attribute_inference",
)
"""What is measured besides of tables that hold people or head the families of a database."""

OF_RECORDS = tuple(name for name in OF_PEOPLE if name != "attribute_inference")
"""Of these, what sees a row with all that is below it. Secrets are asked of the row alone: among
hundreds of sums the one that luck tells best would be taken for a leak.
"""

OF_ROLES = {
    "target": ("tstr",),
    "sensitive": ("group_representation",),
    "quasi_identifiers": (
        "reidentification",
        "attribution",
        "k_anonymity",
        "l_diversity",
        "t_closeness",
    ),
}
"""What is measured besides of tables of which a column has this role."""


def suite(deep: bool = False) -> tuple[str, ...]:
    """The registered metrics of one table; those that retrain only if `deep`."""
    return tuple(
        name
        for name in names("metric")
        if (deep or not getattr(of(name), "deep", False)) and not between(name)
    )


def suite_of(asked: Asked, people: bool, sequence: bool = False) -> tuple[str, ...]:
    """The metrics that are taken by default of one table of a database, asked as told."""
    wanted = {*OF_TABLES, *(OF_PEOPLE if people else ()), *(OF_SEQUENCES if sequence else ())}
    for role, metrics in OF_ROLES.items():
        wanted.update(metrics if getattr(asked, role) else ())
    return tuple(name for name in names("metric") if name in wanted)


def suite_between() -> tuple[str, ...]:
    """The metrics of how tables are tied."""
    return tuple(name for name in names("metric") if between(name))


def between(name: str) -> bool:
    """Whether a metric is one of a whole database."""
    return getattr(of(name), "scope", "table") == "database"


def ordered(name: str) -> bool:
    """Whether a metric is one of rows in an order, which asks whose they are."""
    return getattr(of(name), "scope", "table") == "sequence"


def of(name: str) -> type:
    """The class of a registered metric."""
    cls: type = find("metric", name)
    return cls


def build(name: str, asked: Asked) -> Metric:
    """The registered metric, told what it has fields for."""
    cls = find("metric", name)
    metric: Metric = cls(**asked.told(cls))
    return metric
