"""sdv: its synthesizers with their defaults, but as many epochs as there is time for."""

from __future__ import annotations

import time
from typing import Any

from sdv.metadata import Metadata
from sdv.single_table import CTGANSynthesizer, GaussianCopulaSynthesizer, TVAESynthesizer

from benchmarks.adapters.rows import Generator, answer

EPOCHS = 300
NAME = "rows"


def learnt(kind: Any, frame: Any, **settings: Any) -> Any:
    tables = {NAME: frame}
    model = kind(Metadata.detect_from_dataframes(tables), **settings)
    model.fit(tables)
    return model


def copula(frame: Any, _: float) -> tuple[Any, str]:
    return learnt(GaussianCopulaSynthesizer, frame).sample(len(frame))[NAME], ""


def network(kind: Any) -> Generator:
    def made(frame: Any, seconds: float) -> tuple[Any, str]:
        def timed(epochs: int) -> tuple[Any, float]:
            begun = time.process_time()
            return learnt(kind, frame, epochs=epochs), time.process_time() - begun

        one, six = timed(1)[1], timed(6)[1]
        epochs = max(1, min(EPOCHS, 1 + int((seconds - one) / max(six - one, 0.1) * 5)))
        model, spent = timed(epochs)
        note = f"{epochs} of {EPOCHS} epochs, {spent:.0f} CPU-s to train"
        return model.sample(len(frame))[NAME], note

    return made


if __name__ == "__main__":
    answer(
        {
            "GaussianCopula": copula,
            "CTGAN": network(CTGANSynthesizer),
            "TVAE": network(TVAESynthesizer),
        }
    )
