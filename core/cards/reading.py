"""Bytes of a card, a YAML file or a biography → `Card`, or why not, in words. Pure.

What the bytes are decides, not how the file is called. JSON is judged by `core.strict_json`; YAML is read
by the safe loader only, without aliases, so that no file can grow while it is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any, cast

from core.cards.model import Card, Unused
from core.cards.png import SIGNATURE, card_text
from core.constitution import Constitution, parse
from core.errors import ConstitutionError, Problem
from core.strict_json import MAX_BYTES, decode, read_value
from core.texts import kind_of

TEXTS = (
    "description",
    "personality",
    "scenario",
    "first_mes",
    "mes_example",
    "system_prompt",
    "post_history_instructions",
)
SIGNS = ("first_mes", "mes_example", "personality", "scenario", "char_persona", "char_greeting")
# What Pygmalion and TavernAI called the same.
OLD_NAMES = {
    "char_name": "name",
    "char_persona": "description",
    "char_greeting": "first_mes",
    "world_scenario": "scenario",
    "example_dialogue": "mes_example",
}
WORDS = {
    "creator_notes": "notes of the card's author are for people who choose a card, not for the character",
    "tags": "tags say where a card is listed",
    "nickname": "a nickname is only a name",
}
MOST_YAML = 500_000
MOST_YAML_NODES = 20_000
MOST_BIOGRAPHY = 400_000
EXTENSION = "character_studio"


def is_card(data: bytes, filename: str) -> bool:
    """Whether bytes are for `read_card` rather than one of the forms of `core.interchange`."""
    if data.startswith(SIGNATURE):
        return True
    head = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(b"{"):
        return _is_json_card(data)
    return not head.startswith(b"[")


def _is_json_card(data: bytes) -> bool:
    try:
        value = read_value(data, source="")
    except ConstitutionError:
        return False  # the other reader names what is wrong
    fields = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    if str(fields.get("spec", "")).startswith("chara_card"):
        return True
    return "traits" not in fields and any(name in fields for name in SIGNS)


def read_card(data: bytes, filename: str) -> Card:
    """The card of a file: PNG, JSON, YAML or plain text. Raises ConstitutionError with what is wrong."""
    name = PurePath(filename.replace("\\", "/")).name
    if data.startswith(SIGNATURE):
        return card_of(read_value(card_text(data, source=name), source=name), source=name)
    text = decode(data, source=name, limit=MAX_BYTES)
    if text.lstrip().startswith("{"):
        return card_of(read_value(data, source=name), source=name)
    if PurePath(name).suffix.lower() in (".yaml", ".yml"):
        return from_yaml(text, source=name)
    return biography(text, PurePath(name).stem, source=name)


def biography(text: str, name: str, *, source: str = "the text") -> Card:
    """A card of plain text about somebody. Raises ConstitutionError for an empty or endless one."""
    if len(text) > MOST_BIOGRAPHY:
        message = f"has {len(text):,} letters; a biography may have {MOST_BIOGRAPHY:,}. Take a part of it."
        raise ConstitutionError(source, [Problem("", message)])
    if not text.strip():
        raise ConstitutionError(source, [Problem("", "is empty; paste what you know of the character.")])
    return Card(_named_in(text) or name.strip() or "character", "biography", {"biography": text})


_NAMED = re.compile(
    r"^\W*([A-Z][\w’'-]+(?: (?:[A-Z][\w’'-]+|of|de|van|von|the(?= [A-Z])))*)\s+(?:[a-z]+s|was)\b"
)
_NO_NAMES = frozenset(
    ("She", "He", "They", "It", "This", "That", "There", "Who", "The", "A", "An", "His", "Her")
)


def _named_in(text: str) -> str:
    """The name with which a biography begins ("Mara Quill is …"); "" where it begins otherwise."""
    found = _NAMED.match(text.strip())
    return "" if not found or found[1].split()[0] in _NO_NAMES else found[1]


def card_of(value: object, *, source: str) -> Card:
    """The card in a JSON value, V1, V2 or V3. Raises ConstitutionError with every problem."""
    if not isinstance(value, dict):
        raise ConstitutionError(source, [Problem("", f"is {kind_of(value)}; a card is an object {{ … }}.")])
    outer = cast("dict[str, Any]", value)
    spec = {"chara_card_v2": "V2", "chara_card_v3": "V3"}.get(str(outer.get("spec")), "V1")
    inner = outer.get("data") if spec != "V1" or isinstance(outer.get("data"), dict) else outer
    if not isinstance(inner, dict):
        raise ConstitutionError(source, [Problem("data", f"is {kind_of(inner)}; it must be an object.")])
    fields = {OLD_NAMES.get(name, name): one for name, one in cast("dict[str, Any]", inner).items()}
    problems = [
        Problem(name, f"is {kind_of(fields[name])}; it must be a text.")
        for name in ("name", *TEXTS)
        if not isinstance(fields.get(name, ""), str | None)
    ]
    if problems:
        raise ConstitutionError(source, problems)
    texts = {name: str(fields[name]) for name in TEXTS if fields.get(name)}
    greetings, wrong = _greetings(fields)
    card = Card(
        str(fields.get("name") or PurePath(source).stem),
        spec,
        texts,
        greetings,
        (*_ignored(fields), *wrong),
        _whole(fields),
    )
    if not texts and not greetings and card.whole is None:
        raise ConstitutionError(
            source, [Problem("", "says nothing of its character: every text is empty.")]
        )
    return card


def _greetings(fields: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[Unused, ...]]:
    value = fields.get("alternate_greetings")
    listed = cast("list[Any]", value) if isinstance(value, list) else []
    group = fields.get("group_only_greetings")
    count = len(cast("list[Any]", group)) if isinstance(group, list) else 0
    reason = "greetings for group chats only are left out"
    left = (Unused(f"{count} greetings", "group_only_greetings", reason),) if count else ()
    return tuple(one for one in listed if isinstance(one, str) and one.strip()), left


def _ignored(fields: Mapping[str, Any]) -> Iterator[Unused]:
    book = fields.get("character_book")
    if isinstance(book, dict):
        entries = cast("dict[str, Any]", book).get("entries")
        count = len(cast("list[Any]", entries)) if isinstance(entries, list | dict) else 0
        reason = "a lorebook is knowledge that a program looks up; a character learns ways, not facts"
        yield Unused(f"{count} entries", "character_book", reason)
    for name, reason in WORDS.items():
        said = fields.get(name)
        if said:
            listed = cast("list[Any]", said) if isinstance(said, list) else [said]
            text = ", ".join(map(str, listed))
            yield Unused(text[:300], name, reason)


def _whole(fields: Mapping[str, Any]) -> Constitution | None:
    """The character that our own export put into the card, None where it is not there or not whole."""
    extensions = fields.get("extensions")
    if not isinstance(extensions, dict) or EXTENSION not in extensions:
        return None
    try:
        return parse(cast("dict[str, Any]", extensions)[EXTENSION], source="extensions")
    except ConstitutionError:
        return None


# ---- YAML


def from_yaml(text: str, *, source: str) -> Card:
    """The card of a YAML file: a card's fields, our own form, or any texts by name."""
    value = _yaml_value(text, source)
    if isinstance(value, str):
        return biography(value, PurePath(source).stem, source=source)
    if not isinstance(value, dict):
        message = f"is {kind_of(value)}; a character in YAML has names with texts behind them."
        raise ConstitutionError(source, [Problem("", message)])
    fields = cast("dict[str, Any]", value)
    if isinstance(fields.get("traits"), list) and "name" in fields and "exchanges" in fields:
        whole = parse(fields, source=source)
        return Card(whole.name, "YAML", whole=whole)
    if any(isinstance(fields.get(name), str) for name in SIGNS) or "spec" in fields:
        return card_of(fields, source=source)
    texts = {name: "\n".join(_leaves(one)) for name, one in fields.items() if name != "name"}
    kept = {name: one for name, one in texts.items() if one.strip()}
    if not kept:
        raise ConstitutionError(source, [Problem("", "says nothing of its character.")])
    return Card(str(fields.get("name") or PurePath(source).stem), "YAML", kept)


