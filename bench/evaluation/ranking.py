"""Bradley-Terry against the original's Elo: error, dependence on the rows' order, and time."""

from __future__ import annotations

import json
import re
import time
from collections import Counter

import numpy as np

from bench.bulk.lines import Line, at_most
from bench.evaluation.blocks import Measure, Tally
from bench.evaluation.worlds import Players
from core.evaluation.stats.bradley_terry import ELO, Comparisons, bootstrap, fit
from core.evaluation.stats.elo import elo, order_spread
from core.evaluation.stats.intervals import Floats, Ints
from core.evaluation.stats.pairing import balanced_pairs

TRAITS, OURS, THEIRS = 144, 5_000, 25_000
PLAIN = {"position": 0.0, "tie": 0.0, "whims": 0.0}
REAL = {"position": 0.3, "tie": 0.4, "whims": 0.0}
SDS = (50, 100, 150)


def players(rng: np.random.Generator, sd: float = 100.0, **world: float) -> Players:
    """144 traits with a true SD in Elo points, centred at 0."""
    scores = rng.normal(0, sd / ELO, TRAITS)
    return Players(scores - scores.mean(), **world)


def played(world: Players, pairs: Ints, rng: np.random.Generator) -> Comparisons:
    """One verdict for each pair, every one on a prompt of its own."""
    outcome = world.outcomes(pairs, np.zeros(len(pairs)), rng)
    return Comparisons(pairs[:, 0], pairs[:, 1], outcome, np.arange(len(pairs)))


def random_pairs(rng: np.random.Generator, count: int) -> Ints:
    """Two different traits at random each time, as the original draws them."""
    first = rng.integers(0, TRAITS, count)
    return np.stack([first, (first + rng.integers(1, TRAITS, count)) % TRAITS], axis=1)


def _error(found: Floats, truth: Floats) -> float:
    return float(np.sqrt(((found - found.mean() - truth * ELO) ** 2).mean()))


def errors(rng: np.random.Generator) -> Tally:
    """One draw of traits, without and with position bias and ties."""
    found: Tally = Counter()
    for name, world in (("plain", players(rng, **PLAIN)), ("real", players(rng, **REAL))):
        ours = played(world, balanced_pairs(TRAITS, OURS, int(rng.integers(2**31))), rng)
        theirs = played(world, random_pairs(rng, THEIRS), rng)
        found[f"{name} ours"] += _error(fit(ours, TRAITS).elo, world.scores)
        found[f"{name} theirs"] += _error(elo(theirs, TRAITS), world.scores)
        found[f"{name} ours, all"] += _error(fit(theirs, TRAITS).elo, world.scores)
        found[f"{name} theirs, few"] += _error(elo(ours, TRAITS), world.scores)
    return found


def error_lines(sums: Tally, experiments: int) -> list[Line]:
    """The ratio with its bar, and the same in a world with position bias and ties."""
    each = {name: value / experiments for name, value in sums.items()}
    made: list[Line] = []
    for name, label in (
        ("plain", "no position bias, no ties"),
        ("real", "position 0.3 logits, a fifth ties"),
    ):
        beside = (
            f"{each[f'{name} ours']:.1f} and {each[f'{name} theirs']:.1f} points, {experiments} draws; "
            f"BT on 25,000 {each[f'{name} ours, all']:.1f}, Elo on 5,000 {each[f'{name} theirs, few']:.1f}"
        )
        ratio = each[f"{name} ours"] / each[f"{name} theirs"]
        made.append(
            at_most(
                f"RMSE of BT on 5,000 ÷ Elo on 25,000 (144 traits, SD 100; {label})",
                ratio,
                1.05,
                None,
                beside=beside,
            )
        )
    return made


def orders(rng: np.random.Generator) -> Tally:
    """One set of 25,000 rows in ten orders, for traits that differ little, some and much."""
    found: Tally = Counter()
    for sd in SDS:
        rows = played(players(rng, sd, **PLAIN), random_pairs(rng, THEIRS), rng)
        spread = order_spread(rows, TRAITS, orders=10, seed=int(rng.integers(2**31)))
        found[f"{sd} sd"] += spread.sd
        found[f"{sd} pearson"] += spread.pearson
        found[f"{sd} spearman"] += spread.spearman
        found[f"{sd} bt"] += float(np.abs(_shuffled(rows, rng) - fit(rows, TRAITS).elo).max())
    return found


