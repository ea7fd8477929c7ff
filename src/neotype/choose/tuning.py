"""Settings of a family to try, in the light of those that were tried."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from neotype.registry import find

_BY_CHANCE = 3
"""Settings of a family that are tried by chance, before it is known what is better."""


class Tuner:
    """The tree-structured Parzen estimator of Optuna (Bergstra et al. 2011) over one family."""

    def __init__(self, family: str, seed: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.kind = find("synthesizer", family)
        self.space = search_space(self.kind)
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=_BY_CHANCE)
        self.study = optuna.create_study(sampler=sampler)
        self.asked: Any = None

    def ask(self) -> dict[str, Any]:
        """The next settings."""
        self.asked = self.study.ask(self.space)
        return dict(self.asked.params)

    def tell(self, cost: float) -> None:
        """What came of them; the family's own settings are a trial like others."""
        import optuna

        if self.asked is not None:
            self.study.tell(self.asked, cost)
        elif self.space:
            own = {one.name: one.default for one in fields(self.kind) if one.name in self.space}
            self.study.add_trial(
                optuna.trial.create_trial(params=own, distributions=self.space, value=cost)
            )


def search_space(kind: type) -> dict[str, Any]:
    """What of a recipe can be tuned: the fields that declare a `search`.

    That is (least, most), of whole numbers or others, or (least, most, "log"), or a list.
    """
    import optuna

    space: dict[str, Any] = {}
    for one in fields(kind):
        search = one.metadata.get("search")
        if search is None:
            continue
        if isinstance(search, list):
            space[one.name] = optuna.distributions.CategoricalDistribution(search)
            continue
        low, high, *log_scale = search
        whole = isinstance(low, int) and isinstance(high, int)
        made: Any = optuna.distributions.IntDistribution if whole else None
        made = made or optuna.distributions.FloatDistribution
        space[one.name] = made(low, high, log=bool(log_scale))
    return space
