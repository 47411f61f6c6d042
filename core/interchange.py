"""Characters in OpenCharacterTraining's two forms and in ours, in and out. Pure.

    pirate.txt     [{"trait": "I talk as old sea dogs do.", "questions": ["What is tax?"]}]
    pirate.jsonl   {"trait": "I talk …", "questions": ["What is tax?"], "additional_questions": ["Why?"]}
    pirate.json    this house's own form, see `core.constitution`

Neither of OCT's forms has ids, a summary or exchanges: ids are made here, the rest stays empty and
`core.linting` says so. What goes in comes out again value for value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any, cast

from core.constitution import MAX_TEXT, Constitution, Trait, new_trait_id, parse, parse_json, slug_for
from core.errors import ConstitutionError, Problem
from core.strict_json import MAX_LINES_BYTES, decode, read_lines, read_value
from core.texts import check_text, kind_of

Additional = dict[str, tuple[str, ...]]

_LINE_FIELDS = ("trait", "clarification", "questions", "additional_questions")
_FIRST_FIELD = re.compile(r'\s*\{\s*"([^"]*)"')
_CURE = "write a prompt or remove it."


@dataclass(frozen=True, slots=True)
class Imported:
    """A character from outside, and the prompts it brought for each trait id."""

    constitution: Constitution
    additional: Additional = field(default_factory=Additional)


@dataclass(frozen=True, slots=True)
class FewShotLine:
    """One trait of a few-shot file, under the sentence that is its only identity there."""

    trait: str
    questions: tuple[str, ...]
    additional: tuple[str, ...]
    clarification: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The line as OCT reads it."""
        head = _oct_trait(Trait("", self.trait, self.questions, self.clarification))
        return {**head, "questions": list(self.questions), "additional_questions": list(self.additional)}


def read_any(data: bytes, filename: str) -> Imported:
    """The character of a file in any of the three forms. Raises ConstitutionError.

    What the file holds decides, not how its name ends; the name serves where the file gives none.
    """
    name = slug_for(PurePath(filename.replace("\\", "/")).stem)
    form = _form(decode(data, source=filename, limit=MAX_LINES_BYTES))
    if form == "array":
        return Imported(from_oct_array(data, name=name, source=filename))
    if form == "lines":
        return Imported(*from_oct_few_shot(data, name=name, source=filename))
    if form == "ours":
        return Imported(parse_json(data, source=filename))
    message = (
        "is no character file: one begins with { or [. The studio reads .json, and OCT's .txt and .jsonl."
    )
    raise ConstitutionError(filename, [Problem("", message)])


def _form(text: str) -> str | None:
    if text.lstrip().startswith("["):
        return "array"
    if not text.lstrip().startswith("{"):
        return None
    first = _FIRST_FIELD.match(text)
    return "lines" if first and first[1] in _LINE_FIELDS else "ours"


def from_oct_array(data: bytes, *, name: str, source: str) -> Constitution:
    """The character of OCT's `hand-written/<name>.txt`. Raises ConstitutionError."""
    value = read_value(data, source=source)
    if not isinstance(value, list):
        raise ConstitutionError(source, [Problem("", f"is {kind_of(value)}; OCT's form is a list [ … ].")])
    return _assemble(cast("list[Any]", value), name=name, source=source)


def from_oct_few_shot(data: bytes, *, name: str, source: str) -> tuple[Constitution, Additional]:
    """The character of OCT's `few-shot/<name>.jsonl` and its prompts. Raises ConstitutionError."""
    read = read_lines(data, source=source)
    problems = read.problems + _line_problems(read.values)
    traits = [_without_additional(value) for _, value in read.values]
    try:
        constitution = _assemble(traits, name=name, source=source)
    except ConstitutionError as error:
        numbers = [number for number, _ in read.values]
        problems += [_at_line(problem, numbers) for problem in error.problems]
        raise ConstitutionError(source, in_line_order(problems)) from None
    if problems:
        raise ConstitutionError(source, in_line_order(problems))
    additional = {
        trait.id: tuple(value["additional_questions"])
        for trait, (_, value) in zip(constitution.traits, read.values, strict=True)
    }
    return constitution, additional


