"""sdv: its synthesizers with their defaults, but as many epochs as there is time for."""

from __future__ import annotations

import time
from typing import Any

from sdv.metadata import Metadata
from sdv.single_table import CTGANSynthesizer, GaussianCopulaSynthesizer, TVAESynthesizer

from benchmarks.adapters.rows import Generator, answer

EPOCHS = 300


def copula(frame: Any, _: float) -> tuple[Any, str]:
    model = GaussianCopulaSynthesizer(Metadata.detect_from_dataframe(frame))
    model.fit(frame)
    return model.sample(len(frame)), ""


def network(kind: Any) -> Generator:
    def made(frame: Any, seconds: float) -> tuple[Any, str]:
        metadata = Metadata.detect_from_dataframe(frame)

        def timed(epochs: int) -> tuple[Any, float]:
            model, begun = kind(metadata, epochs=epochs), time.process_time()
            model.fit(frame)
            return model, time.process_time() - begun

        one, four = timed(1)[1], timed(4)[1]
        each = (four - one) / 3
        epochs = max(1, min(EPOCHS, int((seconds - one) / each)))
        model, spent = timed(epochs)
        return model.sample(len(frame)), f"{epochs} of {EPOCHS} epochs, {spent:.0f} CPU-s to train"

    return made


if __name__ == "__main__":
    answer(
        {
            "GaussianCopula": copula,
            "CTGAN": network(CTGANSynthesizer),
            "TVAE": network(TVAESynthesizer),
        }
    )
