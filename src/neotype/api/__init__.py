"""The front desk: fit, sample, evaluate, run, with whatever kind of frame or file a user has."""

from neotype.api.follow import Result, as_plan, output_names, run
from neotype.api.learn import FittedModel, check_rows, fit, from_spec, infer_schema, load
from neotype.api.mask import MaskedTable, mask
from neotype.api.measure import compare, evaluate, split_again

__all__ = [
    "FittedModel",
    "MaskedTable",
    "Result",
    "as_plan",
    "check_rows",
    "compare",
    "evaluate",
    "fit",
    "from_spec",
    "infer_schema",
    "load",
    "mask",
    "output_names",
    "run",
    "split_again",
]
