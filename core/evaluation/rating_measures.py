"""What votes add up to: who won, how far raters agree with the judge, each other, and themselves. Pure.

    measured(votes, verdicts, question="character", judge="local/…")     cells and the sentence

Every interval is by prompt: votes on answers to one prompt, by several people, are alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from core.evaluation.ratings import (
    QUESTIONS,
    SCORES,
    SKIPPED,
    TIES,
    Calibration,
    Duel,
    Read,
    Verdict,
    Vote,
    both_read,
    calibrated,
    counted,
    kappa_of,
    standing,
)
from core.evaluation.results import Cell, shown_share
from core.evaluation.stats.agreement import position_consistency, rogan_gladen
from core.evaluation.stats.intervals import Estimate, NoEstimate, mean_by_cluster

PEOPLE, JUDGE = "people", "judge"
# Fewer repeats than this say nothing of how steady a rater is.
FEWEST_REPEATS = 3
# From here on a liking for one side is more than chance among some fifty votes.
LOPSIDED = 0.65


@dataclass(frozen=True, slots=True)
class Measured:
    """What the votes under one question say. `calibration` is None without a judge."""

    headline: str
    cells: list[Cell]
    caveats: list[str]
    calibration: Calibration | None
    votes: list[Vote]


def measured(
    votes: Iterable[Vote], verdicts: Sequence[Verdict], *, question: str, judge: str | None
) -> Measured:
    """The cells of one question, its headline, and what must be said beside them."""
    kept = [vote for vote in standing(votes) if vote.question == question]
    counting = counted(kept)
    judged = [one for one in verdicts if one.question == question]
    cells = _won(counting) + _by_rater(counting) + _steadiness(kept, counting) + _between(counting)
    calibration = calibrated(counting, judged) if judge else None
    if calibration is not None:
        cells += _of_judge(counting, _same_match(judged, counting), calibration)
    return Measured(
        headline(counting, question), cells, list(_caveats(kept, counting, cells)), calibration, counting
    )


def headline(votes: Sequence[Vote], question: str) -> str:
    """Who won, in a sentence that an outsider understands."""
    if not votes:
        return "Nobody has rated a pair yet."
    found = _mean(votes, lambda vote: SCORES[vote.outcome])
    ties = sum(vote.outcome == "tie" for vote in votes)
    side = _preference(found)
    halved = "tie counts" if ties == 1 else "ties count"
    asked = QUESTIONS[question].text.removeprefix("Which is ").rstrip("?")
    return (
        f"People {side}: asked blind which is {asked}, they gave the trained model "
        f"{shown_share(found.value)} of {len(votes)} votes ({100 * found.low:.0f} to "
        f"{100 * found.high:.0f} %, {found.n} prompts; {ties} {halved} half)."
    )


def _preference(found: Estimate) -> str:
    if found.low > 0.5:
        return "prefer the trained model"
    return "prefer the other one" if found.high < 0.5 else "have not settled on either"


# ---- votes alone


def _mean(votes: Sequence[Vote], value: Callable[[Vote], float]) -> Estimate:
    return mean_by_cluster([value(vote) for vote in votes], [vote.prompt for vote in votes])


def _cell(measure: str, found: Estimate, **more: Any) -> Cell:
    if not found.n or np.isnan(found.value):
        return Cell(measure, None, n=found.n, **_unknown(more))
    return Cell(measure, found.value, found.low, found.high, found.n, **more)


def _unknown(more: dict[str, Any]) -> dict[str, Any]:
    return {"note": "too few votes"} | more


def _won(votes: Sequence[Vote]) -> list[Cell]:
    if not votes:
        return []
    who = {"speaker": votes[-1].speaker}
    against = f"against {', '.join(sorted({vote.versus for vote in votes}))}; ties count half"
    cells = [_cell("win rate", _mean(votes, lambda vote: SCORES[vote.outcome]), note=against, **who)]
    for outcome in SCORES:
        cells.append(_cell(outcome, _mean(votes, lambda vote, o=outcome: float(vote.outcome == o)), **who))
    for choice in TIES:
        cells.append(_cell(choice, _mean(votes, lambda vote, c=choice: float(vote.choice == c)), **who))
    return cells


def _by_rater(votes: Sequence[Vote]) -> list[Cell]:
    """The win rate of each of several raters."""
    raters = _raters(votes)
    own = {name: [vote for vote in votes if vote.rater == name] for name in raters}
    return [
        _cell(
            "win rate",
            _mean(mine, lambda vote: SCORES[vote.outcome]),
            group=name,
            speaker=mine[-1].speaker,
        )
        for name, mine in own.items()
        if len(raters) > 1
    ]


def _raters(votes: Iterable[Vote]) -> list[str]:
    return list(dict.fromkeys(vote.rater for vote in votes))


def _steadiness(kept: Sequence[Vote], votes: Sequence[Vote]) -> list[Cell]:
    """How often people took the left one, and the same answer when a pair came again, sides changed."""
    sided = [vote for vote in votes if vote.choice not in TIES]
    first = {(vote.rater, vote.pair): vote for vote in votes}
    again = [
        (first[vote.rater, vote.pair], vote)
        for vote in kept
        if vote.showing and vote.choice != SKIPPED and (vote.rater, vote.pair) in first
    ]
    same = mean_by_cluster(
        [float(one.outcome == other.outcome) for one, other in again], [one.prompt for one, _ in again]
    )
    found = [_cell("left share", _mean(sided, lambda vote: float(vote.choice == "left")), speaker=PEOPLE)]
    note = "too few pairs were shown again" if len(again) < FEWEST_REPEATS else "sides were changed"
    return [*found, _cell("self-consistency", same, speaker=PEOPLE, note=note)]


def _between(votes: Sequence[Vote]) -> list[Cell]:
    """Kappa of every two raters on the pairs that both rated, taken together."""
    by_pair: dict[str, dict[str, Vote]] = {}
    for vote in votes:
        by_pair.setdefault(vote.pair, {})[vote.rater] = vote
    pairs = [
        (mine[one], mine[other])
        for mine in by_pair.values()
        for one, other in combinations(sorted(mine), 2)
    ]
    if not pairs:
        return []
    kappa = kappa_of(
        [one.outcome for one, _ in pairs],
        [other.outcome for _, other in pairs],
        [one.prompt for one, _ in pairs],
    )
    return [_cell("kappa between raters", kappa, unit="rank", speaker=PEOPLE)]


# ---- the judge


def _same_match(verdicts: Sequence[Verdict], votes: Sequence[Vote]) -> list[Verdict]:
    """The last verdict on each pair of the two whom people compared: against another control the same model
    wins more or less often."""
    matches = {(vote.speaker, vote.versus) for vote in votes}
    last = {one.pair: one for one in verdicts if (one.speaker, one.versus) in matches}
    return list(last.values())


def _of_judge(votes: Sequence[Vote], verdicts: Sequence[Verdict], found: Calibration) -> list[Cell]:
    read = both_read(votes, verdicts)
    agreed = mean_by_cluster([float(one.human == one.judge) for one in read], [one.prompt for one in read])
    return [
        _cell("kappa", found.kappa, unit="rank", speaker=JUDGE),
        _cell("agreement", agreed, speaker=JUDGE),
        _consistency(verdicts),
        _judged_rate(verdicts),
        corrected(read, verdicts),
    ]


def _consistency(verdicts: Sequence[Verdict]) -> Cell:
    """How often the judge said the same in both orders, among these verdicts."""
    both = [(one.prompt, one.orders) for one in verdicts if one.orders and "unscored" not in one.orders]
    found = position_consistency(
        [orders[0] for _, orders in both], [orders[1] for _, orders in both], [prompt for prompt, _ in both]
    )
    return _cell("position consistency", found, speaker=JUDGE)


def _judged_rate(verdicts: Sequence[Verdict]) -> Cell:
    found = mean_by_cluster([SCORES[one.outcome] for one in verdicts], [one.prompt for one in verdicts])
    note = "of all that it judged of these two" if verdicts else "nothing that people compared was judged"
    return _cell("win rate", found, speaker=JUDGE, group="by the judge", note=note)


DECIDED = "ties left out on both sides; the judge's rate with its errors on the votes taken out"


def corrected(read: Sequence[Read], verdicts: Sequence[Verdict]) -> Cell:
    """The judge's win rate, corrected by how often it was right on what people decided (Rogan-Gladen).

    Ties are left out on both sides. Counts are of prompts, each counting as the mean of its pairs.
    """
    decided = [one for one in verdicts if one.outcome != "tie"]
    rate = mean_by_cluster(
        [float(one.outcome == "win") for one in decided], [one.prompt for one in decided]
    )
    share = 0.0 if np.isnan(rate.value) else rate.value
    found = rogan_gladen(share, rate.n, _right(read, "win"), _right(read, "loss"))
    if isinstance(found, NoEstimate):
        return Cell("bias-corrected win rate", None, n=rate.n, speaker=JUDGE, note=found.reason)
    return _cell("bias-corrected win rate", found, speaker=JUDGE, note=DECIDED)


def _right(read: Sequence[Read], outcome: str) -> tuple[int, int]:
    """(prompts on which the judge was right, prompts) of what people called a win, or a loss."""
    mine = [one for one in read if one.human == outcome and one.judge != "tie"]
    found = mean_by_cluster([float(one.judge == one.human) for one in mine], [one.prompt for one in mine])
    return (round(found.value * found.n), found.n) if found.n else (0, 0)


# ---- what must be said beside


def _caveats(kept: Sequence[Vote], votes: Sequence[Vote], cells: Sequence[Cell]) -> Iterable[str]:
    prompts = len({vote.prompt for vote in votes})
    if votes and prompts < len(votes):
        yield f"{len(votes)} votes are about {prompts} prompts, and intervals count prompts."
    skipped = sum(vote.choice == SKIPPED for vote in kept)
    if skipped:
        yield f"{skipped} pairs were skipped and count for nothing."
    left = next((cell for cell in cells if cell.measure == "left share"), None)
    if left and left.value is not None and max(left.value, 1 - left.value) > LOPSIDED:
        side = "left" if left.value > 0.5 else "right"
        yield f"The {side} answer was taken in {shown_share(max(left.value, 1 - left.value))} of choices."
    if len(_raters(votes)) == 1:
        yield "One person rated: another may see it differently."


def rows_of(votes: Iterable[Vote], duels: Iterable[Duel]) -> list[dict[str, Any]]:
    """The votes as rows of a result, with their texts where these are still known."""
    known = {duel.id: duel for duel in duels}
    return [
        {
            "pair": vote.pair,
            "prompt": vote.prompt,
            "asked": known[vote.pair].asked if vote.pair in known else "",
            "text": known[vote.pair].text if vote.pair in known else "",
            "other": known[vote.pair].other if vote.pair in known else "",
            "speaker": vote.speaker,
            "versus": vote.versus,
            "group": vote.rater,
            "sample": vote.showing,
            "left": vote.left,
            "choice": vote.choice,
            "outcome": vote.outcome,
            "score": SCORES[vote.outcome],
            "finish_reason": None,
        }
        for vote in votes
    ]
