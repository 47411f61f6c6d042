"""Which flags a program knows, read from its source without running it. Pure.

    flags = flags_in(text_of_train_dpo)         # {"--train.batch_size": Flag(type="int", …), …}
    problems_in(words, flags)                   # unknown flags, wrong numbers, values that are no choice

OpenRLHF builds its parser only when it is run, and importing it needs a GPU; so its `add_argument` calls
are read, and Ray's `click.option` ones.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import Problem

SWITCHES = ("store_true", "store_false", "store_const", "count", "help", "version")
DECLARED_BY = ("add_argument", "option")
NUMBERS = {"int": int, "float": float}
NOT_CONSTANT = object()


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag of a parser. `count` is how many values it takes: a number, "?", "*", "+", 0 for none."""

    type: str | None = None
    choices: tuple[str, ...] = ()
    count: int | str = 1


def flags_in(source: str) -> dict[str, Flag]:
    """Every flag that a source text declares, by each of its names. Raises SyntaxError."""
    found: dict[str, Flag] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and _declares(node):
            names = [name for name in map(_constant, node.args) if isinstance(name, str)]
            flag = _flag(node)
            found |= {name: flag for name in names if name.startswith("-")}
    return found


def _declares(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr in DECLARED_BY


def _flag(call: ast.Call) -> Flag:
    told = {word.arg: word.value for word in call.keywords if word.arg}
    kind = told.get("type")
    return Flag(
        type=kind.id if isinstance(kind, ast.Name) else None,
        choices=_choices(told.get("choices")),
        count=_count(told),
    )


def _count(told: Mapping[str, ast.expr]) -> int | str:
    if _constant(told.get("action")) in SWITCHES or _constant(told.get("is_flag")) is True:
        return 0
    count = _constant(told.get("nargs"))
    return count if isinstance(count, int | str) and not isinstance(count, bool) else 1


def _choices(value: ast.expr | None) -> tuple[str, ...]:
    if not isinstance(value, ast.List | ast.Tuple):
        return ()
    return tuple(str(_constant(entry)) for entry in value.elts)


def _constant(value: ast.expr | None) -> Any:
    return value.value if isinstance(value, ast.Constant) else NOT_CONSTANT


def problems_in(words: Sequence[str], flags: Mapping[str, Flag]) -> list[Problem]:
    """What is wrong with a command's flags, all at once; [] when the program will take them."""
    found: list[Problem] = []
    for name, values in _grouped(words):
        flag = flags.get(name)
        if flag is None:
            found.append(Problem(name, "is not known to the installed version"))
        else:
            found += [Problem(name, why) for why in _wrong(flag, values)]
    return found


def _grouped(words: Sequence[str]) -> list[tuple[str, list[str]]]:
    """The words by flag; a word before the first flag stands alone, as one that nobody knows."""
    groups: list[tuple[str, list[str]]] = []
    for word in words:
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            groups.append((name, [value] if equals else []))
        elif groups:
            groups[-1][1].append(word)
        else:
            groups.append((word, []))
    return groups


def _wrong(flag: Flag, values: Sequence[str]) -> list[str]:
    if not _fits(flag.count, len(values)):
        return [f"takes {flag.count} value(s), and is given {len(values)}"]
    bad = [value for value in values if not _is(flag.type, value)]
    if bad:
        return [f"takes a number ({flag.type}), and is given {', '.join(bad)}"]
    odd = [value for value in values if flag.choices and value not in flag.choices]
    return [f"takes one of {', '.join(flag.choices)}, and is given {', '.join(odd)}"] if odd else []


def _fits(wanted: int | str, given: int) -> bool:
    if isinstance(wanted, int):
        return given == wanted
    return {"*": True, "+": given > 0, "?": given < 2}.get(wanted, True)


def _is(kind: str | None, value: str) -> bool:
    if kind not in NUMBERS:
        return True
    try:
        NUMBERS[kind](value)
    except ValueError:
        return False
    return True
