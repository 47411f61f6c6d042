"""How often a nominal 95 % interval holds the truth, and how many marks are false."""

from __future__ import annotations

from collections import Counter
from functools import partial

import numpy as np

from bench.bulk.lines import Line
from bench.evaluation.blocks import Measure, Tally
from bench.evaluation.worlds import Change, Classifier, Contest, Raters, change, sigmoid
from core.evaluation.stats.agreement import cohen_kappa, rogan_gladen
from core.evaluation.stats.bradley_terry import shift
from core.evaluation.stats.classification import accuracy, macro_f1
from core.evaluation.stats.intervals import (
    Estimate,
    NoEstimate,
    bootstrap_weights,
    by_cluster,
    cluster_means,
    difference_by_cluster,
    mean_by_cluster,
    percentile,
)
from core.evaluation.stats.length_control import length_controlled_win_rate
from core.evaluation.stats.multiple import benjamini_hochberg

LOW, HIGH = 0.93, 0.97
BAR = "93 to 97 %"
# The bar is for 60 prompts and more; the smallest number only shows what little data does.
SIZES = (20, 60, 200)
JUDGED = 60
CONTESTS = (Contest(0.3), Contest(1.2), Contest(4.0))
CHANGES = ((Contest(0.3), Contest(0.3)), (Contest(0.3), Contest(1.2)), (Contest(-5.0), Contest(2.5)))
CLASSIFIERS = (Classifier(1.0), Classifier(3.5))
CHARACTER = 2
RATERS = Raters()
BETTER = 0.3


def holds(estimate: Estimate | NoEstimate, truth: float) -> float:
    """1 where the interval holds the truth; no estimate holds nothing."""
    return float(isinstance(estimate, Estimate) and estimate.low <= truth <= estimate.high)


def covered(measure: str, hits: float, experiments: int, beside: str = "", *, judged: bool = True) -> Line:
    """A line that holds from 93 to 97 %."""
    share = hits / experiments
    verdict = LOW <= share <= HIGH if judged else None
    return Line(
        measure, f"{share:.1%}", BAR * judged, "", verdict, beside=f"{experiments:,} experiments{beside}"
    )


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))


def win_rates(rng: np.random.Generator) -> Tally:
    """One experiment of each contest and number of prompts; beside it the plain percentile interval."""
    found: Tally = Counter()
    for contest in CONTESTS:
        for prompts in SIZES:
            scores, clusters = contest.judged(prompts, rng)
            key, seed = f"{contest.lead} {prompts}", _seed(rng)
            estimate = mean_by_cluster(scores, clusters.tolist(), seed=seed)
            means = cluster_means(scores, clusters.tolist())
            low, high = percentile(bootstrap_weights(prompts, 2000, seed) @ means / prompts, 0.95)
            found[key] += holds(estimate, contest.truth)
            found[f"{key} percentile"] += float(low <= contest.truth <= high)
            found[f"{key} width"] += estimate.high - estimate.low
    return found


def win_lines(sums: Tally, experiments: int) -> list[Line]:
    """A line for each contest and number of prompts."""
    made: list[Line] = []
    for contest in CONTESTS:
        for prompts in SIZES:
            key = f"{contest.lead} {prompts}"
            width, plain = sums[f"{key} width"] / experiments, sums[f"{key} percentile"] / experiments
            beside = f"; mean width {width:.3f}; percentiles of the draws {plain:.1%}"
            label = f"win rate {contest.truth:.2f}, {prompts} prompts × 2 orders × 2"
            made.append(covered(label, sums[key], experiments, beside, judged=prompts >= JUDGED))
    return made


def changes(rng: np.random.Generator) -> Tally:
    """Before and after on the same prompts, for each kind of change and number of prompts."""
    found: Tally = Counter()
    for old, new in CHANGES:
        for prompts in SIZES:
            difficulty = rng.standard_normal(prompts)
            (before, clusters), (after, _) = old.judged_on(difficulty, rng), new.judged_on(difficulty, rng)
            estimate = difference_by_cluster(before, after, clusters.tolist(), seed=_seed(rng))
            found[f"{old.lead} {new.lead} {prompts}"] += holds(estimate, new.truth - old.truth)
    return found


