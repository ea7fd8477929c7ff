"""smartnoise-synth: its synthesizers with their defaults; codes are categories."""

from __future__ import annotations

from typing import Any

import pandas as pd
from snsynth.aim import AIMSynthesizer
from snsynth.mst import MSTSynthesizer

from benchmarks.adapters.child import Mechanism, answer


def of(synthesizer: Any) -> Mechanism:
    def made(codes: Any, domain: dict[str, int], epsilon: float, delta: float) -> Any:
        model = synthesizer(epsilon=epsilon, delta=delta)
        model.fit(codes, categorical_columns=list(domain))
        return pd.DataFrame(model.sample(len(codes)), columns=list(domain))

    return made


if __name__ == "__main__":
    answer({"mst": of(MSTSynthesizer), "aim": of(AIMSynthesizer)})
