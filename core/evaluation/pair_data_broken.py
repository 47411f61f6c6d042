"""Checks of what is broken in pairs: repeats, leaks, cuts, drift. Pure.

One broken pair in fifty (leaks, copies), or one in twenty (cuts), is more than noise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from core.dialogue_quality import invents_turns, leaks_template, repeats_itself
from core.evaluation.pair_data import CHOSEN, Check, Data, Status, counted_status, example_ids
from core.evaluation.pair_data_repeats import asked_before, repeated_prompts
from core.evaluation.pair_data_words import foreign_scripts

# Shares of pairs up to which a broken one is a warning.
FEW, SOME = 0.02, 0.05


def broken_checks(data: Data) -> list[Check]:
    """Every one of these checks, in the order in which a person should read them."""
    return [
        _prompts(data),
        _answers(data),
        _alike(data),
        _leaks(data),
        _cut(data),
        _broken(data),
        _language(data),
        *([_held_out(data)] if data.held_out else []),
    ]


def _prompts(data: Data) -> Check:
    first = {pair.prompt: number for number, pair in reversed(list(enumerate(data.pairs)))}
    places = sorted(first.values())
    texts = [data.pairs[place].asked for place in places]
    found = [places[one] for one, _ in repeated_prompts(texts)]
    status = counted_status(len(found), len(texts), FEW)
    return Check(
        "repeated prompts",
        status,
        f"{len(found)} of {len(texts)} prompts nearly repeat another one.",
        "" if status == "pass" else "Remove the repeats on the Prompts page: they count twice in training.",
        example_ids(data, found),
    )


def _answers(data: Data) -> Check:
    found = [one for one, _ in data.repeats[CHOSEN]]
    status = counted_status(len(found), len(data.pairs), FEW)
    return Check(
        "repeated answers",
        status,
        f"{len(found)} of {len(data.pairs)} chosen answers nearly repeat another one.",
        "" if status == "pass" else "Drop them, or raise the teacher's temperature: catch-phrases wear in.",
        example_ids(data, found),
    )


def _alike(data: Data) -> Check:
    flagged = ("identical", "near-identical")
    return _flagged(
        data, "alike", flagged, FEW, "teach nothing: chosen and rejected are nearly the same", "Drop them."
    )


def _leaks(data: Data) -> Check:
    flagged = {"role leak", "constitution leak", "teacher name leak"}
    found = [
        number
        for number, (pair, flags) in enumerate(zip(data.pairs, data.flags, strict=True))
        if flagged & set(flags) or leaks_template(pair.chosen)
    ]
    return _broken_check(
        data,
        "leaks",
        found,
        FEW,
        "quote the constitution, name the teacher, or show the template or the thinking behind them",
        "Drop those pairs: such words would be learned by heart.",
        "chosen answers",
    )


def _cut(data: Data) -> Check:
    flagged = ("cut off: chosen", "cut off: rejected")
    return _flagged(
        data, "cut off", flagged, SOME, "end before their end", "Raise --max-tokens, or drop those pairs."
    )


def _broken(data: Data) -> Check:
    found = [
        number
        for number, pair in enumerate(data.pairs)
        if repeats_itself(pair.chosen) or invents_turns(pair.chosen)
    ]
    return _broken_check(
        data,
        "repetition",
        found,
        FEW,
        "run in circles or go on with the user's turn",
        "Drop those pairs.",
        "chosen answers",
    )


def _language(data: Data) -> Check:
    found = [
        number
        for number, pair in enumerate(data.pairs)
        if foreign_scripts(pair.chosen, pair.asked) or foreign_scripts(pair.rejected, pair.asked)
    ]
    return _broken_check(
        data, "language", found, FEW, "leave the script of their prompt", "Drop those pairs.", "pairs"
    )


def _held_out(data: Data) -> Check:
    texts = list(dict.fromkeys(pair.asked for pair in data.pairs))
    found = {texts[one] for one, _ in asked_before(texts, data.held_out)}
    places = [number for number, pair in enumerate(data.pairs) if pair.asked in found]
    status: Status = "pass" if not found else "warn"
    are = "is" if len(found) == 1 else "are"
    return Check(
        "held-out prompts",
        status,
        f"{len(found)} of {len(texts)} prompts {are} among those that evaluation asks.",
        ""
        if not found
        else "Take them out of training, or evaluation will praise what was learned by heart.",
        example_ids(data, places),
    )


def _flagged(data: Data, name: str, flags: Iterable[str], most: float, what: str, advice: str) -> Check:
    wanted = set(flags)
    found = [number for number, said in enumerate(data.flags) if wanted & set(said)]
    return _broken_check(data, name, found, most, what, advice, "pairs")


def _broken_check(
    data: Data, name: str, found: Sequence[int], most: float, what: str, advice: str, unit: str
) -> Check:
    status = counted_status(len(found), len(data.pairs), most)
    return Check(
        name,
        status,
        f"{len(found)} of {len(data.pairs)} {unit} {what}.",
        "" if status == "pass" else advice,
        example_ids(data, found),
    )