def change_lines(sums: Tally, experiments: int) -> list[Line]:
    """A line for each kind of change and number of prompts."""
    return [
        covered(
            f"change of a share, {old.truth:.2f} → {new.truth:.2f}, {prompts} prompts × 4",
            sums[f"{old.lead} {new.lead} {prompts}"],
            experiments,
            judged=prompts >= JUDGED,
        )
        for old, new in CHANGES
        for prompts in SIZES
    ]


def rankings(prompts: int, rng: np.random.Generator) -> Tally:
    """24 traits, 1,000 comparisons before and after, dealt evenly to so many prompts."""
    return _ranked(change(rng, prompts=prompts), _seed(rng))


def winners(rng: np.random.Generator) -> Tally:
    """One trait rises until it wins nearly everything, one falls likewise."""
    return _ranked(change(rng, only=5.0), _seed(rng))


def _ranked(world: Change, seed: int) -> Tally:
    found = shift(world.before, world.after, 24, seed=seed)
    inside = np.array([holds(item.delta, truth) for item, truth in zip(found, world.moved, strict=True)])
    marked = np.array(benjamini_hochberg([item.p for item in found]).rejected)
    sums: Tally = Counter()
    sums["kept"] = inside[~world.changed].mean()
    sums["moved"] = inside[world.changed].mean()
    sums["false"] = (marked & ~world.changed).sum() / max(1, marked.sum())
    sums["found"] = marked[world.changed].mean()
    sums["width"] = np.mean([item.delta.high - item.delta.low for item in found])
    return Counter({name: float(value) for name, value in sums.items()})


def ranking_lines(prompts: int, sums: Tally, experiments: int) -> list[Line]:
    """Coverage of all, unchanged and changed traits; false marks, and how many true changes are marked."""
    on = f"{prompts:,} prompts"
    label = f"change in a ranking, 24 traits, 1,000 comparisons before and after on {on}"
    width = f"; mean width {sums['width'] / experiments:.0f} points"
    return [
        covered(label, (sums["kept"] + sums["moved"]) / 2, experiments, width),
        covered(f"the same on {on}, traits that did not change", sums["kept"], experiments),
        covered(f"the same on {on}, traits that rose or fell", sums["moved"], experiments),
        _false_line(on, sums, experiments),
    ]


def winner_lines(sums: Tally, experiments: int) -> list[Line]:
    """The two extreme traits, and all others."""
    label = "one trait of 24 comes to win, another to lose nearly all (±800 points)"
    return [
        covered(f"{label}: these two", sums["moved"], experiments),
        covered(f"{label}: the others", sums["kept"], experiments),
    ]


def _false_line(on: str, sums: Tally, experiments: int) -> Line:
    share, found = sums["false"] / experiments, sums["found"] / experiments
    return Line(
        f"false among marked risers and fallers on {on} (q = 0.05, half unchanged)",
        f"{share:.1%}",
        "≤ 5.0%",
        holds=share <= 0.05,
        beside=f"{experiments:,} experiments; of changes by 35 to 210 points {found:.0%} are marked",
    )


def classifiers(rng: np.random.Generator) -> Tally:
    """One test set of each classifier and number of prompts."""
    found: Tally = Counter()
    for world in CLASSIFIERS:
        for prompts in SIZES:
            columns = [column.tolist() for column in world.read(prompts, rng)]
            for what, estimate in _figures(*columns, _seed(rng)).items():
                found[f"{world.skill} {prompts} {what}"] += holds(estimate, _truths(world)[what])
    return found


