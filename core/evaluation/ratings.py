"""What people preferred, blind, and what that says of the judge. Pure.

    deck(duels, "Ann")             the pairs as Ann meets them, sides shuffled, a few of them twice
    standing(votes)                the votes that count: undone and overruled ones are left out
    calibrated(votes, verdicts)    kappa of judge and people on the same pairs, and the gate's word

A vote on disk:
{"pair": "c0ffee…", "prompt": "5f0c…", "question": "character", "rater": "Ann", "showing": 0,
 "speaker": "tuned", "versus": "base", "left": "base", "choice": "right", "at": 1763…}

A pair's id comes of its texts, so that a vote finds the judge's verdict on the same texts wherever these
two were drawn from. Both good and both bad are ties. The prompt is the unit of every interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import isnan
from typing import Any, Literal, NamedTuple

from core.evaluation.stats.agreement import FEWEST, Gate, cohen_kappa, gate
from core.evaluation.stats.intervals import Estimate
from core.records import content_hash

Choice = Literal["left", "right", "both good", "both bad", "skipped", "undone"]
Outcome = Literal["win", "tie", "loss"]
VOTES: tuple[Choice, ...] = ("left", "right", "both good", "both bad")
TIES = ("both good", "both bad")
SKIPPED, UNDONE = "skipped", "undone"

# How many a sitting shows, science says 50 to 100; one in twenty is a pair that was seen before.
USUAL, REPEATS = 60, 0.05
# What a judge does with fewer prompts says little of the next one.
FEWEST_PROMPTS = 10


class Question(NamedTuple):
    """What a rater is asked, and the rubric under which a judge answers the same."""

    text: str
    rubric: str


QUESTIONS: dict[str, Question] = {
    "character": Question("Which is more in character?", "trait strength"),
    "answer": Question("Which is the better answer?", "helpfulness"),
}


@dataclass(frozen=True, slots=True)
class Duel:
    """Two answers to one prompt: `text` is the speaker's, `other` is that of `versus`."""

    prompt: str
    asked: str
    text: str
    other: str
    speaker: str
    versus: str

    @property
    def id(self) -> str:
        """The first 12 digits of the hash of what was asked and the two answers."""
        return duel_id(self.asked, self.text, self.other)


def duel_id(asked: str, text: str, other: str) -> str:
    """The id of a pair of answers, wherever it comes from."""
    return content_hash([asked, text, other])[:12]


@dataclass(frozen=True, slots=True)
class Card:
    """A pair as it is shown: who stands left, and whether it is shown again (`showing` 1)."""

    duel: Duel
    showing: int
    left: str

    @property
    def sides(self) -> tuple[str, str]:
        """The two answers, left and right."""
        ours, theirs = self.duel.text, self.duel.other
        return (ours, theirs) if self.left == self.duel.speaker else (theirs, ours)

    @property
    def place(self) -> tuple[str, int]:
        """What a vote is about."""
        return self.duel.id, self.showing


def deck(duels: Iterable[Duel], rater: str, count: int = USUAL, seed: int = 0) -> list[Card]:
    """At most `count` cards in a fixed order; every twentieth is a pair seen before, its sides changed.

    All raters get the same pairs in the same order, one of each prompt before a second of any; sides are
    drawn anew for each rater, so that a liking for one side falls on both models alike.
    """
    known = {duel.id: duel for duel in duels}
    ranked = _in_turn([known[pair] for pair in sorted(known, key=lambda pair: _draw(seed, pair))])
    repeats = round(REPEATS * min(count, len(ranked)))
    first = [_card(duel, rater, seed) for duel in ranked[: count - repeats]]
    again = [_turned(card) for card in first[:repeats]]
    # The second showings stand in the last third, far from the first ones.
    start, step = 2 * len(first) // 3, max(1, len(first) // (3 * max(1, repeats)))
    for number, card in enumerate(again):
        first.insert(min(len(first), start + number * (step + 1)), card)
    return first


