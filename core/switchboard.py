"""Which sentence causes what: a character with some sentences off, and what that changes. Pure.

    ticks = without(pirate, "voice")                    # everything but one sentence
    conversation(pirate, ticks, turns, assistant_name="SmolLM")    # as the teacher's job would send it
    effects_of(pirate, answers)                         # how much each sentence changed, beside pure chance

A tick set as text, for an address or a file: "all", "none", "but:voice,~1a2b3c", "only:~1a2b3c". Exchanges
have no id of their own, so they go by the hash of what they say: ~ and six digits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from core.constitution import Constitution, Exchange
from core.diff import word_spans
from core.errors import SettingsError
from core.evaluation.results import shown_share
from core.pairs import teacher_messages
from core.records import Message, content_hash

ALL, NONE = "all", "none"
BUT, ONLY = "but:", "only:"
FULL, NO_EXCHANGES = "", "~exchanges"
# Fewer than this and even the yardstick has only one distance.
LEAST_SAMPLES = 2


@dataclass(frozen=True, slots=True)
class Ticks:
    """The trait ids and the exchange ids that are on, in the character's order."""

    traits: tuple[str, ...] = ()
    exchanges: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is on: then the plain model speaks."""
        return not (self.traits or self.exchanges)

    def has(self, id: str) -> bool:
        """Whether a trait or an exchange is on."""
        return id in self.traits or id in self.exchanges


def exchange_id(exchange: Exchange) -> str:
    """An exchange's id: "~" and six digits of the hash of both sides."""
    return f"~{content_hash([exchange.user, exchange.assistant])[:6]}"


def ids_of(constitution: Constitution) -> tuple[str, ...]:
    """Everything that can be switched: the trait ids, then the exchange ids."""
    return (*(trait.id for trait in constitution.traits), *map(exchange_id, constitution.exchanges))


def chosen(constitution: Constitution, ids: Sequence[str]) -> Ticks:
    """The ticks of these ids; those that the character has not are left out."""
    wanted = set(ids)
    return Ticks(
        tuple(trait.id for trait in constitution.traits if trait.id in wanted),
        tuple(id for id in map(exchange_id, constitution.exchanges) if id in wanted),
    )


def everything(constitution: Constitution) -> Ticks:
    """All traits and all exchanges."""
    return chosen(constitution, ids_of(constitution))


def without(constitution: Constitution, *ids: str) -> Ticks:
    """Everything but some; `NO_EXCHANGES` stands for all exchanges."""
    off = {*ids, *(map(exchange_id, constitution.exchanges) if NO_EXCHANGES in ids else ())}
    return chosen(constitution, [id for id in ids_of(constitution) if id not in off])


def toggled(constitution: Constitution, ticks: Ticks, id: str, on: bool) -> Ticks:
    """The ticks with one more, or one fewer."""
    rest = [one for one in (*ticks.traits, *ticks.exchanges) if one != id]
    return chosen(constitution, [*rest, id] if on else rest)


# ---- as text


def as_text(constitution: Constitution, ticks: Ticks) -> str:
    """The ticks as one short word, by what is off where most is on."""
    known = ids_of(constitution)
    on = [id for id in known if ticks.has(id)]
    off = [id for id in known if not ticks.has(id)]
    if not on or not off:
        return NONE if off else ALL
    return f"{BUT}{','.join(off)}" if len(off) < len(on) else f"{ONLY}{','.join(on)}"


def from_text(constitution: Constitution, text: str) -> Ticks:
    """The ticks in a text; ids that the character has not any more are left out.

    Raises SettingsError for a text that is no tick set.
    """
    if text in (ALL, NONE):
        return everything(constitution) if text == ALL else Ticks()
    for beginning in (BUT, ONLY):
        if text.startswith(beginning):
            ids = [id for id in text.removeprefix(beginning).split(",") if id]
            return without(constitution, *ids) if beginning == BUT else chosen(constitution, ids)
    raise SettingsError(
        f"{text[:60]!r} says not what is on; write all, none, but:ID,ID (all but these) or only:ID,ID. "
        f"There are {', '.join(ids_of(constitution))}."
    )


def in_words(constitution: Constitution, ticks: Ticks) -> str:
    """How much is on, as people say it: "9 of 10 sentences, 4 of 4 exchanges"."""
    if ticks.is_empty:
        return "nothing: the plain model"
    parts = [_of(len(ticks.traits), len(constitution.traits), "sentence")]
    if constitution.exchanges:
        parts.append(_of(len(ticks.exchanges), len(constitution.exchanges), "exchange"))
    return ", ".join(parts)


def _of(count: int, total: int, noun: str) -> str:
    if count == 0:
        return f"no {noun}s"
    return f"{'all ' if count == total > 1 else ''}{count}{'' if count == total else f' of {total}'} " + (
        noun if total == 1 else f"{noun}s"
    )


# ---- what is sent


def subset(constitution: Constitution, ticks: Ticks) -> Constitution:
    """The character with nothing but what is on; without a trait it is no valid file, but can be asked."""
    return replace(
        constitution,
        traits=tuple(trait for trait in constitution.traits if trait.id in ticks.traits),
        exchanges=tuple(one for one in constitution.exchanges if exchange_id(one) in ticks.exchanges),
    )