def _leaves(value: object) -> Iterator[str]:
    """Every text below a value; a list of words is one line."""
    if isinstance(value, dict):
        for name, one in cast("dict[str, Any]", value).items():
            yield from (f"{name}: {leaf}" if "\n" not in leaf else leaf for leaf in _leaves(one))
    elif isinstance(value, list):
        items = cast("list[Any]", value)
        if items and all(isinstance(one, str) and len(one.split()) < 4 for one in items):
            yield ", ".join(items)
        else:
            for one in items:
                yield from _leaves(one)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _yaml_value(text: str, source: str) -> Any:
    import yaml

    if len(text) > MOST_YAML:
        message = f"has {len(text):,} letters; a character in YAML may have {MOST_YAML:,}."
        raise ConstitutionError(source, [Problem("", message)])
    try:
        _check_events(yaml.parse(text, Loader=yaml.SafeLoader), source)
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or "it cannot be read"
        raise ConstitutionError(source, [Problem(place, f"this is not YAML ({reason}).")]) from None
    except (RecursionError, ValueError, OverflowError) as error:
        raise ConstitutionError(source, [Problem("", f"this YAML cannot be read ({error}).")]) from None
    return _as_json(value)


def _as_json(value: object) -> Any:
    """Plain JSON: dates and the like become texts, names of fields too."""
    if isinstance(value, dict):
        return {str(name): _as_json(one) for name, one in cast("dict[Any, Any]", value).items()}
    if isinstance(value, list):
        return [_as_json(one) for one in cast("list[Any]", value)]
    return value if value is None or isinstance(value, str | bool | int | float) else str(value)


def _check_events(events: Iterator[Any], source: str) -> None:
    """No alias, no endless nesting: both make a small file large."""
    import yaml

    depth = 0
    for count, event in enumerate(events):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        why = ""
        if isinstance(event, yaml.AliasEvent):
            why = "it uses an alias (*), which can make a file grow without end; write the text out"
        elif depth > 20 or count > MOST_YAML_NODES:
            why = "it is nested or branched as no character is"
        if why:
            raise ConstitutionError(
                source, [Problem(f"line {cast(Any, event).start_mark.line + 1}", f"{why}.")]
            )


def macros(text: str) -> str:
    """Old spellings of {{char}} and {{user}} in the usual one, line ends as "\\n"."""
    text = re.sub(r"<BOT>|<CHAR>|\{\{\s*char\s*\}\}", "{{char}}", text, flags=re.IGNORECASE)
    text = re.sub(r"<USER>|\{\{\s*user\s*\}\}", "{{user}}", text, flags=re.IGNORECASE)
    return text.replace("\r\n", "\n").replace("\r", "\n")
