"""mbi: inference for mechanisms that its wheel lacks, written after the papers.

MST: McKenna, Miklau and Sheldon 2021. AIM: McKenna, Mullins, Sheldon and Miklau 2022. Settings are
those of the package's repository: mirror descent of 2,500 and 10,000 steps for MST, of 1,000 steps
a round with warm starts for AIM, tables of up to 10,000 cells and models of up to 80 MB.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from mbi import Dataset, Domain, LinearMeasurement, estimation, junction_tree
from scipy.cluster.hierarchy import DisjointSet

from benchmarks.adapters.child import answer

MEGABYTES = 80
CELLS = 10_000
STEPS = {"singles": 2_500, "tree": 10_000, "round": 1_000}

noise = np.random.default_rng()


def affordable(epsilon: float, delta: float) -> float:
    """The largest ρ of zCDP that promises ε and δ (Canonne, Kamath and Steinke 2020)."""
    alpha = 1 + np.geomspace(1e-2, 1e4, 20_000)
    low, high = 0.0, epsilon
    for _ in range(60):
        rho = (low + high) / 2
        log = (alpha - 1) * (alpha * rho - epsilon) - np.log(alpha - 1)
        log += alpha * np.log1p(-1 / alpha)
        low, high = (rho, high) if log.min() <= np.log(delta) else (low, rho)
    return low


def counted(data: Any, clique: tuple[str, ...]) -> Any:
    return np.asarray(data.project(clique).datavector())


def measured(data: Any, clique: tuple[str, ...], sigma: float) -> Any:
    exact = counted(data, clique)
    return LinearMeasurement(exact + sigma * noise.normal(size=exact.size), clique, sigma)


def fitted(data: Any, measurements: list[Any], steps: int, start: Any = None) -> Any:
    return estimation.MirrorDescent().estimate(
        data.domain, measurements, iters=steps, warm_start=start
    )


def apart(exact: Any, model: Any, clique: tuple[str, ...]) -> float:
    return float(np.abs(exact - np.asarray(model.project(clique).datavector())).sum())


def chosen(scores: Any, epsilon: float, sensitivity: float) -> int:
    """The exponential mechanism, as the largest of scores with Gumbel noise."""
    return int(np.argmax(epsilon / (2 * sensitivity) * scores + noise.gumbel(size=len(scores))))


def merged(measurements: list[Any]) -> dict[str, Any]:
    """For each column the codes that are seen, and one more for those below three sigma."""
    maps = {}
    for one in measurements:
        seen = one.noisy_measurement >= 3 * one.stddev
        if not seen.all():
            maps[one.clique[0]] = np.where(seen, np.cumsum(seen) - 1, seen.sum())
    return maps


def spanning(data: Any, model: Any, epsilon: float) -> list[tuple[str, str]]:
    names = list(data.domain.attributes)
    weights = {p: apart(counted(data, p), model, p) for p in combinations(names, 2)}
    joined = DisjointSet(names)
    tree: list[tuple[str, str]] = []
    while len(tree) < len(names) - 1:
        left = [pair for pair in weights if not joined.connected(*pair)]
        pair = left[chosen(np.array([weights[p] for p in left]), epsilon, 1.0)]
        tree.append(pair)
        joined.merge(*pair)
    return tree


def mst(codes: Any, domain: dict[str, int], epsilon: float, delta: float) -> Any:
    """A third of ρ each for single columns, the choice of a tree, and its pairs."""
    data = dataset(codes, domain)
    rho, columns = affordable(epsilon, delta), len(domain)
    sigma = np.sqrt(3 / (2 * rho))
    singles = [measured(data, (name,), sigma * np.sqrt(columns)) for name in domain]
    maps = merged(singles)
    few = data.compress(maps)
    singles = [one.compress(maps, data.domain) for one in singles]
    model = fitted(few, singles, STEPS["singles"])
    tree = spanning(few, model, np.sqrt(8 * rho / 3 / (columns - 1)))
    pairs = [measured(few, pair, sigma * np.sqrt(len(tree))) for pair in tree]
    model = fitted(few, singles + pairs, STEPS["tree"])
    return frame(model.synthetic_data(rows=len(codes)).decompress(maps))


def aim(codes: Any, domain: dict[str, int], epsilon: float, delta: float) -> Any:
    """Single columns, then in each round the table that the model is worst at."""
    data = dataset(codes, domain)
    rho, rounds = affordable(epsilon, delta), 16 * len(domain)
    pairs = [p for p in combinations(domain, 2) if data.domain.size(p) <= CELLS]
    weights: dict[tuple[str, ...], float] = {
        (name,): sum(name in p for p in pairs) for name in domain
    }
    weights |= {p: sum(len({*p} & {*other}) for other in pairs) for p in pairs}
    exact = {clique: counted(data, clique) for clique in weights}
    sigma, share = np.sqrt(rounds / (1.8 * rho)), np.sqrt(0.8 * rho / rounds)
    tables = [measured(data, (name,), sigma) for name in domain]
    spent = len(tables) / (2 * sigma**2)
    model = fitted(data, tables, STEPS["round"])
    last = False
    while not last:
        if rho - spent < 2 * (1 / (2 * sigma**2) + share**2 / 8):
            last, left = True, rho - spent
            sigma, share = np.sqrt(1 / (1.8 * left)), np.sqrt(0.8 * left)
        spent += 1 / (2 * sigma**2) + share**2 / 8
        clique = worst(exact, model, weights, sigma, share, MEGABYTES * spent / rho)
        before = np.asarray(model.project(clique).datavector())
        tables.append(measured(data, clique, sigma))
        model = fitted(data, tables, STEPS["round"], model)
        moved = np.abs(np.asarray(model.project(clique).datavector()) - before).sum()
        if moved <= sigma * np.sqrt(2 / np.pi) * before.size:
            sigma, share = sigma / 2, share * 2
    return frame(model.synthetic_data(rows=len(codes)))


def worst(
    exact: dict[tuple[str, ...], Any],
    model: Any,
    weights: dict[tuple[str, ...], float],
    sigma: float,
    share: float,
    megabytes: float,
) -> tuple[str, ...]:
    """Of the tables that the model has room for, by the error beyond what noise would leave."""
    held = [set(clique) for clique in model.cliques]

    def fits(clique: tuple[str, ...]) -> bool:
        grown = [*model.cliques, clique]
        return (
            any({*clique} <= other for other in held)
            or junction_tree.hypothetical_model_size(model.domain, grown) <= megabytes
        )

    open_to = [clique for clique in weights if fits(clique)]
    bias = np.sqrt(2 / np.pi) * sigma
    scores = [
        weights[c] * (apart(exact[c], model, c) - bias * model.domain.size(c)) for c in open_to
    ]
    return open_to[chosen(np.array(scores), share, max(weights[c] for c in open_to))]


def dataset(codes: Any, domain: dict[str, int]) -> Any:
    cells = {name: codes[name].to_numpy() for name in domain}
    return Dataset(cells, Domain(list(domain), list(domain.values())))


def frame(made: Any) -> Any:
    import pandas as pd

    return pd.DataFrame(made.to_dict())


if __name__ == "__main__":
    answer({"mst": mst, "aim": aim})
