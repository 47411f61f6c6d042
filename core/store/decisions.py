"""What people decided about pairs: append-only, the last word about a pair counts.

    batch = decide(folder, Decision("c0ffee…", "drop", "not funny", "Ann"))
    batch = decide_many(folder, [Decision(pair, "keep") for pair in pairs])     all of them, or none
    undo(folder, batch)                       each pair as it was, unless somebody decided since

An act is one line with its checksum (`core.decision_log`), so a kill in the middle leaves none of it.
Undo is one more act, so that nothing is ever lost.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from core.decision_log import Act, DecisionLog, Undone, act_of, line_of, stamped
from core.errors import RunError
from core.pair_edits import Decision, Verdict, problem_of
from core.store import disk
from core.store.disk import disk_trouble
from core.store.jsonl import append_rows, iter_rows, repair, unseal

__all__ = [
    "Changes",
    "Decision",
    "Undone",
    "Verdict",
    "changes",
    "decide",
    "decide_as_seen",
    "decide_many",
    "decided_since",
    "decisions",
    "decisions_path",
    "new_batch",
    "read_log",
    "undo",
    "undo_last",
]

LOCK_S = 10.0


def decisions_path(folder: Path) -> Path:
    """The file of a run's decisions."""
    return folder / "decisions.jsonl"


def new_batch() -> str:
    """A name for an act. A button that is given one when it is drawn acts once, however often pressed."""
    return uuid.uuid4().hex[:16]


def decide(folder: Path, decision: Decision, *, batch: str = "") -> str:
    """Append a decision to the run's folder, durable on return; returns the act's name, for `undo`.

    Raises RunError for a decision that is none, or when another window keeps the file for long.
    """
    return decide_many(folder, [decision], batch=batch)


def decide_many(folder: Path, decisions: Iterable[Decision], *, batch: str = "") -> str:
    """Append decisions as one act: all of them or, after a kill, none. Returns the act's name, for `undo`.

    A `batch` that the file knows already changes nothing: pressing twice is pressing once. No decisions
    write nothing. Raises RunError as `decide` does, with every problem named, and nothing is written.
    """
    listed, batch = _fit(folder, decisions), batch or new_batch()
    if listed:
        with _writing(folder):
            if not _knows(folder, batch):
                _append(folder, _act(batch, listed))
    return batch


def _fit(folder: Path, decisions: Iterable[Decision]) -> tuple[Decision, ...]:
    """The decisions, each with a time. Raises RunError with everything that is wrong with them."""
    now = time.time()
    listed = stamped(decisions, now, _dated_after(folder, now))
    problems = [
        f"{one.pair}: {why}" if len(listed) > 1 else why for one in listed if (why := problem_of(one))
    ]
    if problems:
        raise RunError("Nothing was decided. " + " ".join(problems[:20]))
    return listed


def _dated_after(folder: Path, now: float) -> dict[str, float]:
    """By pair, what the runs beside this one say at a time after `now`: their clock ran ahead.

    Of the words of several runs the latest counts, so a word of today must not stand before those.
    """
    found: dict[str, float] = {}
    for path in folder.parent.glob("*/decisions.jsonl"):
        if path.parent != folder and path.stat().st_mtime > now:
            for pair, word in read_log(path.parent).last_words().items():
                found[pair] = max(word.at, found.get(pair, 0.0))
    return found


def _act(batch: str, listed: tuple[Decision, ...]) -> Act:
    return Act(batch, listed, "", listed[0].reviewer, listed[0].at)


def decide_as_seen(
    folder: Path, decisions: Iterable[Decision], heard: int, *, batch: str = ""
) -> tuple[str, int]:
    """`decide_many` for pairs as somebody saw them when the file had `heard` bytes: those that anybody has
    decided about since stay as they are. Returns the act's name, and how many of the pairs stayed.

    Raises RunError as `decide_many` does.
    """
    listed, batch = _fit(folder, decisions), batch or new_batch()
    with _writing(folder):
        if not listed or _knows(folder, batch):
            return batch, 0
        newer = changes(folder, heard).words
        left = tuple(one for one in listed if one.pair not in newer)
        if left:
            _append(folder, _act(batch, left))
    return batch, len(listed) - len(left)


