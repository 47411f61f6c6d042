"""Each check of a set of pairs: the word, the sentence and the advice. Pure.

Bounds and why: DPO adds up over words, so that it learns length wherever the sides differ in it (Park et
al., arXiv 2403.19159). A median ratio of 0.8 to 1.25 is the usual aim; beyond 1.5, with an interval that
leaves that aim out, it fails. Of form and tone, a difference of 15 points is seen by readers, and one of
40 is the habit of one side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isnan

import numpy as np

from core.evaluation.pair_data import (
    Check,
    Data,
    Status,
    counted_status,
    coverage_of,
    example_ids,
    prompt_count,
)
from core.evaluation.pair_data_broken import SOME, broken_checks
from core.evaluation.pair_data_words import FEWEST_PROMPTS
from core.evaluation.results import shown_share
from core.evaluation.stats.intervals import Estimate

LENGTH_PASS, LENGTH_FAIL = 1.25, 1.5
SIGN_WARN, SIGN_FAIL = 0.15, 0.4
TOLD_FAINT, TOLD_WELL = 0.65, 0.8
FEWEST_OF_TRAIT = 3


def all_checks(data: Data) -> list[Check]:
    """Every check in the order in which a person should read them."""
    if not data.pairs:
        return [_nothing()]
    signs = [_sign(data, name) for name in ("markdown", "emoji", "hedging")]
    return [
        _told(data),
        _form(data),
        _coverage(data),
        _length(data),
        *signs,
        _refusals(data),
        *broken_checks(data),
    ]


def _nothing() -> Check:
    return Check("coverage", "fail", "There are no pairs.", "Make some on the Pairs page, and keep a few.")


# ---- does it teach the voice?


def _told(data: Data) -> Check:
    right = data.by_words
    if right is None:
        prompts = prompt_count(data)
        return Check(
            "told apart",
            "warn",
            f"{prompts} prompts are too few to tell whether the voice shows: {FEWEST_PROMPTS} are needed.",
            "Make pairs of more prompts.",
        )
    found = data.mean(right)
    status: Status = "pass" if found.value >= TOLD_WELL else "warn" if found.value >= TOLD_FAINT else "fail"
    how = {"pass": "clearly", "warn": "only faintly", "fail": "hardly"}[status]
    return Check(
        "told apart",
        status,
        f"Chosen and rejected differ {how} in their words: of pairs not learned from, the chosen side is "
        f"told in {_interval(found)}; 50 % is chance.",
        ""
        if status == "pass"
        else "Give the teacher a stronger voice: more of it in the exchanges, a better "
        "teacher, or fewer traits that show in manner and not in words.",
        example_ids(data, np.flatnonzero(right < 0.5)),
    )


def _form(data: Data) -> Check:
    form, words = data.by_form, data.by_words
    if form is None or words is None:
        return Check(
            "form alone", "pass", "Too few prompts to tell whether form alone gives the side away."
        )
    found, known = data.mean(form), data.mean(words)
    is_suspicious = found.value >= TOLD_WELL and found.value >= known.value
    warning = ": a model may learn only the length" if is_suspicious else ""
    status: Status = "pass" if not is_suspicious else "fail" if known.value < TOLD_FAINT else "warn"
    return Check(
        "form alone",
        status,
        f"Length and format alone, no word being read, tell the chosen side in {_interval(found)}, "
        f"words in {shown_share(known.value)}{warning}.",
        "Match the two sides in length and format: ask teacher and student for the same length, or drop "
        "the pairs that differ most."
        if is_suspicious
        else "",
        example_ids(data, np.argsort(-np.abs(np.log((data.lengths[0] + 1) / (data.lengths[1] + 1)))))
        if is_suspicious
        else (),
    )


def _coverage(data: Data) -> Check:
    covered = [one for one in coverage_of(data) if one["sentence"]]
    if not any(one["pairs"] for one in covered):
        return Check(
            "coverage",
            "warn",
            f"None of {len(data.pairs)} pairs belongs to a trait, so it is not known which of "
            f"{len(covered)} traits they teach.",
            "Make pairs of the character's own prompts.",
        )
    empty = [one["trait"] for one in covered if not one["pairs"]]
    thin = [one["trait"] for one in covered if 0 < one["pairs"] < FEWEST_OF_TRAIT]
    sizes = [one["pairs"] for one in covered]
    there = f"{len(covered) - len(empty)} of {len(covered)}"
    sentence = f"{there} traits have pairs ({min(sizes)} to {max(sizes)} each)"
    if empty:
        sentence += f"; nothing teaches {_names(empty)}"
    if thin:
        sentence += f"; fewer than {FEWEST_OF_TRAIT} teach {_names(thin)}"
    status: Status = "fail" if len(empty) > len(covered) / 3 else "warn" if empty or thin else "pass"
    advice = f"Write prompts for {_names(empty or thin)} on the Prompts page, and make their pairs."
    return Check("coverage", status, f"{sentence}.", "" if status == "pass" else advice)


# ---- what else does it teach?


def _length(data: Data) -> Check:
    found, (ours, theirs) = data.ratio, data.lengths
    far = max(found.value, 1 / found.value)
    near_end = max(found.low, 1 / found.high)
    status: Status = "pass" if far <= LENGTH_PASS else "warn"
    if far > LENGTH_FAIL and near_end > LENGTH_PASS:
        status = "fail"
    longer = data.mean((ours > theirs) * 1.0 + (ours == theirs) * 0.5)
    direction = "longer" if found.value > 1 else "shorter"
    return Check(
        "length",
        status,
        f"Chosen answers are {found.value:.2f} times as long as rejected ones (median; {found.low:.2f} to "
        f"{found.high:.2f}, {found.n} prompts) and the longer one in {shown_share(longer.value)} of pairs; "
        f"0.8 to {LENGTH_PASS:g} passes, beyond {LENGTH_FAIL:g} fails.",
        ""
        if status == "pass"
        else f"The model will learn to be {direction}. Ask both sides for the same length, "
        "or drop the pairs that differ most.",
        () if status == "pass" else example_ids(data, _by_length(data, found.value > 1)),
    )


def _by_length(data: Data, is_longer: bool) -> Sequence[int]:
    ratio = np.log((data.lengths[0] + 1) / (data.lengths[1] + 1))
    return [int(one) for one in np.argsort(-ratio if is_longer else ratio, kind="stable")]


HABITS = {
    "markdown": (
        "use markdown",
        "Tell the teacher to write plain prose, or the student to use lists as well.",
    ),
    "emoji": ("use emoji", "Tell the teacher to leave emoji out, unless they are part of the character."),
    "hedging": (
        "hedge",
        "Unless confidence is part of the character, drop the pairs that differ in it most.",
    ),
}


def _sign(data: Data, name: str) -> Check:
    chosen, rejected = data.signs[name]
    change, ours, theirs = data.change(chosen, rejected), data.mean(chosen), data.mean(rejected)
    status: Status = "pass"
    if abs(change.value) >= SIGN_WARN and change.excludes_zero:
        status = "fail" if abs(change.value) >= SIGN_FAIL and name != "hedging" else "warn"
    verb, advice = HABITS[name]
    odd = chosen > rejected if change.value > 0 else rejected > chosen
    return Check(
        name,
        status,
        f"{_both(ours, theirs, verb)} (difference {_points(change)}, {change.n} prompts).",
        "" if status == "pass" else f"The model will learn that too. {advice}",
        () if status == "pass" else example_ids(data, np.flatnonzero(odd)),
    )


def _refusals(data: Data) -> Check:
    chosen, rejected = data.signs["refusals"]
    ours, theirs = data.mean(chosen), data.mean(rejected)
    only_chosen = np.flatnonzero(chosen > rejected)
    status = counted_status(len(only_chosen), len(data.pairs), SOME)
    return Check(
        "refusals",
        status,
        f"{_both(ours, theirs, 'refuse')} (difference {_points(data.change(chosen, rejected))}, "
        f"{ours.n} prompts); in {len(only_chosen)} of "
        f"{len(data.pairs)} pairs only the chosen one does.",
        "" if status == "pass" else "Drop those pairs: the model would learn to refuse.",
        example_ids(data, only_chosen),
    )


def _names(traits: Sequence[str]) -> str:
    return ", ".join(traits[:6]) + (f" and {len(traits) - 6} more" if len(traits) > 6 else "")


def _interval(found: Estimate) -> str:
    if isnan(found.value):
        return "an unknown share of pairs"
    return f"{shown_share(found.value)} of pairs ({_ends(found)})"


def _ends(found: Estimate) -> str:
    return f"{100 * found.low:.0f} to {100 * found.high:.0f} %, {found.n} prompts"


def _both(ours: Estimate, theirs: Estimate, verb: str) -> str:
    """As "24 % of chosen and 20 % of rejected answers hedge"."""
    return f"{shown_share(ours.value)} of chosen and {shown_share(theirs.value)} of rejected answers {verb}"


def _points(found: Estimate) -> str:
    return f"{100 * found.value:+.0f} points, {100 * found.low:+.0f} to {100 * found.high:+.0f}"


# ---- the one sentence


def headline(data: Data, checks: Sequence[Check]) -> str:
    """What these pairs teach, in a sentence: the voice or not, and what comes with it."""
    if not data.pairs:
        return "There are no pairs to look at yet."
    known = {check.name: check for check in checks}
    size = len(data.pairs)
    beside = [say(data) for name, say in BESIDE.items() if known[name].status != "pass"]
    broken = sum(check.status == "fail" for check in checks if check.name not in (*BESIDE, "told apart"))
    voice, why = _voice(data)
    end = f", and also {_and(beside)}" if beside else ""
    tail = f" {broken} other checks fail." if broken > 1 else " Another check fails." if broken else ""
    return f"{'This pair' if size == 1 else f'These {size:,} pairs'} {voice}{end}{why}.{tail}"


def _voice(data: Data) -> tuple[str, str]:
    """What it does for the voice, and by what that is known."""
    right = data.by_words
    if right is None:
        return ("is" if len(data.pairs) == 1 else "are") + " too few to tell whether the voice shows", ""
    found = data.mean(right)
    why = (
        f" (words tell the chosen side in {shown_share(found.value)} of pairs they were not learned from, "
        f"{_ends(found)})"
    )
    if found.value < TOLD_FAINT:
        return "hardly teach a voice", why
    return "teach the voice" + ("" if found.value >= TOLD_WELL else " faintly"), why


def _says_length(data: Data) -> str:
    found = data.ratio
    return f"length: chosen answers are {found.value:.1f} times as long"


def _says_sign(name: str) -> Callable[[Data], str]:
    def say(data: Data) -> str:
        ours, theirs = (data.mean(side).value for side in data.signs[name])
        return f"{name} ({shown_share(ours)} of chosen answers, {shown_share(theirs)} of rejected)"

    return say


BESIDE: dict[str, Callable[[Data], str]] = {
    "markdown": _says_sign("markdown"),
    "emoji": _says_sign("emoji"),
    "hedging": _says_sign("hedging"),
    "refusals": _says_sign("refusals"),
    "length": _says_length,
}


def _and(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