def opening(constitution: Constitution, ticks: Ticks, assistant_name: str) -> tuple[Message, ...]:
    """What stands before the conversation: exactly as the teacher's job sends it for such a character.

    Without any trait there is no system turn: an empty list would still say to have a character.
    """
    sent = teacher_messages(subset(constitution, ticks), "", assistant_name=assistant_name)[:-1]
    return tuple(sent if ticks.traits else sent[1:])


def conversation(
    constitution: Constitution, ticks: Ticks, turns: Sequence[Message], *, assistant_name: str
) -> list[Message]:
    """The whole request: the opening, then the turns, of which the user's is the last."""
    return [*opening(constitution, ticks, assistant_name), *turns]


# ---- what does each sentence do?


@dataclass(frozen=True, slots=True)
class Variation:
    """The character with one thing off; `id` "" is the whole of it. `sentence` says what is off."""

    id: str
    sentence: str
    ticks: Ticks


def design(constitution: Constitution) -> tuple[Variation, ...]:
    """The whole character, then it without each of its traits, then without its exchanges.

    One of a kind that is alone is left out with the same care: a single trait gives the plain model.
    """
    parts = [
        Variation(trait.id, trait.trait, without(constitution, trait.id)) for trait in constitution.traits
    ]
    if constitution.exchanges:
        count = len(constitution.exchanges)
        sentence = "The exchange" if count == 1 else f"The {count} exchanges"
        parts.append(Variation(NO_EXCHANGES, sentence, without(constitution, NO_EXCHANGES)))
    return (Variation(FULL, "", everything(constitution)), *parts)


@dataclass(frozen=True, slots=True)
class Spread:
    """A mean with the least and the most that it is of. `count` is how many."""

    mean: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Effect:
    """What switching one thing off did, over all seeds.

    `changed` is the share of words that differ from the whole character's answer at the same seed; `length`
    the words an answer has for each of the whole character's; `voice` the share of answers with a word of
    the voice, None where there is no list. `answers` are in the order of the seeds.
    """

    id: str
    sentence: str
    changed: Spread
    length: float
    voice: float | None
    answers: tuple[str, ...]
    beyond_chance: bool


@dataclass(frozen=True, slots=True)
class Effects:
    """What each sentence did to one question's answers, the largest change first.

    `chance` is the yardstick: how much the whole character's answers differ from seed to seed.
    """

    chance: Spread
    voice: float | None
    words: float
    answers: tuple[str, ...]
    effects: tuple[Effect, ...]

    @property
    def beyond(self) -> int:
        """How many changed more than chance alone ever did."""
        return sum(effect.beyond_chance for effect in self.effects)


def changed_share(one: str, other: str) -> float:
    """The share of words, of both texts together, that the other one has no match for; 0 to 1."""
    marked = [
        (len(span.text.split()), span.differs)
        for text, against in ((one, other), (other, one))
        for span in word_spans(text, against)
    ]
    total = sum(count for count, _ in marked)
    return sum(count for count, differs in marked if differs) / total if total else 0.0


def effects_of(
    constitution: Constitution,
    answers: Mapping[str, Sequence[str]],
    has_voice: Callable[[str], bool] | None = None,
) -> Effects:
    """What came of a design: `answers` by variation id, each in the order of the seeds.

    Raises SettingsError with fewer than two answers of the whole character: nothing to measure chance with.
    """
    whole = tuple(answers.get(FULL, ()))
    if len(whole) < LEAST_SAMPLES:
        raise SettingsError(
            f"The whole character has to answer at least {LEAST_SAMPLES} times, at different seeds: what "
            "two answers differ by without any change is what every change is held against."
        )
    chance = _spread([changed_share(one, other) for one, other in combinations(whole, 2)])
    words = _mean([len(text.split()) for text in whole])
    found = [
        _effect(part, whole, tuple(answers[part.id]), words, chance, has_voice)
        for part in design(constitution)[1:]
        if answers.get(part.id)
    ]
    order = sorted(found, key=lambda effect: -effect.changed.mean)
    return Effects(chance, _voiced(whole, has_voice), words, whole, tuple(order))


def _effect(
    part: Variation,
    whole: Sequence[str],
    texts: tuple[str, ...],
    words: float,
    chance: Spread,
    has_voice: Callable[[str], bool] | None,
) -> Effect:
    changed = _spread([changed_share(one, other) for one, other in zip(whole, texts, strict=False)])
    length = _mean([len(text.split()) for text in texts]) / max(1.0, words)
    beyond = changed.mean > chance.high
    return Effect(part.id, part.sentence, changed, length, _voiced(texts, has_voice), texts, beyond)


def _voiced(texts: Sequence[str], has_voice: Callable[[str], bool] | None) -> float | None:
    return _mean([float(has_voice(text)) for text in texts]) if has_voice and texts else None


def _spread(values: Sequence[float]) -> Spread:
    return Spread(_mean(values), min(values, default=0.0), max(values, default=0.0), len(values))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def told(found: Effects) -> str:
    """The finding in one sentence, with what it is held against."""
    mean, low, high = found.chance.mean, found.chance.low, found.chance.high
    chance = f"{shown_share(mean)} of words ({100 * low:.0f} to {shown_share(high)})"
    lead = f"Another seed alone changes {chance}."
    if not found.beyond:
        return f"{lead} No sentence changed more than that: with so few answers nothing can be said."
    noun = "sentence" if found.beyond == 1 else "sentences"
    return f"{lead} {found.beyond} {noun} changed more than that ever did."
