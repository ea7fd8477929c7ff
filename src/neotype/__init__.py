"""neotype learns a real table and makes a synthetic stand-in for it.

>>> import neotype as nt
>>> model = nt.fit(data, target="income")
>>> synthetic = model.sample(1000, seed=0)
>>> report = nt.evaluate(synthetic, train=train, holdout=holdout, target="income")
>>> report.to_html("report.html")

Names are loaded when they are first used, so that the import itself costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neotype import constraints
    from neotype.api import (
        FittedModel,
        Result,
        augment,
        balance,
        compare,
        evaluate,
        fit,
        from_spec,
        impute,
        infer_schema,
        load,
        mask,
        propose_constraints,
        publish,
        replace_columns,
        run,
        scenario,
    )
    from neotype.errors import (
        ColumnNotFoundError,
        DataError,
        FitError,
        ModelFileError,
        NeotypeError,
        NotRegisteredError,
        OutputExistsError,
        SamplingError,
        SchemaError,
        SourceError,
    )
    from neotype.evaluate.asked import Claim
    from neotype.evaluate.metric import Score
    from neotype.foreign.read import import_schema
    from neotype.plan import Plan
    from neotype.policy.policy import Policy, read_policy
    from neotype.report.report import Report
    from neotype.schema.constraint import Constraint
    from neotype.schema.schema import Schema
    from neotype.schema.wanted import Case
    from neotype.synth.independent import Independent
    from neotype.synth.trees import Trees

__all__ = [
    "Case",
    "Claim",
    "ColumnNotFoundError",
    "Constraint",
    "DataError",
    "FitError",
    "FittedModel",
    "Independent",
    "ModelFileError",
    "NeotypeError",
    "NotRegisteredError",
    "OutputExistsError",
    "Plan",
    "Policy",
    "Report",
    "Result",
    "SamplingError",
    "Schema",
    "SchemaError",
    "Score",
    "SourceError",
    "Trees",
    "__version__",
    "augment",
    "balance",
    "compare",
    "constraints",
    "evaluate",
    "fit",
    "from_spec",
    "import_schema",
    "impute",
    "infer_schema",
    "load",
    "mask",
    "propose_constraints",
    "publish",
    "read_policy",
    "replace_columns",
    "run",
    "scenario",
    "subset",
]

_ROOMS = {
    "neotype.api": (
        *("FittedModel", "Result"),
        *("compare", "evaluate", "fit", "from_spec", "infer_schema", "load", "mask", "run"),
        *("augment", "balance", "impute", "propose_constraints", "replace_columns", "scenario"),
        *("publish", "subset"),
    ),
    "neotype.errors": tuple(name for name in __all__ if name.endswith("Error")),
    "neotype.evaluate.asked": ("Claim",),
    "neotype.evaluate.metric": ("Score",),
    "neotype.foreign.read": ("import_schema",),
    "neotype.plan": ("Plan",),
    "neotype.policy.policy": ("Policy", "read_policy"),
    "neotype.report.report": ("Report",),
    "neotype.schema.constraint": ("Constraint",),
    "neotype.schema.schema": ("Schema",),
    "neotype.schema.wanted": ("Case",),
    "neotype.synth.independent": ("Independent",),
    "neotype.synth.trees": ("Trees",),
}
# `evaluate` is a room and a public function. Importing a room binds its name here, once: that is
# done now and undone, so that `nt.evaluate` is the function whatever is imported later.
import_module("neotype.evaluate")
globals().pop("evaluate", None)

_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("neotype")
    elif name == "constraints":
        value = import_module("neotype.constraints")
    elif name in _ROOM_OF:
        value = getattr(import_module(_ROOM_OF[name]), name)
    else:
        raise AttributeError(f"module 'neotype' has no attribute '{name}'")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
