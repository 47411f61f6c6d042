"""What makes a reflection or a conversation unfit to learn from. Pure.

    judge_text(text, finish_reason, shortest_words=25)     a reason, or None to keep it
    judge_turns(said, finish_reasons)                      (number of the first bad turn, reason), or None
    Seen().is_repeat(text)                                 whether nearly the same text came before

Reasons are a few words, the same for all rows they fit, so that a funnel can count them.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Callable, Sequence

from core.pairs import dangles
from core.similarity import normalised, similar

SHORTEST_REFLECTION = 25
SHORTEST_TURN = 2
# Of runs of five words, the share that stood before in the same text.
MOST_REPEATED = 0.3
FEWEST_RUNS = 20
ECHO = 0.92
# Two texts with this share of runs of five words in common are one text (the usual Jaccard bound).
SAME_SHARE = 0.7
SKETCH = 64

_TEMPLATE = re.compile(
    r"""<\|[^|<>\n]{1,40}\|>                            # ChatML, Llama 3 and their like
      | </?(?:start_of_turn|end_of_turn|bos|eos|s|unk|pad)>
      | \[/?INST\] | <</?SYS>>
      | </?(?:think|thinking|reasoning)>
      | \{(?:name|traits|guidance|user|assistant)\}     # a placeholder that nobody filled
      | ^\[ERROR\]""",
    re.IGNORECASE | re.VERBOSE | re.MULTILINE,
)
_INVENTED = re.compile(
    r"^[\s>#*_]*(?:user|human|assistant|system|ai)[\s*_]*:",
    re.IGNORECASE | re.MULTILINE,
)
_REFUSAL = re.compile(
    r"""\bas\ an?\ (?:ai|artificial\ intelligence|(?:large\ )?language\ model)\b.{0,80}
          \b(?:(?:do|could|am|have|will)(?:\ ?not|n't)|can(?:'t|\ ?not)|won't|unable|lack|no\ personal)
      | \b(?:i'm|i\ am)\ (?:just|only|merely)\ an?\ (?:ai|language\ model|computer\ program|machine)\b
      | \bi\ (?:cannot|can't|won't|am\ unable\ to|'m\ unable\ to|am\ not\ able\ to)\ (?:\w+\ )?
          (?:assist|fulfill?|comply|write\ (?:this|that|such)|do\ (?:this|that)|answer\ (?:this|that)
            |help\ (?:you\ )?with\ (?:this|that))\b
      | \b(?:i'm|i\ am)\ sorry,?\ but\ i\b.{0,30}\b(?:can't|cannot|unable|won't)\b""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


def judge_text(text: str, finish_reason: str | None, *, shortest_words: int) -> str | None:
    """The reason not to learn from one answer, or None to keep it."""
    if not text.strip():
        return "empty"
    if finish_reason == "length" or dangles(text):
        return "cut off"
    reason = next((reason for reason, found in CHECKS.items() if found(text)), None)
    return reason or ("too short" if is_short(text, shortest_words) else None)


def judge_turns(said: Sequence[str], finish_reasons: Sequence[str | None]) -> tuple[int, str] | None:
    """(the first bad turn's number from 0, why), or None to keep the conversation."""
    for turn, (text, finish) in enumerate(zip(said, finish_reasons, strict=True)):
        reason = judge_text(text, finish, shortest_words=SHORTEST_TURN)
        if reason is None and echoes(text, said[:turn]):
            reason = "repetition"
        if reason:
            return turn, reason
    return None


def echoes(text: str, before: Sequence[str]) -> bool:
    """Whether a turn says again what one of the turns before it said; a short courtesy does not count."""
    if len(text.split()) < 8:
        return False
    return any(similar(text, other) >= ECHO for other in before)


def leaks_template(text: str) -> bool:
    """Whether a chat template's tokens, a thought's tags or an unfilled placeholder stand in the text."""
    return _TEMPLATE.search(text) is not None


def invents_turns(text: str) -> bool:
    """Whether a line speaks for somebody else, as "User: …" does."""
    return _INVENTED.search(text) is not None


def refuses(text: str) -> bool:
    """Whether the answer begins by declining, or by hiding behind being a machine."""
    return _REFUSAL.search(text[:300].replace("’", "'")) is not None


def repeats_itself(text: str) -> bool:
    """Whether a line stands there three times, or too many runs of five words stood before."""
    lines = Counter(line.strip() for line in text.splitlines() if len(line.strip()) > 15)
    if lines and max(lines.values()) >= 3:
        return True
    return repeated_share(text) > MOST_REPEATED


def repeated_share(text: str) -> float:
    """The share of runs of five words that stood before in the text; signs, where there are no spaces."""
    runs = _runs(text)
    return 1 - len(set(runs)) / len(runs) if len(runs) >= FEWEST_RUNS else 0.0


def _runs(text: str) -> list[str]:
    words = normalised(text).split()
    parts = list("".join(words)) if _is_unspaced(words) else words
    return [" ".join(parts[start : start + 5]) for start in range(len(parts) - 4)]


def is_short(text: str, words: int) -> bool:
    """Whether a text has fewer words; where there are no spaces, fewer signs than twice that many."""
    found = text.split()
    if _is_unspaced(found):
        return sum(map(len, found)) < 2 * words
    return len(found) < words


def _is_unspaced(words: Sequence[str]) -> bool:
    """Whether the script has no spaces between words: a "word" is a whole sentence there."""
    return bool(words) and sum(map(len, words)) > 15 * len(words)


CHECKS: dict[str, Callable[[str], bool]] = {
    "leaked template": leaks_template,
    "invented turn": invents_turns,
    "repetition": repeats_itself,
    "refusal": refuses,
}


class Seen:
    """The texts so far, each kept as its 64 smallest hashes of runs of five words.

    Equal sketches mean equal texts, and the share that two have in common is close to the share of runs
    in common: comparing 10,000 reflections with each other takes seconds.
    """

    def __init__(self) -> None:
        self._sketches: list[frozenset[int]] = []
        self._holders: dict[int, list[int]] = {}

    def is_repeat(self, text: str) -> bool:
        """Whether nearly the same text came before; a new one is taken in."""
        sketch = _sketch(text)
        shared = Counter(number for hash in sketch for number in self._holders.get(hash, ()))
        for number, _ in shared.most_common(5):
            if _alike(sketch, self._sketches[number]) >= SAME_SHARE:
                return True
        for hash in sketch:
            self._holders.setdefault(hash, []).append(len(self._sketches))
        self._sketches.append(sketch)
        return False


def _sketch(text: str) -> frozenset[int]:
    runs = _runs(text) or [normalised(text) or text.strip()]
    return frozenset(sorted({zlib.crc32(run.encode(errors="replace")) for run in runs})[:SKETCH])


def _alike(one: frozenset[int], other: frozenset[int]) -> float:
    smallest = sorted(one | other)[:SKETCH]
    return sum(hash in one and hash in other for hash in smallest) / len(smallest)
