"""What `character review` decides: by id, alike for all that a filter shows, and what it takes back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.cli.output import say
from core.cli.review_telling import DONE, SHOWN, say_json
from core.errors import RunError
from core.pair_edits import Decision, Verdict, can_be, keeping
from core.pair_filter import PairFilter
from core.store.decisions import Undone, decide_many, undo_last
from core.store.jsonl import Row

if TYPE_CHECKING:
    from core.stages.reviewing import Review, Saying

BY_ID: tuple[tuple[str, Verdict], ...] = (
    ("keep", "keep"),
    ("drop", "drop"),
    ("swap", "swap"),
    ("undo", "undecided"),
)


def decide_by_id(review: Review, flags: dict[str, Any], *, as_json: bool) -> None:
    """Decide about the pairs named, all of them or none. Raises RunError with every problem at once."""
    words, problems = _named(review, flags)
    if problems:
        raise RunError("Nothing was decided. " + " ".join(problems))
    if flags["edit"]:
        words.append(_edited(review.row_of(flags["edit"]), flags))
    batch = decide_many(review.folder, words)
    _told(review, words, batch, as_json=as_json)


def _named(review: Review, flags: dict[str, Any]) -> tuple[list[Decision], list[str]]:
    words: list[Decision] = []
    problems: list[str] = []
    if flags["edit"]:
        _check(review, flags["edit"], "edit", problems)
    for option, verdict in BY_ID:
        for pair in flags[option]:
            row = _check(review, pair, verdict, problems)
            if row and verdict == "keep":
                words.append(keeping(row, flags["reviewer"]))
            elif row:
                words.append(Decision(pair, verdict, flags["reason"], flags["reviewer"]))
    named = [word.pair for word in words] + ([flags["edit"]] if flags["edit"] else [])
    twice = sorted({pair for pair in named if named.count(pair) > 1})
    problems += [f"{pair} is named twice; say one thing about it." for pair in twice]
    return words, problems


def _check(review: Review, pair: str, verdict: Verdict, problems: list[str]) -> Row | None:
    try:
        row = review.row_of(pair)
    except RunError as error:
        problems.append(str(error))
        return None
    if not can_be(verdict, row):
        problems.append(f"Pair {pair} misses an answer ({row['dropped']}); it can only be dropped.")
        return None
    return row


def _edited(row: Row, flags: dict[str, Any]) -> Decision:
    text = flags["text"]
    if flags["text_file"]:
        text = _read(flags["text_file"])
    elif text is None:
        text = edited_text(row["chosen"])
        if text is None:
            raise RunError(f"Nothing was changed, so pair {row['id']} stays as it is.")
    rejects = "student" if flags["reject_student"] else rejected_by_an_edit(row)
    return Decision(row["id"], "edit", flags["reason"], flags["reviewer"], text=text, rejects=rejects)


def rejected_by_an_edit(row: Row) -> Any:
    """Whose answer an edit rejects: the one that was chosen; after an edit, the one rejected then."""
    origin = row["origin"]
    return origin["rejected"] if origin["chosen"] == "person" else origin["chosen"]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"Cannot read {path} as UTF-8 text ({error}).") from error


def edited_text(before: str) -> str | None:
    """The text as a person left it in $EDITOR; None where nothing was changed."""
    after = click.edit(before, extension=".txt")
    if after is None:
        return None
    # Editors end a file with a newline that nobody typed.
    after = after if before.endswith("\n") else after.rstrip("\n")
    return None if after == before else after


def decide_alike(
    review: Review,
    wanted: PairFilter,
    saying: Saying,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """One verdict about every pair that the filters show, as one act."""
    view = review.index.view(wanted)
    if dry_run or not len(view):
        if as_json:
            say_json(review, found=len(view), decided=0)
        else:
            say(f"{len(view):,} pairs fit; none was decided.")
        return
    done = review.decide_alike(view, view.places.tolist(), saying)
    _told(review, list(done.words), done.act, stayed=done.stayed, as_json=as_json)


def _told(review: Review, words: list[Decision], batch: str, *, stayed: int = 0, as_json: bool) -> None:
    name = review.run.constitution().name
    if as_json:
        say_json(review, decided=len(words) - stayed, batch=batch)
        return
    decided = len(words) - stayed
    say(f"Decided about {decided:,} pair{'' if decided == 1 else 's'}.")
    if stayed:
        say(f"{stayed:,} stay as they are: they changed meanwhile.")
    say(f"Take it back: character review {name} --undo-last")
    say(f"Write the file anew: character dpo-data --constitution {name}")
    review.refresh()
    changed = [word for word in words if word.verdict in ("swap", "edit")]
    still = [(word, row) for word in changed if (row := review.row_of(word.pair))["dropped"]]
    for word, row in still[:SHOWN]:
        what = f"{DONE[word.verdict]} and still dropped: {row['dropped']}"
        say(f"{word.pair} is {what}. --keep overrules a check, except that the answers differ.")
    if len(still) > SHOWN:
        say(f"… and {len(still) - SHOWN:,} more are still dropped.")


def undo_last_act(review: Review, reviewer: str, *, as_json: bool) -> None:
    """Take back the last act; of `reviewer` where one is named, else of anybody."""
    act, done = undo_last(review.folder, reviewer or None)
    if as_json:
        say_json(review, restored=done.restored, stayed=done.stayed, undone=act.id if act else None)
    elif act is None:
        say("There is nothing to take back.")
    else:
        say(told_undone(done))


def told_undone(done: Undone) -> str:
    """What an undo did, as a sentence."""
    went = f"{done.restored:,} pair{' is' if done.restored == 1 else 's are'} as before."
    if not done.stayed:
        return went
    return f"{went} {done.stayed:,} stay{'s' if done.stayed == 1 else ''}: somebody decided since."
