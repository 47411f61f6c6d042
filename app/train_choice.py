"""What a person chose on the Train page, read from the widgets, and the command that it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from app import state
from app.commands import verb_words
from app.launch_options import dollars
from app.reads import settings
from app.train_words import fields_of, plain_number
from core.cli.tuning import BACKENDS
from core.embedded.catalogue import MODELS
from core.formats import Kind
from core.names import ALIASES, ModelName
from core.settings import Settings
from core.tuning.preflight import Backend, Wish
from core.tuning.prepare import SOURCES
from core.tuning.presets import NAMES, numbers_of
from core.tuning.recipe import PRESETS as AT_TOGETHER

PAGE = "train"
WHERE, KIND, PRESET, STUDENT, LIMIT = (
    f"train:{name}" for name in ("where", "kind", "preset", "student", "limit")
)
# The students of OpenCharacterTraining; any other name may be typed.
USUAL = ("llama-3.1-8b-it", "qwen-2.5-7b-it", "gemma-3-4b-it")
EMBEDDED = tuple(MODELS)


@dataclass(frozen=True, slots=True)
class Choice:
    """One training as the page's widgets have it. `own` are the numbers that somebody changed."""

    name: str
    backend: str
    kind: Kind
    student: str
    preset: str
    own: Mapping[str, Any] = field(default_factory=dict[str, Any])
    limit: float | None = None

    def default(self, flag: str) -> Any:
        """The number of a flag when nobody changes it."""
        return defaults(self.backend, self.kind, self.preset).get(flag)

    def number(self, flag: str) -> Any:
        """The number of a flag as it will be."""
        return self.own.get(flag, self.default(flag))

    @property
    def numbers(self) -> dict[str, Any]:
        """Rows a step and passes, under the names that sentences use."""
        return {"batch": self.number("batch-size"), "epochs": self.number("n-epochs")}

    @property
    def own_here(self) -> dict[str, Any]:
        """The changed numbers under the names of the trainer of this computer."""
        return {one.here: self.own[one.flag] for one in fields_of(self.kind) if one.flag in self.own}

    @property
    def own_at_together(self) -> dict[str, Any]:
        """The changed numbers under Together's names."""
        names = {one.flag: one.remote for one in fields_of(self.kind)} | {"seed": "random_seed"}
        return {names[flag]: value for flag, value in self.own.items()}

    @property
    def wish(self) -> Wish:
        """What the checks look at."""
        return Wish(
            self.name, cast(Backend, self.backend), self.kind, self.student, self.number("batch-size")
        )

    def words(self, *, again: bool = False) -> list[str]:
        """The command that trains it."""
        flags: dict[str, Any] = {
            "backend": self.backend,
            "constitution": self.name,
            "student": f"local/{self.student}" if self.backend == "local" else self.student,
            "preset": self.preset if self.backend == "local" else None,
            "budget": dollars(self.limit) if self.backend == "together" and self.limit else None,
            "again": again,
        }
        return verb_words(f"train {self.kind}", None, flags | _flags(self.own))


def _flags(own: Mapping[str, Any]) -> dict[str, str]:
    return {flag: plain_number(value) for flag, value in own.items()}


def defaults(backend: str, kind: Kind, preset: str) -> dict[str, Any]:
    """Every number of a recipe by its flag, as the backend's own table has it."""
    if backend == "together":
        recipe = AT_TOGETHER["paper"][kind]
        return {field.flag: getattr(recipe, field.remote, None) for field in fields_of(kind)}
    numbers = numbers_of(kind, preset if backend == "local" else "paper")
    return {field.flag: numbers.get(field.here) for field in fields_of(kind)}


def chosen(name: str) -> Choice:
    """What the widgets hold; before the first look, the embedded model and its own recipe."""
    backend = str(state.widget(WHERE) or "local")
    kind = cast(Kind, state.widget(KIND) or "dpo")
    preset = str(state.widget(PRESET) or "trial") if backend == "local" else "paper"
    held = {field.flag: state.widget(number_key(field.flag)) for field in fields_of(kind)}
    own = {flag: value for flag, value in held.items() if value is not None}
    student = str(state.widget(STUDENT) or "")
    choices = students(name, backend, kind, settings())
    # Of another backend's list: a name typed there says nothing here.
    fits = student in choices or (student and backend != "local" and student not in EMBEDDED)
    return Choice(name, backend, kind, student if fits else choices[0], preset, own, state.widget(LIMIT))


def number_key(flag: str) -> str:
    """The widget of an expert's number."""
    return f"train:number:{flag}"


def backends() -> list[str]:
    """Where can be trained, this computer first."""
    return [name for name in ("local", "together", "openrlhf") if name in BACKENDS]


def presets(backend: str) -> tuple[str, ...]:
    """The recipes of a backend."""
    return NAMES if backend == "local" else ("paper",)


def students(name: str, backend: str, kind: Kind, where: Settings) -> list[str]:
    """Who can be trained there: those that rows were made for first."""
    if backend == "local":
        return list(EMBEDDED)
    ready = [slug for slug in with_rows(name, kind, where) if slug not in EMBEDDED]
    return list(dict.fromkeys([*ready, *USUAL]))


def with_rows(name: str, kind: Kind, where: Settings) -> list[str]:
    """The students that there are rows of this character for, the newest first."""
    paths = list((where.data_path / SOURCES[kind]).glob(f"*/{name}.jsonl"))
    return [path.parent.name for path in sorted(paths, key=_age)]


def _age(path: Path) -> float:
    try:
        return -path.stat().st_mtime
    except OSError:
        return 0.0


def student_title(slug: str) -> str:
    """A student by its full name."""
    alias = ALIASES.get(slug)
    return alias.hugging_face.rpartition("/")[2] if alias else ModelName("local", slug).model
