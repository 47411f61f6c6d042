"""What a person chose on a Check page, read from the widgets at the moment of the click; its command."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any

import click

from app import state
from app.check_kinds import About
from app.check_reads import adapters_of
from app.commands import Flags, verb_words
from app.launch_options import dollars, listed
from core.errors import SettingsError
from core.evaluation.results import BASE, NEUTRAL, PROMPTED
from core.names import ModelName, parse_model
from core.stages.defaults import PROVIDER

EMBEDDED = "local/smollm2-135m"
CONTROLS = (BASE, PROMPTED, NEUTRAL)
STRENGTHS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
MODEL, TUNED, CONTROL, STRENGTH, JUDGE, BUDGET = (
    f"check:{what}" for what in ("model", "tuned", "controls", "strengths", "judge", "budget")
)


def adapters_key(name: str) -> str:
    """The widget of a character's adapters."""
    return f"check:adapters:{name}"


def own_key(kind: str, flag: str) -> str:
    """The widget of a flag that only one kind has."""
    return f"check:{kind}:{flag}"


@lru_cache
def options_of(kind: str) -> dict[str, click.Option]:
    """The flags of a kind's command by name ("--judge"); empty while it is not built."""
    try:
        command = import_module(f"core.cli.evals.{kind}").COMMAND
    except ImportError:
        return {}
    return {
        flag: option
        for option in command.params
        if isinstance(option, click.Option)
        for flag in (*option.opts, *option.secondary_opts)
    }


@dataclass(frozen=True, slots=True)
class Choice:
    """What is measured of whom. `own` holds the flags that only this kind has."""

    about: About
    name: str
    model: str = EMBEDDED
    adapters: tuple[str, ...] = ()
    tuned: str = ""
    strengths: tuple[float, ...] = (1.0,)
    controls: tuple[str, ...] = CONTROLS
    judge: str = ""
    budget: float | None = None
    own: tuple[tuple[str, Any], ...] = ()

    def words(self) -> list[str]:
        """The command that measures it."""
        known = options_of(self.about.kind)
        flags = {flag: value for flag, value in self._flags().items() if not known or f"--{flag}" in known}
        return verb_words(f"eval {self.about.kind}", None, {"constitution": self.name} | flags)

    def _flags(self) -> Flags:
        return {
            "model": None if self.model == EMBEDDED else self.model,
            "adapter": tuple(self.adapters) if not self.tuned else (),
            "tuned": self.tuned or None,
            "strength": () if self.strengths == (1.0,) else tuple(f"{one:g}" for one in self.strengths),
            "control": () if set(self.controls) == set(CONTROLS) else self.controls,
            "judge": self.judge or None,
            "budget": None if self.budget is None else dollars(self.budget),
        } | dict(self.own)

    def models(self) -> list[ModelName]:
        """Everybody who is asked, by name. Raises SettingsError for a name that is none."""
        typed = [self.model, *([self.tuned] if self.tuned else []), *([self.judge] if self.judge else [])]
        return [parse_model(one, default=PROVIDER) for one in typed]

    @property
    def is_full(self) -> bool:
        """Whether full benchmarks are asked, by a program that counts for itself."""
        return "full" in dict(self.own)

    def is_embedded(self) -> bool:
        """Whether the model before training is one that this computer runs."""
        try:
            return parse_model(self.model, default=PROVIDER).provider == "local"
        except SettingsError:
            return False


def chosen(about: About, name: str) -> Choice:
    """What the widgets hold now; what no widget was drawn for keeps its default."""
    known = options_of(about.kind)
    model = _typed(MODEL) or EMBEDDED
    there = adapters_of(name, model.removeprefix("local/"))
    wished = state.widget(adapters_key(name))
    own = tuple((flag, _own(about.kind, flag)) for flag in own_flags(about.kind))
    return Choice(
        about,
        name,
        model,
        tuple(one for one in (wished or ()) if one in there) if there else (),
        _typed(TUNED) if "--tuned" in known or not known else "",
        # The strength it was trained at comes last: of several, the headline is about that one.
        tuple(sorted(state.widget(STRENGTH) or (1.0,), key=lambda one: (one == 1.0, one))),
        tuple(one for one in CONTROLS if one in (state.widget(CONTROL) or ())) or CONTROLS,
        _typed(JUDGE) if "--judge" in known else "",
        state.widget(BUDGET),
        tuple((flag, value) for flag, value in own if value is not None),
    )


# Flags of single kinds that a page offers, in this order, and those that it keeps folded; the rest is
# for the shell.
OFFERED = ("per-trait", "N", "limit", "K", "turns", "condition", "traits", "rubric", "max-tokens")
LM_EVAL = "lm-eval"
FOLDED = ("variant", "classifier", "trait", "full", "tasks", "fewshot")


def own_flags(kind: str, wanted: tuple[str, ...] = OFFERED + FOLDED) -> list[str]:
    """The flags that only this kind has and the page offers, each under its first name."""
    known = options_of(kind)
    firsts = {id(known[f"--{flag}"]): flag for flag in reversed(wanted) if f"--{flag}" in known}
    return [flag for flag in wanted if flag in firsts.values()]


def default_of(option: click.Option) -> Any:
    """A flag's own default; a list for one that may be repeated: all its words, where it has a few."""
    value = option.default
    if option.multiple and isinstance(option.type, click.Choice):
        return list(value) if isinstance(value, list | tuple) else [str(one) for one in option.type.choices]
    return value if isinstance(value, str | int | float) else None


def _own(kind: str, flag: str) -> Any:
    """A flag's value where it is not the command's own default."""
    value, option = state.widget(own_key(kind, flag)), options_of(kind)[f"--{flag}"]
    if option.multiple and isinstance(value, str):
        value = listed(value)
    if isinstance(value, list | tuple):
        return tuple(value) if value and list(value) != default_of(option) else None
    return None if value in (None, "", default_of(option)) else value


def _typed(key: str) -> str:
    return str(state.widget(key) or "").strip()