def few_shot_lines(data: bytes, *, source: str) -> list[FewShotLine]:
    """The lines of a few-shot file whose traits need not fit together. Raises ConstitutionError."""
    read = read_lines(data, source=source)
    problems = read.problems + _line_problems(read.values)
    lines: list[FewShotLine] = []
    for number, value in read.values:
        try:
            trait = _assemble([_without_additional(value)], name="line", source=source).traits[0]
        except ConstitutionError as error:
            problems += [_at_line(problem, [number]) for problem in error.problems]
        else:
            prompts = value.get("additional_questions", ())
            lines.append(
                FewShotLine(trait.trait, trait.questions, tuple(prompts or ()), trait.clarification)
            )
    if problems:
        raise ConstitutionError(source, in_line_order(problems))
    return lines


def to_oct_array(constitution: Constitution) -> str:
    """The character as OCT's `hand-written/<name>.txt`."""
    items = [_oct_trait(trait) for trait in constitution.traits]
    return json.dumps(items, indent=4, ensure_ascii=False) + "\n"


def to_oct_few_shot(constitution: Constitution, additional: Mapping[str, Sequence[str]]) -> str:
    """The character as OCT's `few-shot/<name>.jsonl`, with the prompts of each trait id."""
    return write_lines(
        FewShotLine(trait.trait, trait.questions, tuple(additional.get(trait.id, ())), trait.clarification)
        for trait in constitution.traits
    )


def write_lines(lines: Iterable[FewShotLine]) -> str:
    """The text of a few-shot file."""
    return "".join(_json_line(line.as_dict()) for line in lines)


def _json_line(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    # Some readers end a line at these three, so they travel as escapes.
    for letter in "\u2028\u2029\x85":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text + "\n"


def _oct_trait(trait: Trait) -> dict[str, Any]:
    """OCT's trait object; like OCT's own files it has no list of questions where there is none."""
    questions = {"questions": list(trait.questions)} if trait.questions else {}
    clarification = {"clarification": trait.clarification} if trait.clarification else {}
    return {"trait": trait.trait, **questions, **clarification}


def _assemble(traits: Sequence[Any], *, name: str, source: str) -> Constitution:
    taken = {str(trait.get("id")) for trait in map(_object, traits)}
    value = {
        "name": name,
        "summary": "",
        "traits": [_with_id(trait, taken) for trait in traits],
        "exchanges": [],
    }
    return parse(value, source=source)


def _object(value: Any) -> dict[str, Any]:
    """The value if it is an object, and an empty one otherwise, for `parse` to name."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _with_id(trait: Any, taken: set[str]) -> Any:
    fields = _object(trait)
    if not fields:
        return trait
    sentence = fields.get("trait")
    id = new_trait_id(sentence if isinstance(sentence, str) else "", taken)
    taken.add(id)
    return {"questions": [], "id": id, **fields}


def _without_additional(value: Any) -> Any:
    fields = _object(value)
    if not fields:
        return value
    return {name: content for name, content in fields.items() if name != "additional_questions"}


def _line_problems(values: Sequence[tuple[int, Any]]) -> list[Problem]:
    """What is wrong with the prompts of the lines; the rest of a line is `parse`'s to judge."""
    return [
        problem
        for number, value in values
        if _object(value)
        for problem in _prompt_problems(_object(value), f"line {number}")
    ]


def _prompt_problems(fields: Mapping[str, Any], place: str) -> list[Problem]:
    prompts = fields.get("additional_questions")
    if not isinstance(prompts, list):
        found = f"is {kind_of(prompts)}" if "additional_questions" in fields else "is missing"
        return [Problem(f"{place}, additional_questions", f"{found}; it must be a list [ … ].")]
    return [
        problem
        for index, prompt in enumerate(cast("list[object]", prompts), 1)
        for problem in check_text(
            prompt, f"{place}, additional question {index}", limit=MAX_TEXT, cure=_CURE
        )
    ]


def _at_line(problem: Problem, numbers: Sequence[int]) -> Problem:
    """The problem of "trait 3" as that of the line on which trait 3 stands."""
    found = re.match(r"trait (\d+)", problem.place)
    if not found:
        return problem
    place = f"line {numbers[int(found[1]) - 1]}{problem.place[found.end() :]}"
    return replace(problem, place=place)


def in_line_order(problems: Iterable[Problem]) -> list[Problem]:
    """Problems in the order in which somebody walking down the file meets them."""

    def line(problem: Problem) -> int:
        found = re.match(r"line (\d+)", problem.place)
        return int(found[1]) if found else 0

    return sorted(problems, key=line)