def undo(folder: Path, batch: str, reviewer: str = "") -> Undone:
    """Take an act back: each of its pairs has its former decision again, with its own time and reviewer.

    Pairs that somebody decided about since keep that; the result counts both. An act that was taken back
    before, or is not known, gives zeros. Raises RunError when another window keeps the file for long.
    """
    with _writing(folder):
        return _undo(folder, read_log(folder), batch, reviewer)


def undo_last(folder: Path, reviewer: str | None = None) -> tuple[Act | None, Undone]:
    """Take back the latest act of a reviewer (None: of anybody); (None, zeros) when there is none left."""
    with _writing(folder):
        log = read_log(folder)
        last = log.last_act(reviewer)
        return last, _undo(folder, log, last.id, reviewer or "") if last else Undone()


def _undo(folder: Path, log: DecisionLog, batch: str, reviewer: str) -> Undone:
    found = log.undoing(batch)
    if found is None:
        return Undone()
    back, told = found
    _append(folder, Act(new_batch(), back, batch, reviewer, time.time()))
    return told


@contextmanager
def _writing(folder: Path) -> Generator[None]:
    """Hold the file for one writer, with its torn end mended."""
    lock = FileLock(folder / ".decisions.lock", timeout=LOCK_S, mode=0o600, is_singleton=False)
    try:
        disk.make_folder(folder)
        lock.acquire()
    except Timeout:
        raise RunError("Another window is deciding about these pairs; try again.") from None
    except OSError as error:
        raise disk_trouble("lock", folder / ".decisions.lock", error) from error
    try:
        _mend_end(decisions_path(folder))
        yield
    finally:
        lock.release()


def _mend_end(path: Path) -> None:
    """Set a torn last line aside. A line that has its newline is whole: no other newline is in it."""
    try:
        with disk.reader(path) as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - 1))
            whole = file.read(1) in (b"", b"\n")
    except FileNotFoundError:
        return
    except OSError as error:
        raise disk_trouble("read", path, error) from error
    if not whole:
        repair(path)


def _append(folder: Path, act: Act) -> None:
    append_rows(decisions_path(folder), [line_of(act)])


def _knows(folder: Path, batch: str) -> bool:
    """Whether an act of this name is in the file; looked for as bytes, which takes no parsing."""
    try:
        with disk.reader(decisions_path(folder)) as file:
            return f'"batch": "{batch}"'.encode() in file.read()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise disk_trouble("read", decisions_path(folder), error) from error


# ---- reading


def read_log(folder: Path) -> DecisionLog:
    """Everything that was decided in a run's folder; damaged lines are skipped. Raises RunError."""
    log = DecisionLog()
    for row in iter_rows(decisions_path(folder)):
        act = act_of(row)
        if act is not None:
            log.add(act)
    return log


def decisions(folder: Path) -> dict[str, Decision]:
    """The standing decision for each pair id; undone ones are left out."""
    return read_log(folder).standing()


def decided_since(folder: Path, when: float, known: int | None = None) -> int:
    """How many pairs were decided about, or undone, after the first `known` acts.

    Where nobody counted the acts, after `when` (seconds since 1970), as far as clocks can be trusted.
    """
    acts = list(read_log(folder).acts.values())
    counted = known is not None and known <= len(acts)
    later = acts[known:] if counted else [act for act in acts if act.when > when]
    return len({one.pair for act in later for one in act.decisions})


@dataclass(frozen=True, slots=True)
class Changes:
    """The last words that lines after an offset give, in order, and the offset to go on from."""

    words: dict[str, Decision]
    end: int


def changes(folder: Path, start: int = 0) -> Changes:
    """What was decided after byte `start`; "undecided" takes a pair's word away. Raises RunError.

    A line that is still being written is left for the next time. Where the file is shorter than `start`
    it was mended: begin again at 0. Undo lines say what each pair goes back to, so no history is needed.
    """
    words: dict[str, Decision] = {}
    try:
        with disk.reader(decisions_path(folder)) as file:
            file.seek(start)
            for line in file:
                row = unseal(line)
                # A whole line that only wants its newline counts, as it does for `read_log`.
                if row is None and not line.endswith(b"\n"):
                    break
                start += len(line)
                act = act_of(row) if row is not None else None
                words |= {one.pair: one for one in act.decisions} if act else {}
    except FileNotFoundError:
        return Changes({}, 0)
    except OSError as error:
        raise disk_trouble("read", decisions_path(folder), error) from error
    return Changes(words, start)
