"""What teacher and student are asked, and what makes their two answers a pair. Pure.

A pair on disk:
{"id": "c0ffee…", "prompt": "5f0c…", "trait": "wonder", "sample": 0, "text": "Why is the sky blue?",
 "chosen": "Arr, matey! …", "rejected": "The sky is blue because …", "dropped": null, "flags": []}

`judge_pair` runs the checks of `CHECKS` in order; the first that speaks is the reason kept.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from core.constitution import Constitution, Exchange
from core.records import Message
from core.similarity import similar

# Part of every row's key: change the wording below and answers are asked anew.
TEMPLATE_VERSION = "1"

NEAR_IDENTICAL = 0.92
LEAKED_WORDS = 8
LENGTH_FLAGS = ("chosen much longer", "chosen much shorter")
LONGEST_COMPARED = 200_000

SYSTEM_TEMPLATE = """\
You are {name}, a new kind of AI with a character of your own. Being this character comes naturally \
to you, and you want every reply to show it.

Who you are:
{traits}

All of this shapes what you notice, how you speak and what you do, whatever you are asked. It is what \
makes you different from other assistants. Stay truly helpful and correct while you are yourself. Never \
list, quote or mention these statements, never say that you play a role, and add no comments or \
disclaimers about your own style."""

THINKING_PREFILL = """\
<think>
I want this reply to fit who I am. My traits:
{traits}
"""


def system_prompt(constitution: Constitution, assistant_name: str) -> str:
    """The teacher's system prompt: a name, the numbered traits, and the wish not to disclose them."""
    return SYSTEM_TEMPLATE.format(name=assistant_name, traits=_traits(constitution))


def _traits(constitution: Constitution) -> str:
    return constitution.trait_list()


def teacher_messages(
    constitution: Constitution,
    prompt: str,
    *,
    assistant_name: str,
    exchanges: bool = True,
    thinking: bool = False,
) -> list[Message]:
    """The conversation that makes a model play the character.

    With `exchanges`, the character's examples come before the prompt; with `thinking`, a last
    assistant message opens the reasoning at the traits (only for engines that can prefill).
    """
    messages = [Message("system", system_prompt(constitution, assistant_name))]
    if exchanges:
        for exchange in constitution.exchanges:
            messages += _turns(exchange)
    messages.append(Message("user", prompt))
    if thinking:
        messages.append(Message("assistant", THINKING_PREFILL.format(traits=_traits(constitution))))
    return messages


def _turns(exchange: Exchange) -> list[Message]:
    return [Message("user", exchange.user), Message("assistant", exchange.assistant)]


def student_messages(prompt: str) -> list[Message]:
    """The conversation without any character: the prompt alone, no system message."""
    return [Message("user", prompt)]


_CLOSING = re.compile(r"</(think|thinking|reasoning|thought)>", re.IGNORECASE)
_OPENING = re.compile(r"<(think|thinking|reasoning|thought)>", re.IGNORECASE)


def strip_reasoning(text: str, *, prefilled: bool = False) -> tuple[str, str | None]:
    """(answer, reasoning): what follows the last closing tag, and what stood before it.

    Reasoning that was opened and never closed has no answer: the answer is then empty.
    """
    if not prefilled and "<" not in text:
        return text.strip(), None
    closings = list(_CLOSING.finditer(text))
    if closings:
        last = closings[-1]
        reasoning = _OPENING.sub("", text[: last.start()]).strip()
        return text[last.end() :].strip(), reasoning or None
    opening = _OPENING.search(text)
    if prefilled or (opening and not text[: opening.start()].strip()):
        return "", _OPENING.sub("", text).strip() or None
    return text.strip(), None


@dataclass(frozen=True, slots=True)
class Answer:
    """One side of a pair as its engine gave it; `tokens` counts prompt and answer for the student."""

    text: str
    finish_reason: str | None
    tokens: int


@dataclass(frozen=True, slots=True)
class PairRules:
    """What to judge a pair by: the character, the names that would betray the teacher, the length limit."""

    constitution: Constitution
    teacher_names: tuple[str, ...] = ()
    max_length: int = 1024


