"""Unpacked files of a bundle made to fit this machine, and loaded once before they are let in.

{DATA_PATH} and its kin become folders of here; under another name, everything that names the character
or its run follows. Answers themselves are never touched: their keys hash what was asked, not who asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from core.constitution import Constitution
from core.errors import ConstitutionError, RunError
from core.evaluation.results import EvalResult
from core.records import content_hash
from core.settings import Settings
from core.store.answer_set import AnswerSet
from core.store.decisions import read_log
from core.store.jsonl import Row, iter_rows, read_json, write_json
from core.store.runs import Run

ROLES = ("teacher", "student", "reflect", "eval-answers", "eval-verdicts")


@dataclass(frozen=True, slots=True)
class Fit:
    """From which character and run to which."""

    settings: Settings
    old: Constitution
    new: Constitution
    old_run: str | None
    new_run: str | None

    @property
    def renames(self) -> bool:
        """Whether the character has another name here."""
        return self.old.name != self.new.name

    def value(self, value: Any, field: str = "") -> Any:
        """A JSON value for this machine; `field` is the name under which it stands."""
        if isinstance(value, str):
            return self._text(value, field)
        if isinstance(value, dict):
            fields = cast("dict[str, Any]", value)
            if self.renames and field == "constitution" and fields.get("name") == self.old.name:
                return self.new.as_dict()
            return {name: self.value(one, name) for name, one in fields.items()}
        if isinstance(value, list):
            return [self.value(one, field) for one in cast("list[Any]", value)]
        return value

    def _text(self, text: str, field: str) -> str:
        if self.renames:
            text = self._renamed(text, field)
        if "{" in text:
            for word, path in self._folders():
                text = text.replace(word, str(path))
        return text

    def _renamed(self, text: str, field: str) -> str:
        if text == self.old.content_hash:
            return self.new.content_hash
        if self.old_run and text == self.old_run:
            return self.new_run or text
        if text == self.old.name and field in ("constitution", "command", "name"):
            return self.new.name
        if text.startswith("{"):
            text = text.replace(f"/{self.old_run}/", f"/{self.new_run}/")
            text = text.replace(f"/{self.old.name}/", f"/{self.new.name}/")
            text = text.replace(f"/{self.old.name}.", f"/{self.new.name}.")
        return text

    def _folders(self) -> tuple[tuple[str, Path], ...]:
        return (
            ("{LORA_PATH}", self.settings.lora_path),
            ("{MODEL_PATH}", self.settings.model_path),
            ("{DATA_PATH}", self.settings.data_path),
            ("{CONSTITUTION_PATH}", self.settings.constitution_path),
        )


def fit_folder(root: Path, fit: Fit) -> None:
    """Rewrite the JSON files under a folder where anything in them names the other machine or name."""
    for path in sorted(root.rglob("*.json")):
        value = read_json(path)
        fitted = fit.value(value)
        if fitted != value:
            write_json(path, fitted)
    for path in sorted(root.glob("evals/*/*/result.json")):
        _follow_settings(path)


def _follow_settings(path: Path) -> None:
    """A result stands under the hash of its settings: where these changed, its folder follows."""
    about = read_json(path)
    settings = cast("Row", about).get("settings") if isinstance(about, dict) else None
    if not isinstance(settings, dict):
        raise RunError(f"{path.parent.name}/result.json in this bundle is no result; nothing was imported.")
    wanted = path.parent.with_name(content_hash(settings)[:8])
    if wanted != path.parent and not wanted.exists():
        path.parent.rename(wanted)


# ---- loaded once


def check_run(run: Run) -> None:
    """Raises RunError unless everything in a run can be read as pages and verbs will read it."""
    try:
        for one in (run, Run(run.folder / "trial")):
            if (one.folder / "run.json").is_file():
                _load(one)
        _load_results(run)
    except (RunError, ConstitutionError):
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise RunError(
            f"A file in this bundle is not in the form of this studio ({error}); nothing was imported."
        ) from None


def _load(run: Run) -> None:
    run.constitution()
    for prompt in run.prompts().values():
        _texts(prompt.id, prompt.text)
    for role in ROLES:
        for found in run.folder.glob(f"{role}/*/settings.json"):
            _load_answers(AnswerSet(found.parent), with_place=role in ("teacher", "student"))
    read_log(run.folder)
    for path in run.folder.glob("pairs/*.jsonl"):
        for row in iter_rows(path):
            _texts(row["id"], row["prompt"], row["text"])


def _load_answers(answers: AnswerSet, *, with_place: bool) -> None:
    about = cast(object, read_json(answers.folder / "settings.json"))
    if not isinstance(about, dict) or not isinstance(cast("Row", about).get("model"), str):
        raise TypeError("settings.json names no model")
    for row in _keyed(answers.plan_path):
        if with_place:
            _texts(row["prompt"])
            _whole(row["sample"])
    for row in _keyed(answers.rows_path):
        _texts(row["text"])
        if with_place:
            _texts(row["prompt"])
            _whole(row["sample"])


def _keyed(path: Path) -> Iterator[Row]:
    for row in iter_rows(path):
        _texts(row["key"])
        yield row


def _load_results(run: Run) -> None:
    for path in run.folder.glob("evals/*/*/result.json"):
        result = EvalResult.from_dict(read_json(path))
        _texts(result.kind, result.headline)
        if not isinstance(cast(object, result.made_at), int | float):
            raise TypeError("a result does not say when it was made")


def _texts(*values: object) -> None:
    for value in values:
        if not isinstance(value, str):
            raise TypeError("a text is missing")


def _whole(value: object) -> None:
    if not isinstance(value, int):
        raise TypeError("a number is missing")
