"""dpmm: its pipelines with their defaults, but for the binning, which is given."""

from __future__ import annotations

from typing import Any

from dpmm.pipelines.aim import AIMPipeline
from dpmm.pipelines.mst import MSTPipeline
from dpmm.pipelines.priv_bayes import PrivBayesPipeline

from benchmarks.adapters.child import Mechanism, answer


def of(pipeline: Any) -> Mechanism:
    """One process: CPU seconds of a pool would be the same, and its memory hidden."""

    def made(codes: Any, domain: dict[str, int], epsilon: float, delta: float) -> Any:
        model = pipeline(epsilon=epsilon, delta=delta, disable_processing=True, n_jobs=1)
        model.fit(codes, domain=domain)
        return model.generate(n_records=len(codes))

    return made


if __name__ == "__main__":
    answer({"mst": of(MSTPipeline), "aim": of(AIMPipeline), "privbayes": of(PrivBayesPipeline)})