def _figures(truth: list[int], guess: list[int], prompt: list[int], seed: int) -> dict[str, Estimate]:
    rows = [
        (guessed == true, at)
        for true, guessed, at in zip(truth, guess, prompt, strict=True)
        if true == CHARACTER
    ]
    return {
        "macro-F1": by_cluster(macro_f1(truth, guess), prompt, seed=seed),
        "accuracy": by_cluster(accuracy(truth, guess), prompt, seed=seed),
        "share in character": mean_by_cluster(
            [float(hit) for hit, _ in rows], [at for _, at in rows], seed=seed
        ),
    }


def _truths(world: Classifier) -> dict[str, float]:
    right = world.right
    return {
        "macro-F1": world.macro_f1,
        "accuracy": float(right.mean()),
        "share in character": float(right[CHARACTER]),
    }


def classifier_lines(sums: Tally, experiments: int) -> list[Line]:
    """A line for each figure, classifier and size."""
    return [
        covered(
            f"classifier: {what} {_truths(world)[what]:.2f}, {prompts} prompts × 6 characters",
            sums[f"{world.skill} {prompts} {what}"],
            experiments,
            judged=prompts >= JUDGED,
        )
        for what in ("macro-F1", "accuracy", "share in character")
        for world in CLASSIFIERS
        for prompts in SIZES
    ]


def others(rng: np.random.Generator) -> Tally:
    """Kappa, a win rate corrected by human ratings, and a length-controlled win rate."""
    found: Tally = Counter()
    for prompts in (50, 100):
        person, judge, prompt = (column.tolist() for column in RATERS.rated(prompts, 2, rng))
        found[f"kappa {prompts}"] += holds(
            cohen_kappa(person, judge, prompt, seed=_seed(rng)), RATERS.kappa
        )
    found["corrected"] += holds(_corrected(rng), RATERS.likes)
    found["length"] += holds(_longer_wins(rng), float(sigmoid(np.array(BETTER))))
    return found


def _corrected(rng: np.random.Generator) -> Estimate | NoEstimate:
    person, judge, _ = RATERS.rated(100, 1, rng)
    yes, no = judge[person == 1], 1 - judge[person == 0]
    share = float(RATERS.rated(200, 1, rng)[1].mean())
    return rogan_gladen(share, 200, (int(yes.sum()), len(yes)), (int(no.sum()), len(no)))


def _longer_wins(rng: np.random.Generator) -> Estimate | NoEstimate:
    """B is a little better and much longer, and longer answers are liked."""
    prompt = np.repeat(np.arange(200), 2)
    lengths = np.exp(rng.normal([5.0, 5.4], 0.4, (len(prompt), 2)))
    apart = lengths[:, 1] - lengths[:, 0]
    chance = sigmoid(BETTER + 1.5 * np.tanh(apart / apart.std()))
    won = (rng.random(len(prompt)) < chance).astype(np.float64)
    return length_controlled_win_rate(won, lengths[:, 0], lengths[:, 1], prompt.tolist(), seed=_seed(rng))


def other_lines(sums: Tally, experiments: int) -> list[Line]:
    """Four lines."""
    what = {
        "kappa 50": f"Cohen's kappa {RATERS.kappa:.2f}, 50 prompts × 2",
        "kappa 100": f"Cohen's kappa {RATERS.kappa:.2f}, 100 prompts × 2",
        "corrected": "rate on 200 prompts of a judge who is right in 85 %, corrected by 100 human ratings",
        "length": "length-controlled win rate, 200 prompts × 2, longer answers liked",
    }
    return [covered(text, sums[name], experiments) for name, text in what.items()]


COVERAGE: dict[str, Measure] = {
    "coverage-win-rate": Measure(win_rates, win_lines, block=50),
    "coverage-change": Measure(changes, change_lines, block=50),
    "coverage-ranking": Measure(partial(rankings, 100), partial(ranking_lines, 100), block=10),
    "coverage-ranking-wide": Measure(partial(rankings, 1000), partial(ranking_lines, 1000), block=10),
    "coverage-ranking-winner": Measure(winners, winner_lines, block=10),
    "coverage-classifier": Measure(classifiers, classifier_lines),
    "coverage-other": Measure(others, other_lines),
}
