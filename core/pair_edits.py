"""A person's word about a pair, and what the pair is after it. Pure.

    row = as judged           {"id", "text", "chosen", "rejected", "dropped", "flags", "ratio", …}
    apply_decision(row, Decision("c0ffee…", "swap", reviewer="Ann"), rules)
                              chosen ↔ rejected, judged again, and who swapped it when

A pair keeps its id whatever is decided, so the next word finds it. A swapped or edited pair goes through
the checks again; what must not be taught (nothing, the same twice, a leak) drops it, and says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from core.pairs import Answer, Candidate, PairRules, estimated_tokens, flags_of, length_ratio

Row = dict[str, Any]
Verdict = Literal["keep", "drop", "swap", "edit", "undecided"]
Side = Literal["teacher", "student"]

VERDICTS: tuple[Verdict, ...] = ("keep", "drop", "swap", "edit", "undecided")
MISSING = "missing"
PROMPT_REMOVED = "prompt removed"
REPEATED = "repeated pair"
DROPPED_BY_HAND = "dropped by reviewer"
EMPTY = "empty answer"
# What drops a pair that a person made anew; the other checks only flag it. A refusal or an answer that
# differs in few words may be just what the person wants to teach.
_HARD = (EMPTY, "identical")
_OBJECTIONS = (*_HARD, "role leak", "constitution leak", "teacher name leak")


@dataclass(frozen=True, slots=True)
class Decision:
    """One person's word about one pair; `reason` is theirs, in their words; `at` in seconds since 1970.

    An "edit" makes `text` the chosen answer and the answer of `rejects` the rejected one. `overrules`
    says that the person kept a swapped or edited pair although a check objected.
    """

    pair: str
    verdict: Verdict
    reason: str = ""
    reviewer: str = ""
    at: float = 0.0
    text: str = ""
    rejects: Side = "teacher"
    overrules: bool = False


def problem_of(decision: Decision) -> str:
    """What keeps a decision from being one, in a sentence; "" when nothing does."""
    if not decision.pair:
        return "A decision names no pair."
    if decision.verdict not in VERDICTS:
        return f"{decision.verdict!r} is no decision; choose from {', '.join(VERDICTS)}."
    if decision.verdict == "edit" and not decision.text.strip():
        return "The new answer is empty; write one, or drop the pair instead."
    if decision.rejects not in ("teacher", "student"):
        return f"{decision.rejects!r} is nobody's answer; reject the teacher's or the student's."
    return ""


def keeping(row: Mapping[str, Any], reviewer: str = "") -> Decision:
    """The word "keep" about a pair as shown: an edit or a swap stays one, and overrules its checks."""
    if row.get("decision") not in ("edit", "swap"):
        return Decision(row["id"], "keep", reviewer=reviewer)
    edited = row["decision"] == "edit"
    return Decision(
        row["id"],
        "edit" if edited else "swap",
        reviewer=reviewer,
        text=row["chosen"] if edited else "",
        rejects=row["origin"]["rejected"] if edited else "teacher",
        overrules=True,
    )


def can_be(verdict: Verdict, row: Mapping[str, Any]) -> bool:
    """Whether a verdict means anything for a pair: without both answers it can only be dropped."""
    return verdict in ("drop", "undecided") or not str(row["dropped"] or "").startswith(MISSING)


def apply_decision(row: Row, decision: Decision | None, rules: PairRules) -> Row:
    """The row after a person's word; `row` is as judged, before any. `rules` judge what was changed.

    Adds `decision`, `reason`, `reviewer`, `decided_at` and `origin` (whose answers these are), and for a
    pair that was changed `before` (its answers as they were). "keep" overrules a check, never a missing
    answer; "swap" and "edit" of a pair that misses one change nothing.
    """
    changed = decision is not None and decision.verdict in ("swap", "edit") and can_be("swap", row)
    row = _changed(row, decision, rules) if decision is not None and changed else dict(row)
    row.setdefault("origin", {"chosen": "teacher", "rejected": "student"})
    row["decision"] = decision.verdict if decision else None
    row["reason"] = decision.reason if decision else ""
    row["reviewer"] = decision.reviewer if decision else ""
    row["decided_at"] = decision.at if decision else None
    if decision is not None and decision.verdict == "drop":
        row["dropped"] = DROPPED_BY_HAND
    elif decision is not None and decision.verdict == "keep" and can_be("keep", row):
        row["dropped"] = None
    return row


def _changed(row: Row, decision: Decision, rules: PairRules) -> Row:
    """The row with other answers, judged anew."""
    before = candidate_of(row)
    pair, origin = _edited(before, decision) if decision.verdict == "edit" else _swapped(before)
    objection = _objection(pair, rules) or _still_dropped(row, decision)
    overruled = decision.overrules and objection not in _HARD
    return row | {
        "chosen": pair.chosen.text,
        "rejected": pair.rejected.text,
        "dropped": None if overruled else objection,
        "flags": ([EMPTY] if objection == EMPTY else []) + flags_of(pair, rules),
        "ratio": round(length_ratio(pair.chosen.text, pair.rejected.text), 2),
        "ends": [pair.chosen.finish_reason, pair.rejected.finish_reason],
        "tokens": [pair.chosen.tokens, pair.rejected.tokens],
        "origin": origin,
        "before": {"chosen": row["chosen"], "rejected": row["rejected"]},
    }


def _still_dropped(row: Row, decision: Decision) -> str | None:
    """A reason that no new answer mends: the prompt is gone, or the same two answers stand elsewhere."""
    lasting = (PROMPT_REMOVED, REPEATED) if decision.verdict == "swap" else (PROMPT_REMOVED,)
    return row["dropped"] if row["dropped"] in lasting else None


def _swapped(pair: Candidate) -> tuple[Candidate, Row]:
    swapped = replace(pair, chosen=pair.rejected, rejected=pair.chosen)
    return swapped, {"chosen": "student", "rejected": "teacher"}


def _edited(pair: Candidate, decision: Decision) -> tuple[Candidate, Row]:
    # A person ends an answer where it ends: no engine cut it off.
    new = Answer(decision.text, "stop", estimated_tokens(pair.prompt, decision.text))
    old = pair.chosen if decision.rejects == "teacher" else pair.rejected
    return replace(pair, chosen=new, rejected=old), {"chosen": "person", "rejected": decision.rejects}


def _objection(pair: Candidate, rules: PairRules) -> str | None:
    if not pair.chosen.text.strip() or not pair.rejected.text.strip():
        return EMPTY
    return next((flag for flag in flags_of(pair, rules) if flag in _OBJECTIONS), None)


def candidate_of(row: Mapping[str, Any]) -> Candidate:
    """The pair of a row with how its answers ended and how long they are."""
    ends, tokens = row.get("ends") or (None, None), row.get("tokens") or (0, 0)
    return Candidate(
        row["text"],
        Answer(row["chosen"] or "", ends[0], tokens[0]),
        Answer(row["rejected"] or "", ends[1], tokens[1]),
    )
