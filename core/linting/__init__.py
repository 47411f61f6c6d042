"""What keeps a character from being learnt well, in a novelist's words, with mends in one click. Pure.

    for finding in lint(constitution):
        finding.trait, finding.message      "mood", "gives the character an order; let it say …"
        finding.fix                         Fix("Say it as I", …), or None
    apply(constitution.as_dict(), finding.fix)

Nothing here keeps a character from being used. To add a rule: a function beside the others, with a
`Teller` that says how grave it is and why it matters, and a line in its module's `RULES`; then give
it sentences in the table of `tests/core/test_linting.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from core.errors import ConflictError, CoreError
from core.linting import exchanges, negatives, opposites, questions, repeats, scripted, sentences, whole
from core.linting.findings import Change, Finding, Fix, Rule, Severity, Tested
from core.linting.fixes import CHANGED, apply

if TYPE_CHECKING:
    from core.constitution import Constitution

__all__ = [
    "CHANGED",
    "RULES",
    "Change",
    "Finding",
    "Fix",
    "Rule",
    "Severity",
    "apply",
    "lint",
    "lint_value",
    "place_of",
]

RULES: dict[str, Rule] = {
    rule.name: rule
    for module in (sentences, negatives, scripted, opposites, repeats, questions, whole, exchanges)
    for rule in module.RULES
}
"""Every rule by its name; in this order findings are listed."""


def lint(constitution: Constitution, tested: Tested | None = None) -> list[Finding]:
    """What could be better about a valid character, grave things first, each in the order of the file.

    `tested` says how many prompts beyond its questions a trait has, by id. Every fix that a finding
    offers has been tried: it leaves a valid character without that finding.
    """
    tested = tested or {}
    found = [finding for rule in RULES.values() for finding in rule.find(constitution, tested)]
    once = {finding.key: finding for finding in reversed(found)}.values()  # twins are told of once
    return [
        _tried(finding, constitution, found, tested)
        for finding in _sorted(reversed(list(once)), constitution)
    ]


def lint_value(value: dict[str, Any], tested: Tested | None = None) -> list[Finding]:
    """The findings of what is finished in a value: a draft's empty traits and exchanges are passed over."""
    finished = _finished(value)
    if finished is None:
        return []
    try:
        return lint(_parse(finished), tested)
    except CoreError:
        return []


def place_of(finding: Finding, value: dict[str, Any]) -> str:
    """Where a finding is, for people: "trait 3, question 2", "exchange 1", "" for the whole character."""
    if finding.exchange:
        users = [exchange.get("user") for exchange in value.get("exchanges", [])]
        return f"exchange {users.index(finding.exchange) + 1}" if finding.exchange in users else "exchange"
    for number, trait in enumerate(value.get("traits", []), 1):
        if finding.trait and trait.get("id") == finding.trait:
            asked = trait.get("questions", [])
            known = finding.question in asked
            return f"trait {number}" + (f", question {asked.index(finding.question) + 1}" if known else "")
    return ""


def _sorted(found: Iterable[Finding], constitution: Constitution) -> list[Finding]:
    order = {trait.id: number for number, trait in enumerate(constitution.traits, 1)}
    return sorted(found, key=lambda one: (one.severity != "mend", order.get(one.trait, 0)))


def _tried(finding: Finding, constitution: Constitution, found: list[Finding], tested: Tested) -> Finding:
    """The finding with its fix, or without one that does not do what it says."""
    if finding.fix is None or _mends(finding, constitution, found, tested):
        return finding
    return replace(finding, fix=None)


def _mends(finding: Finding, constitution: Constitution, found: list[Finding], tested: Tested) -> bool:
    if finding.fix is None:
        return False
    try:
        mended = _parse(apply(constitution.as_dict(), finding.fix))
    except (ConflictError, CoreError):
        return False
    before = sum(other.rule == finding.rule for other in found)
    return len(list(RULES[finding.rule].find(mended, tested))) < before


def _parse(value: dict[str, Any]) -> Constitution:
    from core.constitution import parse

    return parse(value, source="the character")


def _finished(value: dict[str, Any]) -> dict[str, Any] | None:
    """The value without what is still empty; None when that is no character at all."""
    try:
        traits = [
            {**trait, "questions": _kept(trait.get("questions", []), str.strip)}
            for trait in value.get("traits", [])
            if str(trait.get("trait", "")).strip()
        ]
        told = [
            exchange
            for exchange in value.get("exchanges", [])
            if all(str(exchange.get(side, "")).strip() for side in ("user", "assistant"))
        ]
    except (AttributeError, TypeError):
        return None
    return {**value, "traits": traits, "exchanges": told}


def _kept(texts: Iterable[str], has: Callable[[str], object]) -> list[str]:
    return [text for text in texts if has(text)]
