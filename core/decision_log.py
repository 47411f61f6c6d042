"""What a file of decisions says: who decided what, what stands, what an undo gives back. Pure.

One line is one act, and a line is whole or not there, so a bulk act is all or nothing:

    {"pair": "c0ff…", "verdict": "drop", "reason": "dull", "reviewer": "Ann", "at": 1763…, "batch": "1a…"}
    {"batch": "2b…", "reviewer": "Ann", "at": …, "verdict": "keep", "decisions": [{"pair": "c0ff…"}, …]}
    {"batch": "3c…", "undoes": "2b…", "by": "Ann", "when": …, "decisions": [what each pair goes back to]}

The last word about a pair counts. An undone act never comes back: a pair goes back to the last word about
it that nobody took back. Lines before acts had names are acts of their own, named after what they say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from core.pair_edits import VERDICTS, Decision, Verdict
from core.records import content_hash

Row = dict[str, Any]
_FIELDS = tuple(one.name for one in fields(Decision))
_PLAIN = asdict(Decision("", "undecided"))
_KINDS = {name: (int, float) if isinstance(value, float) else type(value) for name, value in _PLAIN.items()}
NOBODY = ""
TICK = 0.001


@dataclass(frozen=True, slots=True)
class Act:
    """One line understood: decisions made at once. `undoes` names the act that it takes back."""

    id: str
    decisions: tuple[Decision, ...]
    undoes: str = ""
    by: str = NOBODY
    when: float = 0.0


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo did: pairs that went back, and pairs that stay because somebody decided since."""

    restored: int = 0
    stayed: int = 0


def act_of(row: Mapping[str, Any]) -> Act | None:
    """The act of a line; None for a line that a later version wrote and we cannot read."""
    listed = row.get("decisions")
    try:
        if listed is None:
            one = decision_of(row)
            return Act(
                str(row.get("batch") or content_hash(asdict(one))[:12]), (one,), "", one.reviewer, one.at
            )
        told = _known(row)
        some = tuple(Decision(**told | _known(one)) for one in listed)
        by, when = row.get("by", row.get("reviewer", NOBODY)), row.get("when", row.get("at", 0.0))
        return Act(str(row["batch"]), some, str(row.get("undoes") or ""), str(by), float(when))
    except (KeyError, TypeError, ValueError):
        return None


def decision_of(row: Mapping[str, Any]) -> Decision:
    """A decision from a row that may hold more or less than ours.

    Raises TypeError without a pair and for a field that is of another kind than ours, and ValueError for a
    verdict that we do not know.
    """
    return Decision(**_known(row))


def _known(row: Mapping[str, Any]) -> Row:
    """The fields of a row that are ours. Raises as `decision_of`."""
    known = {name: row[name] for name in _FIELDS if name in row}
    for name, value in known.items():
        if not isinstance(value, _KINDS[name]) or value != value:
            raise TypeError(f"{name} is of another kind")
    if known.get("verdict", "keep") not in VERDICTS:
        raise ValueError("a verdict of a later version")
    return known


def line_of(act: Act) -> Row:
    """An act as a line: one decision flat, many with what they share said once."""
    if len(act.decisions) == 1 and not act.undoes:
        return brief(act.decisions[0]) | {"batch": act.id}
    rows = [brief(one) for one in act.decisions]
    shared = _shared(rows)
    line: Row = {"batch": act.id} | ({"undoes": act.undoes} if act.undoes else {})
    line |= {"by": act.by, "when": act.when} | shared
    return line | {"decisions": [{k: v for k, v in row.items() if k not in shared} for row in rows]}


def brief(decision: Decision) -> Row:
    """The fields that say something; the first five always, as files have had them from the start."""
    # Not `asdict`, which copies everything deeply: there may be 100,000 of them.
    row = {name: getattr(decision, name) for name in _FIELDS}
    always = ("pair", "verdict", "reason", "reviewer", "at")
    return {name: value for name, value in row.items() if name in always or value != _PLAIN[name]}


def _shared(rows: Sequence[Row]) -> Row:
    if len(rows) < 2:
        return {}
    first = rows[0]
    names = [name for name in first if name != "pair"]
    return {name: first[name] for name in names if all(row.get(name) == first[name] for row in rows)}


