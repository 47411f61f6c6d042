"""Whether two texts are nearly the same. Pure; the measuring is rapidfuzz's.

`similar` compares two texts as they stand, for answers. `Near` finds the closest of many user
messages by what they are about: case, punctuation, order, plurals and small words do not count, so
that "Explain how a microwave heats food" finds "Can you explain how microwaves heat food?" while
"Explain how a fridge keeps food cold" stays apart.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from rapidfuzz import fuzz, process

# Chosen on the shipped constitutions: at 0.88 what is caught asks the same thing, and pairs that
# share a frame ("tips for learning Spanish", "… the piano") stay.
NEAR_DUPLICATE = 0.88

# A message inside a much longer one is another message: "What is inflation?" is no copy of a story
# that ends in it. Counted in words that carry meaning.
SHORTEST_SHARE = 0.6

_SMALL_WORD_LIST = """
    a an the this that these those of to in on at for with from by as into about and or but if so then
    i im id ive ill me my mine we us our you your yours it its he she they him her his them their there
    is are was were be been am do does did can could would should will shall may might have has had
    what whats how which please just really very some any too also tell give explain"""
_SMALL_WORDS = frozenset(_SMALL_WORD_LIST.split())
_ASKING = frozenset(("why", "who", "whos", "when", "where", "wheres"))


@dataclass(frozen=True, slots=True)
class Match:
    """The closest text of a pool, and how close it is (1.0: the same)."""

    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Gist:
    """What a message is about: its meaningful words, sorted, and what it asks (why, who …)."""

    words: str
    count: int
    asking: frozenset[str]


def normalised(text: str) -> str:
    """The text in lower case, its words parted by one space, without punctuation."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("'", "").replace("’", "")
    return " ".join(re.findall(r"\w+", plain))


def similar(first: str, second: str) -> float:
    """How alike two texts are as they stand, 0 to 1; case, punctuation and spacing do not count."""
    one, other = normalised(first), normalised(second)
    if not one or not other:
        return float(first.strip() == second.strip())
    return fuzz.ratio(one, other) / 100


def closeness(first: str, second: str) -> float:
    """How nearly two messages ask the same thing, 0 to 1; the same both ways round."""
    match = nearest(second, [first], threshold=0.0)
    return match.score if match else 0.0


def nearest(text: str, pool: Iterable[str], *, threshold: float = NEAR_DUPLICATE) -> Match | None:
    """The message of `pool` that is closest to `text`, when it is at least `threshold` close."""
    return Near(pool).nearest(text, threshold=threshold)


class Near:
    """A growing pool of messages that can be asked for the closest one.

    Messages that ask differently (why, who, when, where) are kept apart: "Who invented the zip?" and
    "Why was the zip invented?" share every other word.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._texts: dict[frozenset[str], list[str]] = {}
        self._gists: dict[frozenset[str], list[Gist]] = {}
        self._words: dict[frozenset[str], list[str]] = {}
        for text in texts:
            self.add(text)

    def __len__(self) -> int:
        return sum(len(texts) for texts in self._texts.values())

    def add(self, text: str) -> None:
        """Take one more message in."""
        gist = gist_of(text)
        self._texts.setdefault(gist.asking, []).append(text)
        self._gists.setdefault(gist.asking, []).append(gist)
        self._words.setdefault(gist.asking, []).append(gist.words)

    def nearest(self, text: str, *, threshold: float = NEAR_DUPLICATE) -> Match | None:
        """The closest message, when it is at least `threshold` close; the first of equals."""
        gist = gist_of(text)
        words, cutoff = self._words.get(gist.asking, []), threshold * 100
        found = [
            (score, index)
            for scorer in (fuzz.ratio, fuzz.token_set_ratio)
            for _, score, index in process.extract_iter(
                gist.words, words, scorer=scorer, score_cutoff=cutoff
            )
            if scorer is fuzz.ratio or _alike_in_length(gist, self._gists[gist.asking][index])
        ]
        if not found:
            return None
        score, index = max(found, key=lambda pair: (pair[0], -pair[1]))
        return Match(self._texts[gist.asking][index], score / 100)


def gist_of(text: str) -> Gist:
    """The gist of a message; one made of small words alone keeps them all."""
    spoken = normalised(text).split()
    meaning = sorted(_singular(word) for word in spoken if word not in _SMALL_WORDS) or sorted(spoken)
    # A text of symbols only ("😀?") has no words: it equals nothing but itself.
    words = " ".join(meaning) or text.strip()
    return Gist(words, len(meaning), _ASKING.intersection(spoken))


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _alike_in_length(one: Gist, other: Gist) -> bool:
    return min(one.count, other.count) >= SHORTEST_SHARE * max(one.count, other.count)
