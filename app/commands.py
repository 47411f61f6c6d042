"""The commands behind the buttons: what a page launches and what it shows are the same list. Pure."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence

Flags = Mapping[str, str | int | float | bool | tuple[str, ...] | None]


def verb_words(verb: str, name: str | None, flags: Flags) -> list[str]:
    """A verb and its flags as words: None and False leave a flag out, True sets it bare.

    A tuple repeats the flag for each of its values.
    """
    words = [*verb.split(), *([name] if name else [])]
    for flag, value in flags.items():
        for one in value if isinstance(value, tuple) else (value,):
            words += _flag_words(flag, one)
    return words


def _flag_words(flag: str, value: str | int | float | bool | None) -> list[str]:
    if value is None or value is False:
        return []
    return [f"--{flag}"] if value is True else [f"--{flag}", str(value)]


def job_argv(words: Sequence[str]) -> list[str]:
    """The words as the argument list of a subprocess."""
    return [sys.executable, "-m", "core", *words, "--json"]


def job_words(argv: Sequence[str]) -> list[str]:
    """The words of a job's argument list: what `job_argv` was given."""
    words = list(argv[3:] if list(argv[1:3]) == ["-m", "core"] else argv)
    return words[:-1] if words[-1:] == ["--json"] else words


def shell_line(words: Sequence[str]) -> str:
    """The words as a person types them."""
    return shlex.join(["character", *words])