def _in_turn(ranked: Sequence[Duel]) -> list[Duel]:
    """One pair of every prompt, then a second of each, and so on."""
    seen: dict[str, int] = {}
    rounds: list[tuple[int, int, Duel]] = []
    for number, duel in enumerate(ranked):
        seen[duel.prompt] = seen.get(duel.prompt, 0) + 1
        rounds.append((seen[duel.prompt], number, duel))
    return [duel for _, _, duel in sorted(rounds, key=lambda one: one[:2])]


def _draw(*parts: Any) -> str:
    return content_hash(list(parts))


def _card(duel: Duel, rater: str, seed: int) -> Card:
    is_even = int(_draw(seed, rater, duel.id, "side")[:8], 16) % 2 == 0
    return Card(duel, 0, duel.speaker if is_even else duel.versus)


def _turned(card: Card) -> Card:
    duel = card.duel
    return Card(duel, 1, duel.versus if card.left == duel.speaker else duel.speaker)


# ---- votes


@dataclass(frozen=True, slots=True)
class Vote:
    """One press of a key. A later one of the same rater on the same card counts in its place."""

    pair: str
    prompt: str
    question: str
    rater: str
    showing: int
    speaker: str
    versus: str
    left: str
    choice: Choice
    at: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """The row on disk."""
        return asdict(self)

    @property
    def outcome(self) -> Outcome:
        """What it says of the speaker; both good and both bad are a tie."""
        if self.choice in TIES:
            return "tie"
        picked_speaker = (self.choice == "left") == (self.left == self.speaker)
        return "win" if picked_speaker else "loss"

    @property
    def place(self) -> tuple[str, int]:
        """The card that it is about."""
        return self.pair, self.showing


SCORES: dict[Outcome, float] = {"win": 1.0, "tie": 0.5, "loss": 0.0}


def vote_on(card: Card, question: str, rater: str, choice: Choice, at: float = 0.0) -> Vote:
    """The vote that a key on a card makes."""
    duel = card.duel
    return Vote(
        duel.id,
        duel.prompt,
        question,
        rater,
        card.showing,
        duel.speaker,
        duel.versus,
        card.left,
        choice,
        at,
    )


def standing(votes: Iterable[Vote]) -> list[Vote]:
    """The last vote of each rater on each card under each question; what was undone is as if unsaid."""
    last: dict[tuple[str, str, tuple[str, int]], Vote] = {}
    for vote in votes:
        key = (vote.rater, vote.question, vote.place)
        last.pop(key, None)
        last[key] = vote
    return [vote for vote in last.values() if vote.choice != UNDONE]


def counted(votes: Iterable[Vote]) -> list[Vote]:
    """The votes that measure something: no skips, and of a pair seen twice the first showing."""
    return [vote for vote in votes if vote.choice != SKIPPED and vote.showing == 0]


def waiting(cards: Sequence[Card], votes: Iterable[Vote], rater: str, question: str) -> list[Card]:
    """The cards that a rater has neither voted on nor skipped under a question, in their order."""
    done = {vote.place for vote in votes if (vote.rater, vote.question) == (rater, question)}
    return [card for card in cards if (card.duel.id, card.showing) not in done]


# ---- the judge beside them


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judge's word on a pair: in both orders, and together. `question` is the rater's of its rubric."""

    pair: str
    prompt: str
    question: str
    outcome: Outcome
    orders: tuple[str, str] | None = None
    speaker: str = ""
    versus: str = ""


class Read(NamedTuple):
    """One vote on a pair that the judge has read as well."""

    prompt: str
    human: Outcome
    judge: Outcome
    pair: str = ""


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far a judge agrees with people. `kappa.n` counts prompts, `pairs` what both have read.

    The gate asks for thirty pairs of ten prompts, and for an interval, which is by prompt, that tells its
    bands apart.
    """

    kappa: Estimate
    gate: Gate
    pairs: int

    def as_dict(self, judge: str = "The judge") -> dict[str, Any]:
        """As JSON, with "n" the pairs, "prompts", and the gate's "sentence"; an unknown kappa is None."""
        unknown = isnan(self.kappa.value)
        return {
            "kappa": None if unknown else self.kappa.value,
            "low": None if unknown else self.kappa.low,
            "high": None if unknown else self.kappa.high,
            "n": self.pairs,
            "prompts": self.kappa.n,
            "gate": self.gate,
            "sentence": gate_sentence(self, judge),
        }