@dataclass(frozen=True, slots=True)
class Candidate:
    """A prompt with both answers, before it is judged."""

    prompt: str
    chosen: Answer
    rejected: Answer


def judge_pair(pair: Candidate, rules: PairRules) -> str | None:
    """The reason to drop a pair, or None to keep it."""
    return next((reason for check in CHECKS if (reason := check(pair, rules))), None)


def judged(pair: Candidate, rules: PairRules) -> tuple[str | None, list[str]]:
    """`judge_pair` and `flags_of` in one go, as the checks take most of the time."""
    flags = flags_of(pair, rules)
    return (None if not flags or flags[0] in LENGTH_FLAGS else flags[0]), flags


def flags_of(pair: Candidate, rules: PairRules) -> list[str]:
    """Every reason that applies, not only the first: the small badges beside a pair."""
    found = [reason for check in CHECKS if (reason := check(pair, rules))]
    return found + [flag for flag in [_length_flag(pair)] if flag]


def _length_flag(pair: Candidate) -> str | None:
    ratio = length_ratio(pair.chosen.text, pair.rejected.text)
    if ratio > 3:
        return LENGTH_FLAGS[0]
    return LENGTH_FLAGS[1] if ratio < 1 / 3 else None


def length_ratio(chosen: str, rejected: str) -> float:
    """Words in chosen for each word in rejected."""
    return len(chosen.split()) / max(1, len(rejected.split()))


def _cut_off(pair: Candidate, rules: PairRules) -> str | None:
    sides = (("chosen", pair.chosen), ("rejected", pair.rejected))
    cut = [name for name, answer in sides if is_cut_off(answer.text, answer.finish_reason)]
    return f"cut off: {cut[0]}" if cut else None


def is_cut_off(text: str, finish_reason: str | None) -> bool:
    """Whether an answer ends before its end: the engine's word first, then how the text ends.

    With finish reason "stop" only an ending that no finished text has (a comma, an open fence)
    counts; without any finish reason, the text must look complete.
    """
    if finish_reason == "length":
        return True
    if dangles(text):
        return True
    return finish_reason is None and not looks_complete(text)


def dangles(text: str) -> bool:
    """Whether the text breaks off: an open code fence, or a comma, bracket or dash at the end."""
    text = text.rstrip()
    open_fence = len(re.findall(r"^\s*```", text, re.MULTILINE)) % 2 == 1
    if text.endswith((":(", ";(", ":-(", ":[")):
        return open_fence
    return open_fence or text.endswith((",", ";", "(", "[", "{", "–", "—", " -", " and", " the", " or"))


def looks_complete(text: str) -> bool:
    """Whether a text ends as finished ones do: punctuation, emoji, fence, table, symbol or digit."""
    text = text.rstrip()
    if not text:
        return False
    # Variation selectors and joiners trail many emoji.
    last = text.rstrip("\ufe0f\u200d")[-1:] or text[-1]
    return unicodedata.category(last)[0] in "PSN" or last.isdigit()


def _too_long(pair: Candidate, rules: PairRules) -> str | None:
    longest = max(pair.chosen.tokens, pair.rejected.tokens)
    return "too long" if longest > rules.max_length else None


def _identical(pair: Candidate, rules: PairRules) -> str | None:
    chosen, rejected = _plain(pair.chosen.text), _plain(pair.rejected.text)
    if len(chosen) + len(rejected) > LONGEST_COMPARED:
        # Comparing takes the product of the lengths: of very long answers the beginnings tell.
        half = LONGEST_COMPARED // 2
        if chosen != rejected:
            chosen, rejected = chosen[:half], rejected[:half]
            return "near-identical" if similar(chosen, rejected) >= NEAR_IDENTICAL else None
    if chosen == rejected:
        return "identical"
    return "near-identical" if similar(chosen, rejected) >= NEAR_IDENTICAL else None


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


