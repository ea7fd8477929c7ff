"""The front desk: fit, sample, evaluate, run, with whatever kind of frame or file a user has."""

from neotype.api.contest import compare
from neotype.api.follow import Result, as_plan, output_names, run
from neotype.api.learn import FittedModel, fit, from_spec, infer_schema, load
from neotype.api.measure import evaluate, split_again
from neotype.api.part import subset
from neotype.api.propose import propose_constraints
from neotype.api.public import Publication, publish
from neotype.api.release import MaskedTable, mask
from neotype.api.tasks import augment, balance, impute, replace_columns, scenario
from neotype.synth.sizes import check_rows

__all__ = [
    "FittedModel",
    "MaskedTable",
    "Publication",
    "Result",
    "as_plan",
    "augment",
    "balance",
    "check_rows",
    "compare",
    "evaluate",
    "fit",
    "from_spec",
    "impute",
    "infer_schema",
    "load",
    "mask",
    "output_names",
    "propose_constraints",
    "publish",
    "replace_columns",
    "run",
    "scenario",
    "split_again",
    "subset",
]