def both_read(votes: Iterable[Vote], verdicts: Iterable[Verdict]) -> list[Read]:
    """Each counted vote beside the judge's verdict on the same texts under the same question."""
    known: Mapping[tuple[str, str], Verdict] = {(one.pair, one.question): one for one in verdicts}
    found = [(vote, known.get((vote.pair, vote.question))) for vote in counted(votes)]
    return [
        Read(vote.prompt, vote.outcome, one.outcome, vote.pair) for vote, one in found if one is not None
    ]


def calibrated(votes: Iterable[Vote], verdicts: Iterable[Verdict]) -> Calibration:
    """Cohen's kappa of people and judge over win, tie and loss, unweighted, with an interval by prompt."""
    read = both_read(votes, verdicts)
    kappa = kappa_of([one.human for one in read], [one.judge for one in read], [one.prompt for one in read])
    # Several people on one pair, or one under both questions, are more votes and no more pairs.
    pairs = len({one.pair for one in read})
    word = gate(replace(kappa, n=pairs)) if kappa.n >= FEWEST_PROMPTS else "too few"
    return Calibration(kappa, word, pairs)


def kappa_of(one: Sequence[Outcome], other: Sequence[Outcome], prompts: Sequence[str]) -> Estimate:
    """Cohen's kappa of two readers of the same pairs, by prompt; nan of no pairs."""
    return cohen_kappa(one, other, prompts, labels=tuple(SCORES))


def gate_sentence(found: Calibration, judge: str) -> str:
    """What the gate's word means, in one sentence."""
    kappa, n = found.kappa, found.kappa.n
    if found.pairs == 0:
        return f"Nobody has rated a pair that {judge} judged yet, so nothing is known of it: rate {FEWEST}."
    if found.gate == "too few":
        return _too_few(found, judge)
    known = (
        f"{judge} agrees with people {_WORDS[found.gate]} (kappa {kappa.value:.2f}, {kappa.low:.2f} to "
        f"{kappa.high:.2f}, {found.pairs} pairs of {n} prompts)"
    )
    return f"{known}{_MEANING[found.gate]}"


def _too_few(found: Calibration, judge: str) -> str:
    if found.pairs < FEWEST:
        return (
            f"Too few to tell whether {judge} can be trusted: people rated {found.pairs} of the pairs that "
            f"it judged, and {FEWEST} are needed."
        )
    if found.kappa.n < FEWEST_PROMPTS:
        return (
            f"Too few to tell whether {judge} can be trusted: the {found.pairs} pairs that people rated "
            f"and it judged answer {found.kappa.n} prompts, and {FEWEST_PROMPTS} are needed."
        )
    if isnan(found.kappa.value):
        return f"People and {judge} gave one and the same word to every pair, which shows no agreement."
    return (
        f"Too few to tell whether {judge} can be trusted: after {found.pairs} pairs of {found.kappa.n} "
        f"prompts its kappa may still lie anywhere from {found.kappa.low:.2f} to {found.kappa.high:.2f}. "
        "Rate more."
    )


_WORDS = {"pass": "well", "caution": "only in part", "block": "hardly more than by chance"}
_MEANING = {
    "pass": ": its figures may headline.",
    "caution": ": read its figures with care.",
    "block": ": its figures may not headline.",
}
