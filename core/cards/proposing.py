"""A card → proposed traits and exchanges, each beside its source, and what could not be used. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from core.cards.first_person import Speaker, imperative, listed, pronoun_of
from core.cards.model import (
    USUAL_EXCHANGES,
    USUAL_TRAITS,
    Card,
    Proposal,
    Proposals,
    Unused,
    without_repeats,
)
from core.cards.reading import macros
from core.cards.sentences import Entry, entries, sentences
from core.constitution import MAX_TRAIT, slug_for


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


FIELDS = {
    "description": "description",
    "personality": "personality",
    "scenario": "scenario",
    "first_mes": "greeting",
    "mes_example": "example dialogue",
    "system_prompt": "system prompt",
    "post_history_instructions": "instructions after the chat",
    "biography": "text",
}
DIALOGUES = ("first_mes", "mes_example")
ORDERS = ("system_prompt", "post_history_instructions")

LOOKS = "it says how the character looks, which words cannot show"
SCENE = "it sets a scene; a character is the same in every scene"
ABOUT_USER = "it is about the person who talks, not about the character"
NOT_ABOUT = "it is not about how the character is or speaks"
PROGRAM = "it is an order to a program, not a way of being"
FIGURES = "it is a figure or a label, not a way of being"
LONG = f"it has more than {MAX_TRAIT:,} letters; cut it into sentences first"

_LOOKS = re.compile(
    r"\b(?:hair(?:ed)?|eyes|skin|wears?|wearing|dressed|outfit|clothes|clothing|height|tall|cm|figure"
    r"|slender|muscular|freckles?|scars?|beard|moustache|breasts?|body|build|horns?|tail|ears|years? old"
    r"|years-old|year-old|aged? \d+|born in)\b",
    re.IGNORECASE,
)
_AGE = re.compile(r"\b\d+[- ]years?[- ]old,?\s+(?=[a-z])")
_PROGRAM = re.compile(
    r"\b(?:roleplay|role-play|RP|chatbot|chat bot|language model|AI assistant|prompt|tokens?|paragraphs?"
    r"|next reply|next response|markdown|OOC|NSFW|format|continue the|in this chat|system note"
    r"|jailbreak|(?:break|stay in) character)\b",
    re.IGNORECASE,
)
GREETED = "Hello!"

# A list under one of these names, as a sentence.
_AS_SENTENCE = {
    ("personality", "mind", "traits", "trait", "temperament"): "I am {}.",
    ("likes", "loves", "like", "interests", "hobbies", "enjoys"): "I like {}.",
    ("dislikes", "hates", "dislike"): "I dislike {}.",
    ("fears", "fear"): "I am afraid of {}.",
    ("skills", "abilities", "talents", "good at", "expertise"): "I am good at {}.",
    ("goals", "goal", "wants", "motivation", "motivations"): "I want {}.",
    ("values", "beliefs"): "I value {}.",
    ("occupation", "job", "profession", "role"): "I work as {}.",
    ("speech", "speaks", "speaking style", "voice", "tone", "style"): "I speak like this: {}.",
    ("quirks", "habits", "quirk", "habit", "mannerisms"): "This is a habit of mine: {}.",
}
_LABELS = _set(
    "character name age gender sex species race height weight appearance body features looks clothes "
    "clothing outfit attire hair eyes skin birthday sexuality nationality ethnicity location setting "
    "genre tags type category alias aliases nickname relationship relationships backstory"
)


def proposed(card: Card, origin: str) -> Proposals:
    """Everything that a card offers; `origin` is what the person brought in (a file's name)."""
    if card.whole is not None:
        return _of_whole(card, origin)
    texts = {name: macros(text) for name, text in card.fields.items()}
    speaker = Speaker(card.name, pronoun_of(" ".join(texts.values())))
    items: list[Proposal] = []
    unused: list[Unused] = list(card.ignored)
    for name, text in texts.items():
        if name not in DIALOGUES:
            for found in _of_text(name, text, speaker):
                (items if isinstance(found, Proposal) else unused).append(found)  # type: ignore[arg-type]
    items += _dialogues(texts.get("mes_example", ""), card.name, unused)
    items += _greetings(texts.get("first_mes", ""), card, unused)
    kept = _ticked(without_repeats(items))
    return Proposals(
        slug_for(card.name), origin, card.spec, _summary(texts, card), tuple(kept), tuple(unused)
    )


def _of_whole(card: Card, origin: str) -> Proposals:
    """Our own export: the character as it was, nothing guessed."""
    whole = card.whole
    assert whole is not None
    items = [
        Proposal(0, "trait", trait.trait, trait.trait, "trait", whole=trait.as_dict())
        for trait in whole.traits
    ]
    items += [
        Proposal(0, "exchange", one.assistant, one.assistant, "exchange", user=one.user)
        for one in whole.exchanges
    ]
    numbered = tuple(replace(item, id=number) for number, item in enumerate(items))
    assistant = whole.assistant_name or ""
    return Proposals(whole.name, origin, card.spec, whole.summary, numbered, (), assistant)


def _ticked(items: list[Proposal]) -> list[Proposal]:
    """The first dozen traits and five exchanges are ticked: more make a character weaker, not richer."""
    left = {"trait": USUAL_TRAITS, "exchange": USUAL_EXCHANGES}
    ticked: list[Proposal] = []
    for item in items:
        is_in = item.keep and left[item.kind] > 0
        left[item.kind] -= is_in
        ticked.append(replace(item, keep=is_in))
    return ticked


def _summary(texts: dict[str, str], card: Card) -> str:
    """The first whole sentence about the character, as it stood, with the name in it."""
    for name in ("description", "biography", "personality", "summary"):
        for sentence in sentences(texts.get(name, "")):
            if not isinstance(sentence, Entry) and len(sentence.split()) > 3:
                said = sentence.replace("{{char}}", card.name).replace("{{user}}", "you")
                return said[:MAX_TRAIT]
    return ""


# ---- texts


def _of_text(name: str, text: str, speaker: Speaker) -> Iterator[Proposal | Unused]:
    field = FIELDS.get(name, name.replace("_", " "))
    for piece in sentences(text):
        if isinstance(piece, Entry):
            yield from _of_entry(piece, field)
        elif name in ORDERS:
            yield _of_order(piece, field, speaker)
        else:
            yield _of_sentence(piece, field, speaker, is_scene=name == "scenario")


def _of_sentence(sentence: str, field: str, speaker: Speaker, *, is_scene: bool) -> Proposal | Unused:
    ageless = _AGE.sub("", sentence)
    if reason := _why_not(ageless):
        return Unused(sentence, field, reason)
    is_about = field in ("personality", "description", "text") or field not in FIELDS.values()
    said = speaker.says(ageless, is_about=is_about)
    if said is None:
        return Unused(sentence, field, SCENE if is_scene else NOT_ABOUT)
    if len(said) > MAX_TRAIT:
        return Unused(sentence, field, LONG)
    # A scene may still say something of the character; a person decides, so it is not ticked.
    note = SCENE if is_scene else ""
    return Proposal(0, "trait", said, sentence, field, keep=not is_scene, note=note)


def _why_not(sentence: str) -> str:
    if _PROGRAM.search(sentence):
        return PROGRAM
    if re.match(r"\{\{user\}\}(?![’'])", sentence):
        return ABOUT_USER
    if _LOOKS.search(sentence):
        return LOOKS
    return "" if re.search(r"[A-Za-z]{2}", sentence) else FIGURES


def _of_order(sentence: str, field: str, speaker: Speaker) -> Proposal | Unused:
    if _PROGRAM.search(sentence) or re.match(r"write\b", sentence, re.IGNORECASE):
        return Unused(sentence, field, PROGRAM)
    said = imperative(sentence) or speaker.says(sentence)
    if said is None or len(said) > MAX_TRAIT:
        return Unused(sentence, field, LONG if said else PROGRAM)
    return Proposal(0, "trait", said, sentence, field)


def _of_entry(entry: Entry, field: str) -> Iterator[Proposal | Unused]:
    """A named list, such as Likes("tea" + "rain") or "Likes: tea, rain"."""
    label = entry.label.lower().strip()
    frame = next((frame for names, frame in _AS_SENTENCE.items() if label in names), "")
    if label in _LABELS:
        reason = LOOKS if label in ("appearance", "body", "looks", "hair", "eyes", "skin") else FIGURES
        yield Unused(entry.source, field, reason)
    elif not frame:
        yield from _of_other_entry(entry, field)
    else:
        groups = [entry.values[start : start + 4] for start in range(0, len(entry.values), 4)]
        for group in groups:
            yield Proposal(0, "trait", frame.format(listed(list(group)))[:MAX_TRAIT], entry.source, field)


def _of_other_entry(entry: Entry, field: str) -> Iterator[Proposal | Unused]:
    said = f"My {entry.label.lower().strip()}: {listed(list(entry.values))}."
    if len(said.split()) < 5 or len(said) > MAX_TRAIT:
        yield Unused(entry.source, field, FIGURES)
    else:
        yield Proposal(0, "trait", said, entry.source, field, keep=False)


# ---- talks

_TURN = re.compile(r"^[ \t]*(\{\{user\}\}|\{\{char\}\}|[^\n:{}]{1,40}):[ \t]*", re.MULTILINE)


def _dialogues(text: str, name: str, unused: list[Unused]) -> list[Proposal]:
    """The exchanges of an example dialogue: each answer of the character with what came before it."""
    found: list[Proposal] = []
    for block in re.split(r"<START>", text, flags=re.IGNORECASE):
        turns = list(_turns(block, name))
        for (who, asked), (other, answered) in pairwise(turns):
            if (who, other) == ("user", "char"):
                said = _spoken(answered, name)
                found.append(
                    Proposal(0, "exchange", said, answered, "example dialogue", user=_spoken(asked, name))
                )
        if block.strip() and not any(who == "char" for who, _ in turns):
            reason = "nobody answers in it; lines begin with {{user}}: and {{char}}:"
            unused.append(Unused(block.strip()[:300], "example dialogue", reason))
        elif turns and turns[0][0] == "char":
            reason = "nobody asks before it, and an exchange has two sides"
            unused.append(Unused(turns[0][1][:300], "example dialogue", reason))
    return found


def _turns(block: str, name: str) -> Iterator[tuple[str, str]]:
    marks = [mark for mark in _TURN.finditer(block) if _who(mark[1], name)]
    ends = [*(mark.start() for mark in marks[1:]), len(block)]
    for mark, end in zip(marks, ends, strict=False):
        said = block[mark.end() : end].strip()
        if said:
            yield _who(mark[1], name), said


def _who(label: str, name: str) -> str:
    low = label.strip().lower()
    if low in ("{{user}}", "user", "you", "anon"):
        return "user"
    first = name.split()[0].lower() if name.split() else ""
    return "char" if low in ("{{char}}", "char", "bot", name.lower(), first) else ""


def _spoken(text: str, name: str) -> str:
    """What is said, with the macros filled: {{user}} is "you" there."""
    return text.replace("{{char}}", name).replace("{{user}}", "you").strip()


def _greetings(first: str, card: Card, unused: list[Unused]) -> list[Proposal]:
    """Greetings as answers to a plain hello, which is ours and said so; the first one is ticked."""
    every = [first, *map(macros, card.greetings)]
    note = f"“{GREETED}” is ours: a greeting has nobody who asks."
    return [
        Proposal(
            0,
            "exchange",
            _spoken(text, card.name),
            text,
            "greeting",
            keep=place == 0,
            user=GREETED,
            note=note,
        )
        for place, text in enumerate(every)
        if text.strip()
    ]


__all__ = ["entries", "proposed"]
