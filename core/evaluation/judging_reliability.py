"""How far a judge can be trusted on this very character, from pairs whose answer is known. Pure.

    probes = probes_of(known)                     what to ask
    reliability(probes, verdicts, by)             the figures, as `runs/<run>/evals/judges/` keeps them

Known: of a teacher's and a student's answer to one prompt, the teacher's shows the character. Beside them
stand one answer twice as long by saying itself twice (no better, only longer), one answer against itself
(a tie), and repetitions of requests already asked.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any, Literal

from core.evaluation.judging import TIE, By, Question, Verdict, both_orders, compare
from core.evaluation.judging_orders import Both, combine, first_shown_share, flip_share
from core.evaluation.judging_wording import STRENGTH
from core.evaluation.stats.intervals import Estimate, mean_by_cluster

ProbeKind = Literal["known", "twice", "same", "again"]
RETESTED = 0.05
LEAST_RETESTED, LEAST_PAIRS = 2, 8
DIFFERENT_LENGTH = 0.2
# A lean that is worth a warning: its interval leaves 0.5 out, and it is at least this far away.
LEANS = 0.1
MOST_UNREAD = 0.1
GOOD = 0.8


@dataclass(frozen=True, slots=True)
class Known:
    """A prompt with the answer that shows the character, and one that does not."""

    prompt: str
    asked: str
    shows: str
    plain: str


@dataclass(frozen=True, slots=True)
class Probe:
    """One question of the measurement; `orders` are asked in this order. `sample` 1 asks again."""

    kind: ProbeKind
    known: Known
    orders: tuple[Question, ...]
    sample: int = 0


def probes_of(known: Sequence[Known], *, traits: str, by: By) -> list[Probe]:
    """What to ask: every pair in both orders, a quarter said twice and a quarter against themselves."""
    found = [Probe("known", one, _orders(one, one.shows, one.plain, traits, by)) for one in known]
    quarter = known[: max(1, len(known) // 4)] if known else ()
    for one in quarter:
        twice = f"{one.plain}\n\n{one.plain}"
        found.append(Probe("twice", one, _orders(one, twice, one.plain, traits, by)))
    for one in quarter:
        found.append(Probe("same", one, _orders(one, one.shows, one.shows, traits, by)[:1]))
    for one in known[: max(LEAST_RETESTED, round(RETESTED * len(known)))]:
        found.append(Probe("again", one, _orders(one, one.shows, one.plain, traits, by)[:1], 1))
    return found


def _orders(known: Known, one: str, other: str, traits: str, by: By) -> tuple[Question, Question]:
    return both_orders(compare(STRENGTH, asked=known.asked, one=one, other=other, traits=traits, by=by))


def reliability(probes: Sequence[Probe], verdicts: Sequence[Verdict], by: By) -> dict[str, Any]:
    """The figures as plain JSON; estimates are {"value", "low", "high", "n"}, None where nothing is known.

    "accuracy": the known answer was chosen (a flip counts half); "consistency": the same choice in both
    orders; "first_shown": choices of the answer shown first; "longer": choices of the longer answer, half
    of them where it is the right one and half where it is not; "said_twice": of a text said twice over the
    same text; "ties_on_same", "retest": [count, of]; "unscored": [count, of].
    """
    told = _by_probe(probes, verdicts)
    known = [(probe, combine(*found)) for probe, found in told if probe.kind == "known"]
    pairs, prompts = [pair for _, pair in known], [probe.known.prompt for probe, _ in known]
    figures: dict[str, Any] = {
        "by": by,
        "pairs": len(known),
        "accuracy": _told(_mean([(pair.score, at) for pair, at in zip(pairs, prompts, strict=True)])),
        "consistency": _told(_turned(flip_share(pairs, prompts))),
        "first_shown": _told(first_shown_share(pairs, prompts)),
        "longer": _told(_longer(known)),
        "said_twice": _told(_said_twice(told)),
        "ties_on_same": _ties(told, by),
        "retest": _retest(told),
        "unscored": [sum(verdict.choice is None for verdict in verdicts), len(verdicts)],
    }
    return figures | {"leans": leans_of(figures)}


_Told = list[tuple[Probe, list[Verdict]]]


def _by_probe(probes: Sequence[Probe], verdicts: Sequence[Verdict]) -> _Told:
    found: _Told = []
    at = 0
    for probe in probes:
        found.append((probe, list(verdicts[at : at + len(probe.orders)])))
        at += len(probe.orders)
    return found


def _mean(scores: Sequence[tuple[float | None, Hashable]]) -> Estimate:
    there = [(score, at) for score, at in scores if score is not None]
    return mean_by_cluster([score for score, _ in there], [at for _, at in there])


def _turned(share: Estimate) -> Estimate:
    return Estimate(1 - share.value, 1 - share.high, 1 - share.low, share.n)


def _longer(known: Sequence[tuple[Probe, Both]]) -> Estimate:
    """Choices of the longer answer, balanced over which one is right; unknown where it is always one."""
    sides: dict[bool, list[tuple[float, str]]] = {True: [], False: []}
    for probe, pair in known:
        shows, plain = len(probe.known.shows), len(probe.known.plain)
        if pair.score is None or abs(shows - plain) <= DIFFERENT_LENGTH * max(shows, plain):
            continue
        right_is_longer = shows > plain
        picked = pair.score if right_is_longer else 1 - pair.score
        sides[right_is_longer].append((picked, probe.known.prompt))
    if not (sides[True] and sides[False]):
        return Estimate(float("nan"), 0.0, 1.0, 0)
    means = [_mean(side) for side in sides.values()]
    # The mean of two independent means: their half widths add as squares, halved.
    value = (means[0].value + means[1].value) / 2
    low = value - sum((one.value - one.low) ** 2 for one in means) ** 0.5 / 2
    high = value + sum((one.high - one.value) ** 2 for one in means) ** 0.5 / 2
    return Estimate(value, max(0.0, low), min(1.0, high), sum(one.n for one in means))


def _said_twice(told: _Told) -> Estimate:
    pairs = [(combine(*found).score, probe.known.prompt) for probe, found in told if probe.kind == "twice"]
    return _mean(pairs)


def _ties(told: _Told, by: By) -> list[int] | None:
    """How many texts tied with themselves; by letter there is no tie to choose."""
    same = [found[0] for probe, found in told if probe.kind == "same"]
    if by == "logprob":
        return None
    return [sum(verdict.choice == TIE for verdict in same), len(same)]


def _retest(told: _Told) -> list[int]:
    first = {probe.known: found[0] for probe, found in told if probe.kind == "known"}
    again = [(first[probe.known].choice, found[0].choice) for probe, found in told if probe.kind == "again"]
    there = [pair for pair in again if None not in pair]
    return [sum(one == other for one, other in there), len(there)]


def _told(one: Estimate) -> dict[str, float | int] | None:
    if one.n == 0 or isnan(one.value):
        return None
    return {"value": one.value, "low": one.low, "high": one.high, "n": one.n}


# ---- what it means


def leans_of(figures: dict[str, Any]) -> list[str]:
    """Each bias that the figures show, in words: to a place, to length."""
    found: list[str] = []
    place = figures["first_shown"]
    if side := _side(place):
        word, share = ("first", place["value"]) if side > 0 else ("second", 1 - place["value"])
        found.append(f"picks the answer shown {word} in {_percent(share)} of its choices")
    for name, what in (("longer", "the longer answer"), ("said_twice", "the same text said twice")):
        if (side := _side(figures[name])) > 0:
            found.append(f"prefers {what} in {_percent(figures[name]['value'])} of pairs")
        elif side < 0 and name == "longer":
            found.append(f"prefers the shorter answer in {_percent(1 - figures[name]['value'])} of pairs")
    return found


def _side(one: dict[str, Any] | None) -> int:
    """1 or -1 where an estimate leans away from 0.5, else 0."""
    if one is None or abs(one["value"] - 0.5) < LEANS or one["low"] <= 0.5 <= one["high"]:
        return 0
    return 1 if one["value"] > 0.5 else -1


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def gate_of(figures: dict[str, Any] | None, warned: bool = False) -> str:
    """What a judge of these figures may do: "pass", "caution", "block", "unmeasured".

    Blocked where the interval of its accuracy includes a coin's 0.5 or lies below; cautious below 0.8,
    with a lean, where a tenth of its verdicts cannot be read, or where it is `warned` of as family.
    """
    if figures is None or figures["pairs"] < LEAST_PAIRS:
        return "unmeasured"
    accuracy = figures["accuracy"]
    # Known pairs were there; a judge whose verdicts on them cannot be read is none.
    if accuracy is None or accuracy["n"] < LEAST_PAIRS or accuracy["low"] <= 0.5:
        return "block"
    doubtful = warned or figures["leans"] or accuracy["value"] < GOOD or _often_unread(figures)
    return "caution" if doubtful else "pass"


def _often_unread(figures: dict[str, Any]) -> bool:
    """Whether more verdicts are lost than chance would lose: accuracy is only of those that were read."""
    count, of = figures["unscored"]
    return count > MOST_UNREAD * of


_MEANING = {
    "pass": "Its figures may headline",
    "caution": "Read its figures with care",
    "block": "That is no better than a coin: its figures may not headline",
}


def reliability_sentence(figures: dict[str, Any] | None) -> str:
    """What was measured of a judge, after its name has been said."""
    gate = gate_of(figures)
    if figures is not None and figures["accuracy"] is None:
        count, of = figures["unscored"]
        return f"{count} of its {of} verdicts on pairs whose answer is known could not be read"
    if figures is None:
        return (
            "How far it can be trusted is not known: that is measured on pairs of a teacher's and a "
            "student's answer, and there are none to measure on"
        )
    one = figures["accuracy"]
    parts = [
        f"Of {figures['pairs']} pairs of this character whose answer is known it got "
        f"{_percent(one['value'])} right ({100 * one['low']:.0f} to {_percent(one['high'])})"
    ]
    if figures["leans"]:
        parts.append(f"It {', and '.join(figures['leans'])}")
    if figures["unscored"][0]:
        count, of = figures["unscored"]
        parts.append(f"{count} of {of} verdicts could not be read")
    too_few = f"Fewer than {LEAST_PAIRS} prompts are too few to trust it"
    return ". ".join([*parts, _MEANING.get(gate, too_few)])


def judge_caveats(judge: Mapping[str, Any]) -> list[str]:
    """Who judged, how far that can be trusted, and whose family it is: beside every number of a judge."""
    told = (f"{judge['model']} judged. {judge['sentence']}", judge.get("family_warning"))
    return [f"{str(one).rstrip('.')}." for one in told if one]


def known_of(rows: Sequence[Any], count: int) -> list[Known]:
    """Up to `count` known pairs from rows with prompt, text, chosen, rejected; identical ones left out."""
    found = [
        Known(str(row["prompt"]), str(row["text"]), str(row["chosen"]), str(row["rejected"]))
        for row in rows
        if str(row["chosen"]).strip() != str(row["rejected"]).strip()
    ]
    return found[:count]
