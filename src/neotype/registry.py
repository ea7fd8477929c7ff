"""What can be named in a plan: one literal table, plus what installed packages add by entry points.

An entry point in the group `neotype.synthesizers` (or `neotype.metrics`) with the same
"module:Class" form makes a third party's class a name like any other. A broken entry fails loudly
when it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from neotype.errors import NeotypeError, NotRegisteredError

SYNTHESIZERS: Mapping[str, str] = {
    "trees": "neotype.synth.trees:Trees",
    "independent": "neotype.synth.independent:Independent",
}

METRICS: Mapping[str, str] = {
    "shape": "neotype.evaluate.fidelity:Shape",
    "trend": "neotype.evaluate.fidelity:Trend",
    "accuracy_1way": "neotype.evaluate.fidelity:Accuracy1Way",
    "accuracy_2way": "neotype.evaluate.fidelity:Accuracy2Way",
    "accuracy_3way": "neotype.evaluate.fidelity:Accuracy3Way",
    "missingness": "neotype.evaluate.integrity:Missingness",
    "coverage": "neotype.evaluate.integrity:Coverage",
    "validity": "neotype.evaluate.integrity:Validity",
    "c2st": "neotype.evaluate.detection:C2ST",
    "tstr": "neotype.evaluate.utility:TSTR",
    "tstr_all": "neotype.evaluate.utility:TSTRAllColumns",
    "dcr_share": "neotype.evaluate.distance:DCRShare",
    "exact_copies": "neotype.evaluate.distance:ExactCopies",
    "near_copies": "neotype.evaluate.distance:NearCopies",
    "mia_distance": "neotype.evaluate.membership:NearestDistanceMIA",
}

_GROUPS = {
    "synthesizer": ("neotype.synthesizers", SYNTHESIZERS),
    "metric": ("neotype.metrics", METRICS),
}


def names(what: str) -> tuple[str, ...]:
    """Every registered name of a `what` ("synthesizer" or "metric"), the house's own first."""
    group, table = _GROUPS[what]
    foreign = [entry.name for entry in entry_points(group=group) if entry.name not in table]
    return (*table, *sorted(foreign))


def find(what: str, name: str) -> Any:
    """The class registered as `name`; NotRegisteredError names the nearest when there is none."""
    group, table = _GROUPS[what]
    address = table.get(name)
    if address is None:
        foreign = {entry.name: entry.value for entry in entry_points(group=group)}
        address = foreign.get(name)
    if address is None:
        raise NotRegisteredError(what, name, names(what))
    module, _, attribute = address.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as cause:
        raise NeotypeError(
            f"the {what} '{name}' is registered as '{address}', which cannot be imported: {cause}",
            mend="reinstall the package that provides it, or take its entry out",
        ) from cause
