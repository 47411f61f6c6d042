"""What `character review` prints: pairs as a list, and how far the review is."""

from __future__ import annotations

import json
import unicodedata
from typing import TYPE_CHECKING, Any

import click

from core.cli.output import say
from core.decision_log import Progress
from core.pair_edits import Decision
from core.pair_filter import PairFilter
from core.store.jsonl import Row

if TYPE_CHECKING:
    from core.stages.reviewing import Review

DONE = {"keep": "kept", "drop": "dropped", "swap": "swapped", "edit": "edited", "undecided": "undecided"}
SHOWN = 10


def say_json(review: Review, **told: Any) -> None:
    """The one JSON object that `--json` promises."""
    line = {"verb": "review", "run": review.run.id, "status": "done", **told}
    # Answers may hold half a character, which only an escape can carry to any terminal.
    click.echo(json.dumps(line, ensure_ascii=True))


def tell_list(review: Review, wanted: PairFilter, limit: int | None, *, full: bool, as_json: bool) -> None:
    """The pairs that the filters show."""
    numbers = review.find(wanted)
    listed = numbers[:limit]
    if as_json:
        say_json(review, found=len(numbers), pairs=list(review.rows(listed)))
        return
    if full:
        for row in review.rows(listed):
            say(f"{_line(row['id'], standing(row), row['text'])}\n{both_answers(row)}\n")
    else:
        for pair in review.previews(listed):
            told = standing({"dropped": pair.dropped, "decision": pair.decision, "reviewer": pair.reviewer})
            say(_line(pair.id, told, pair.text))
    if not wanted.is_empty or limit:
        say(f"{len(listed):,} of {len(numbers):,} that fit.")


def _line(pair: str, standing: str, text: str) -> str:
    return f"{pair}  {harmless(standing):<26}  {harmless(' '.join(text.split())[:80])}"


def both_answers(row: Row) -> str:
    """The two answers of a pair, indented under their labels."""
    sides = (("chosen", row["chosen"]), ("rejected", row["rejected"]))
    return "\n".join(f"    {label:<8}  {harmless(text)}" for label, text in sides)


def standing(row: Row) -> str:
    """How a pair stands in a few words: "kept", "edited by Ann", "role leak"."""
    decision = row.get("decision")
    by = f" by {row['reviewer']}" if decision and row.get("reviewer") else ""
    if row["dropped"] and decision in ("swap", "edit"):
        return f"{row['dropped']}, {DONE[decision]}{by}"
    if row["dropped"]:
        return f"{row['dropped']}{by}" if decision == "drop" else str(row["dropped"])
    return f"{DONE[decision]}{by}" if decision else "kept"


def harmless(text: str | None) -> str:
    """Model text for a terminal: without the control characters that could move or colour it."""
    return "".join(
        letter for letter in text or "–" if letter in "\n\t" or unicodedata.category(letter)[0] != "C"
    )


def tell_progress(review: Review, *, as_json: bool) -> None:
    """How many pairs are decided, by whom, and where reviewers disagree."""
    log = review.log()
    ids = [pair.id for pair in review.previews(review.find(PairFilter()))]
    progress = log.progress(ids)
    known = set(ids)
    disputed = {pair: words for pair, words in log.disagreements().items() if pair in known}
    if as_json:
        say_json(review, **_as_dict(progress), disagreements=_disputes(disputed))
        return
    say(f"{progress.decided:,} of {progress.pairs:,} decided.")
    for verdict, count in progress.verdicts().items():
        say(f"  {DONE[verdict]:<10}{count:>7,}")
    for who, count in progress.reviewers().items():
        say(f"  by {harmless(who) if who else 'nobody in particular'}: {count:,}")
    _say_disputes(disputed)


def _as_dict(progress: Progress) -> Row:
    return {
        "pairs_in_all": progress.pairs,
        "decided": progress.decided,
        "verdicts": progress.verdicts(),
        "reviewers": progress.reviewers(),
        "disputed": progress.disputed,
    }


def _disputes(disputed: dict[str, dict[str, Decision]]) -> Row:
    return {pair: {who: word.verdict for who, word in words.items()} for pair, words in disputed.items()}


def _say_disputes(disputed: dict[str, dict[str, Decision]]) -> None:
    if not disputed:
        return
    say(f"{len(disputed):,} pairs about which reviewers disagree; the last word counts:")
    for pair, words in list(disputed.items())[:SHOWN]:
        told = ", ".join(f"{harmless(who or 'somebody')}: {word.verdict}" for who, word in words.items())
        say(f"  {pair}  {told}")
    if len(disputed) > SHOWN:
        say(f"  … and {len(disputed) - SHOWN:,} more; --json lists them all")