@dataclass(slots=True)
class DecisionLog:
    """Every act so far, in order. Feed `add`; then ask what stands and who said it."""

    acts: dict[str, Act] = field(default_factory=dict[str, Act])
    _words: dict[str, list[tuple[str, Decision]]] = field(
        default_factory=dict[str, list[tuple[str, Decision]]]
    )
    _undone: set[str] = field(default_factory=set[str])

    def add(self, act: Act) -> None:
        """One more act, the latest."""
        self.acts[act.id] = act
        if act.undoes:
            self._take_back(act.undoes)
            return
        for decision in act.decisions:
            self._words.setdefault(decision.pair, []).append((act.id, decision))

    def _take_back(self, name: str) -> None:
        self._undone.add(name)
        act = self.acts.get(name)
        for pair in {one.pair for one in act.decisions} if act else ():
            self._words[pair] = [word for word in self._words.get(pair, ()) if word[0] != name]

    def last_words(self) -> dict[str, Decision]:
        """The last word about each pair, "undecided" among them."""
        return {pair: words[-1][1] for pair, words in self._words.items() if words}

    def standing(self) -> dict[str, Decision]:
        """The decision that counts for each pair; pairs without one are left out."""
        return {pair: word for pair, word in self.last_words().items() if word.verdict != "undecided"}

    def by_reviewer(self) -> dict[str, dict[str, Decision]]:
        """For each pair, every reviewer's own last word: who has taken it back is left out."""
        found: dict[str, dict[str, Decision]] = {}
        for pair, words in self._words.items():
            own = {word.reviewer: word for _, word in words}
            said = {who: word for who, word in own.items() if word.verdict != "undecided"}
            if said:
                found[pair] = said
        return found

    def disagreements(self) -> dict[str, dict[str, Decision]]:
        """The pairs about which reviewers say different things, with each one's word."""
        return {
            pair: words
            for pair, words in self.by_reviewer().items()
            if len({(word.verdict, word.text) for word in words.values()}) > 1
        }

    def progress(self, pairs: Iterable[str]) -> Progress:
        """How far a review of these pairs is, and whose decisions count in it."""
        wanted = set(pairs)
        standing = [word for pair, word in self.standing().items() if pair in wanted]
        disputed = sum(pair in wanted for pair in self.disagreements())
        return Progress(len(wanted), tuple(standing), disputed)

    def last_act(self, reviewer: str | None = None) -> Act | None:
        """The latest act that nobody took back, of one reviewer or of anybody; undos are no such acts."""
        for act in reversed(self.acts.values()):
            mine = reviewer is None or act.by == reviewer
            if mine and not act.undoes and act.id not in self._undone:
                return act
        return None

    def undoing(self, name: str) -> tuple[tuple[Decision, ...], Undone] | None:
        """What each pair of an act goes back to, and the count; None for an act that is not to be undone.

        A pair that somebody decided about since keeps that word. One that was never decided goes back to
        a word of the time 0, so that a decision in a run of an earlier version counts again.
        """
        act = self.acts.get(name)
        if act is None or act.undoes or name in self._undone:
            return None
        pairs = dict.fromkeys(one.pair for one in act.decisions)
        latest = [pair for pair in pairs if self._words[pair] and self._words[pair][-1][0] == name]
        back = tuple(self._before(pair, name) for pair in latest)
        return back, Undone(len(latest), len(pairs) - len(latest))

    def _before(self, pair: str, name: str) -> Decision:
        words = [word for batch, word in self._words[pair] if batch != name]
        return words[-1] if words else Decision(pair, "undecided")


@dataclass(frozen=True, slots=True)
class Progress:
    """A review so far: pairs in all, the decisions that count, pairs that reviewers disagree about."""

    pairs: int
    standing: tuple[Decision, ...]
    disputed: int

    @property
    def decided(self) -> int:
        """How many of the pairs have a decision."""
        return len(self.standing)

    def verdicts(self) -> dict[Verdict, int]:
        """How many of each verdict."""
        return dict(Counter(one.verdict for one in self.standing))

    def reviewers(self) -> dict[str, int]:
        """How many decisions that count are each reviewer's, most first; "" is nobody in particular."""
        return dict(Counter(one.reviewer for one in self.standing).most_common())


def stamped(
    decisions: Iterable[Decision], now: float, dated: Mapping[str, float] | None = None
) -> tuple[Decision, ...]:
    """The decisions, each with a time: `now` where it has none, or just after the word in `dated`.

    `dated` holds, by pair, the times of words said before that a wrong clock has put after `now`.
    """
    times = {pair: at + TICK for pair, at in (dated or {}).items() if at >= now}
    return tuple(one if one.at else replace(one, at=times.get(one.pair, now)) for one in decisions)