def _shuffled(rows: Comparisons, rng: np.random.Generator) -> Floats:
    mixed = rng.permutation(len(rows))
    return fit(
        Comparisons(rows.left[mixed], rows.right[mixed], rows.outcome[mixed], rows.cluster[mixed]), TRAITS
    ).elo


def order_lines(sums: Tally, experiments: int) -> list[Line]:
    """What a reordering of the same rows does to Elo, and to Bradley-Terry."""
    made: list[Line] = []
    for sd in SDS:
        each = {name: sums[f"{sd} {name}"] / experiments for name in ("sd", "pearson", "spearman", "bt")}
        beside = (
            f"two orders of the same 25,000 rows: Spearman {each['spearman']:.2f}, "
            f"Pearson {each['pearson']:.2f}; BT moves by {each['bt']:.0e} points; "
            f"{experiments} sets of rows × 10 orders"
        )
        made.append(
            Line(
                f"Elo K=32: SD of a rating over orders, points (144 traits, SD {sd})",
                f"{each['sd']:.0f}",
                beside=beside,
            )
        )
    return made


def timed(rng: np.random.Generator) -> Tally:
    """25,000 rows as text: read, parsed, scored, ranked, with 2,000 rounds."""
    world = players(rng, **REAL)
    truth = played(world, random_pairs(rng, THEIRS), rng)
    texts = [
        _row(*row)
        for row in zip(
            *(column.tolist() for column in (truth.left, truth.right, truth.outcome, truth.cluster)),
            strict=True,
        )
    ]
    began = time.process_time()
    rows = _parsed(texts)
    parsed = time.process_time()
    fit(rows, TRAITS)
    elo(rows, TRAITS)
    bootstrap(rows, TRAITS, 2000, 1)
    done = time.process_time()
    return Counter({"parse": parsed - began, "all": done - began})


def _row(left: int, right: int, outcome: float, prompt: int) -> str:
    chosen = {1.0: f"trait-{left}", 0.0: f"trait-{right}", 0.5: "tie"}[outcome]
    said = f"The answer leans on it throughout. <answer>{chosen}</answer>"
    return json.dumps(
        {
            "key": f"{prompt:032x}",
            "first": f"trait-{left}",
            "second": f"trait-{right}",
            "prompt": f"p{prompt}",
            "text": said,
        }
    )


def _parsed(texts: list[str]) -> Comparisons:
    place = {f"trait-{number}": number for number in range(TRAITS)}
    prompts: dict[str, int] = {}
    columns: list[tuple[int, int, float, int]] = []
    for row in map(json.loads, texts):
        chosen = re.findall(r"<answer>(.*?)</answer>", row["text"])[-1]
        outcome = {row["first"]: 1.0, row["second"]: 0.0}.get(chosen, 0.5)
        cluster = prompts.setdefault(row["prompt"], len(prompts))
        columns.append((place[row["first"]], place[row["second"]], outcome, cluster))
    left, right, outcomes, clusters = (np.array(column) for column in zip(*columns, strict=True))
    return Comparisons(left, right, outcomes, clusters)


def time_lines(sums: Tally, experiments: int) -> list[Line]:
    """Seconds of processor time on one core."""
    parsing = sums["parse"] / experiments
    beside = (
        f"reading and scoring rows {parsing:.1f} s of it; processor time of one core, mean of {experiments}"
    )
    return [
        at_most(
            "seconds for 25,000 verdict rows, 144 traits, 25,000 prompts, 2,000 rounds",
            sums["all"] / experiments,
            20.0,
            None,
            form=".1f",
            beside=beside,
        )
    ]


RANKING: dict[str, Measure] = {
    "rmse": Measure(errors, error_lines, block=5, most=50),
    "order": Measure(orders, order_lines, block=5, most=20),
    "seconds": Measure(timed, time_lines, block=1, most=3),
}
