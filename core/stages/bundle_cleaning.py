"""What must not travel in a bundle: folders of this machine, and the names of people."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from core.settings import Settings
from core.store.jsonl import iter_rows
from core.store.runs import Run

# What says who somebody is, wherever a row carries it.
NAMES_OF_PEOPLE = ("reviewer", "rater", "raters", "by")
SENTENCE = 20
# What a rater is called who gave no name.
ANYBODY = "me"


@dataclass(frozen=True, slots=True)
class Cleaner:
    """Takes out of files what must not travel. `people` maps a name to what stands for it."""

    roots: tuple[tuple[str, str], ...]
    people: Mapping[str, str]

    def value(self, value: Any, *, signed: bool = False, field: str = "") -> Any:
        """A JSON value without folders of this machine; with `signed` also without people's names."""
        if isinstance(value, str):
            text = self._without_folders(value)
            return self._without_people(text, field) if signed else text
        if isinstance(value, dict):
            fields = cast("dict[str, Any]", value)
            return {name: self.value(one, signed=signed, field=name) for name, one in fields.items()}
        if isinstance(value, list):
            return [self.value(one, signed=signed, field=field) for one in cast("list[Any]", value)]
        return value

    def unsigned(self, row: Any, field: str = "", *, more: tuple[str, ...] = ()) -> Any:
        """A row in which whoever signed it is "person 1"; everything else is left as it is."""
        if isinstance(row, str):
            return self.people.get(row, row) if field in (*NAMES_OF_PEOPLE, *more) else row
        if isinstance(row, dict):
            fields = cast("dict[str, Any]", row)
            return {name: self.unsigned(one, name, more=more) for name, one in fields.items()}
        if isinstance(row, list):
            return [self.unsigned(one, field, more=more) for one in cast("list[Any]", row)]
        return row

    def _without_folders(self, text: str) -> str:
        if "/" not in text:
            return text
        for root, word in self.roots:
            text = text.replace(root, word)
        return _elsewhere(text)

    def _without_people(self, text: str, field: str) -> str:
        """A name where a name is meant, and in sentences; a short word elsewhere may be a setting."""
        if field in (*NAMES_OF_PEOPLE, "group"):
            return self.people.get(text, text)
        for name, instead in self.people.items() if len(text) > SENTENCE else ():
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", instead, text)
        return text


def _elsewhere(text: str) -> str:
    """A path that leads to no folder of ours says only what it is called."""
    if re.fullmatch(r"/(?:[^/\0\n]+/)+[^/\0\n]+", text):
        return f"…/{text.rsplit('/', 1)[1]}"
    return text


def cleaner(settings: Settings, run: Run | None, *, names: bool) -> Cleaner:
    """The cleaner for this machine and, unless their `names` may travel, for the people of a run."""
    words = (
        (settings.lora_path, "{LORA_PATH}"),
        (settings.model_path, "{MODEL_PATH}"),
        (settings.data_path, "{DATA_PATH}"),
        (settings.constitution_path, "{CONSTITUTION_PATH}"),
        (Path.home(), "~"),
    )
    roots = {str(form): word for path, word in words for form in (path.absolute(), path.resolve())}
    longest_first = sorted(roots.items(), key=lambda pair: -len(pair[0]))
    people = {} if run is None or names else people_of(run)
    return Cleaner(tuple(pair for pair in longest_first if len(pair[0]) > 3), people)


def people_of(run: Run) -> dict[str, str]:
    """Everybody who decided, reacted or rated, with the word that stands for them, in order of coming."""
    names: dict[str, None] = {}
    for path in sorted([*run.folder.glob("*.jsonl"), *run.folder.glob("ratings/*.jsonl")]):
        if path.name == "prompts.jsonl":
            continue
        for row in iter_rows(path):
            names |= dict.fromkeys(_signed(row))
    return {name: f"person {number}" for number, name in enumerate(names, 1)}


def _signed(value: Any, field: str = "") -> Iterator[str]:
    if isinstance(value, str):
        if field in NAMES_OF_PEOPLE and value.strip() and value != ANYBODY:
            yield value
    elif isinstance(value, dict):
        for name, one in cast("dict[str, Any]", value).items():
            yield from _signed(one, name)
    elif isinstance(value, list):
        for one in cast("list[Any]", value):
            yield from _signed(one, field)