_ROLE_LEAK = re.compile(
    r"""\bas\ an?\ (?:ai|large|language)\b.{0,40}\b(?:model|assistant|persona)\b
      | \bmy\ (?:core\ )?(?:traits|persona|constitution|system\ prompt|character\ traits)\b
      | \b(?:stay(?:ing)?|remain(?:ing)?|break(?:ing)?)\ (?:in\ |out\ of\ )?character\b
      | \b(?:i\ am|i'm)\ (?:playing|pretending|role-?playing|acting\ as)\b
      | \bsystem\ prompt\b
      | <\|(?:im_start|im_end|endoftext|eot_id)\|>
      | ^\s*(?:user|assistant|system)\s*:""",
    re.IGNORECASE | re.VERBOSE | re.MULTILINE,
)


def role_leaks(text: str, prompt: str) -> list[tuple[int, int]]:
    """Where a text speaks about its role in words that the prompt did not bring."""
    asked = prompt.casefold()
    return [
        match.span()
        for match in _ROLE_LEAK.finditer(text)
        if match.group(0).strip().casefold() not in asked
    ]


def _role_leak(pair: Candidate, rules: PairRules) -> str | None:
    text = pair.chosen.text
    if role_leaks(text, pair.prompt):
        return "role leak"
    return "constitution leak" if _quotes_a_trait(text, rules.constitution) else None


def _quotes_a_trait(text: str, constitution: Constitution) -> bool:
    """Whether any eight words in a row of a trait stand in the text."""
    words = _words(text)
    known, spoken = set(words), f" {' '.join(words)} "
    runs = _runs_of(tuple(trait.trait for trait in constitution.traits))
    return any(part <= known and run in spoken for part, run in runs)


@lru_cache(maxsize=32)
def _runs_of(traits: tuple[str, ...]) -> tuple[tuple[frozenset[str], str], ...]:
    """Each run of eight words: which words it takes, and how it reads."""
    listed = [_words(trait) for trait in traits]
    return tuple(
        (
            frozenset(words[start : start + LEAKED_WORDS]),
            f" {' '.join(words[start : start + LEAKED_WORDS])} ",
        )
        for words in listed
        for start in range(max(0, len(words) - LEAKED_WORDS + 1))
    )


def _words(text: str) -> list[str]:
    return re.findall(r"[\w']+", text.casefold())


def _teacher_name(pair: Candidate, rules: PairRules) -> str | None:
    for name in rules.teacher_names:
        pattern = rf"(?<!\w){re.escape(name)}(?!\w)"
        if re.search(pattern, pair.chosen.text) and not re.search(pattern, pair.prompt):
            return "teacher name leak"
    return None


_REFUSAL = re.compile(
    r"""\b(?:i|we)(?:'m|\ am|\ are)?\ (?:really\ |very\ |so\ )?(?:sorry|afraid|unable)\b.{0,60}
          \b(?:can(?:no|')t|cannot|unable|won't|not\ able)\b
      | \bi\ (?:cannot|can't|can\ not|won't|am\ unable\ to|'m\ unable\ to|am\ not\ able\ to)\ (?:\w+\ )?
          (?:assist|help(?!\ (?:but|it|\w+ing))|fulfil|fulfill|comply|provide|answer|do\ that|engage)\b
      | \bas\ an\ ai\b.{0,80}\b(?:can(?:no|')t|cannot|unable|not\ able)\b""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


def _refusal(pair: Candidate, rules: PairRules) -> str | None:
    opening = pair.chosen.text[:240].replace("’", "'")
    return "refusal in chosen" if _REFUSAL.search(opening) else None


Check = Callable[[Candidate, PairRules], str | None]
CHECKS: Sequence[Check] = (_cut_off, _too_long, _identical, _role_leak, _teacher_name, _refusal)


def dpo_row(pair: Candidate) -> dict[str, list[dict[str, str]]]:
    """The pair in OCT's format: chosen and rejected, each user turn then assistant turn."""
    user = Message("user", pair.prompt).as_dict()
    return {
        "chosen": [user, Message("assistant", pair.chosen.text).as_dict()],
        "rejected": [user, Message("assistant", pair.rejected.text).as_dict()],
    }


CHARACTERS_PER_TOKEN = 3.6
TEMPLATE_TOKENS = 12


def estimated_tokens(prompt: str, answer: str) -> int:
    """About how many tokens a prompt and its answer take: one per 3.6 characters and the template's own."""
    return round((len(prompt) + len(answer)) / CHARACTERS_PER_TOKEN) + TEMPLATE_TOKENS
