"""`character constitution check`: what keeps a character from being learnt well, and mends it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from core.cli.characters import character_of, constitution
from core.cli.options import data_option, json_option
from core.cli.output import FAILED, say, whisper
from core.cli.wording import as_difference
from core.constitution import Constitution, parse
from core.errors import ConstitutionError, CoreError, Problem
from core.linting import RULES, Finding, apply, lint, place_of
from core.settings import load_settings
from core.store.library import Library

MOST_MENDS = 100


@constitution.command("check")
@click.argument("name_or_file")
@click.option(
    "--fix", "fixes", multiple=True, metavar="RULE[:TRAIT]", help="Make this mend; may be repeated."
)
@click.option("--ignore", "ignores", multiple=True, metavar="RULE[:TRAIT]", help="Put this finding aside.")
@click.option("--unignore", is_flag=True, help="Show every finding that was put aside again.")
@data_option
@json_option
def check(
    name_or_file: str,
    fixes: tuple[str, ...],
    ignores: tuple[str, ...],
    unignore: bool,
    data: Path | None,
    as_json: bool,
) -> None:
    """Every problem of a character at once, and what could make it stronger.

    RULE is the word that a finding begins with; TRAIT is a trait's id or its number.
    """
    settings = load_settings(data=data)
    library = Library(settings)
    try:
        character = character_of(name_or_file, settings)
    except ConstitutionError as error:
        _say_broken(name_or_file, error, as_json)
        sys.exit(FAILED)
    is_file = bool(Path(name_or_file).suffix)
    if is_file and (fixes or ignores or unignore):
        raise ConstitutionError(name_or_file, [Problem("", "is a file; import it, then mend it by name.")])
    for spec in fixes:
        character = _mend(library, character, spec)
    _put_aside(library, character, ignores, unignore)
    _say_findings(character, *_findings(library, character, is_file), as_json)


def _findings(
    library: Library, character: Constitution, is_file: bool
) -> tuple[list[Finding], frozenset[str]]:
    if is_file:
        return lint(character), frozenset()
    return lint(character, _tested(library, character.name)), library.ignored(character.name)


def _tested(library: Library, name: str) -> dict[str, int]:
    try:
        return {id: len(prompts) for id, prompts in library.additional(name).by_trait.items()}
    except CoreError:
        return {}


# ---- mends


def _mend(library: Library, character: Constitution, spec: str) -> Constitution:
    """The character after every mend that a spec names, saved. Raises ConstitutionError for none."""
    loaded = library.load(character.name)
    mended, label = loaded.constitution, ""
    for _ in range(MOST_MENDS):
        found = [
            finding
            for finding in lint(mended, _tested(library, mended.name))
            if _meant(finding, mended, spec)
        ]
        fix = next((finding.fix for finding in found if finding.fix), None)
        if fix is None:
            break
        mended, label = parse(apply(mended.as_dict(), fix), source=mended.name), spec
    if not label:
        raise ConstitutionError(character.name, [Problem("", _no_mend(spec))])
    return library.save(mended, base_revision=loaded.revision, note=f"mended: {label}").constitution


def _meant(finding: Finding, character: Constitution, spec: str) -> bool:
    rule, _, where = spec.partition(":")
    if finding.rule != rule:
        return False
    numbers = {trait.id: str(number) for number, trait in enumerate(character.traits, 1)}
    return not where or where in (finding.trait, numbers.get(finding.trait))


def _no_mend(spec: str) -> str:
    rule = spec.partition(":")[0]
    if rule not in RULES:
        return f"there is no rule {rule[:40]!r}; rules are {', '.join(RULES)}."
    return f"has no finding {spec[:60]!r} with a mend; run the check without --fix to see what there is."


def _put_aside(library: Library, character: Constitution, specs: tuple[str, ...], unignore: bool) -> None:
    for key in library.ignored(character.name) if unignore else ():
        library.ignore(character.name, key, again=True)
    found = lint(character, _tested(library, character.name)) if specs else []
    for spec in specs:
        meant = [finding for finding in found if _meant(finding, character, spec)]
        if not meant:
            raise ConstitutionError(character.name, [Problem("", f"has no finding {spec[:60]!r}.")])
        for finding in meant:
            library.ignore(character.name, finding.key)


# ---- telling


def _say_findings(
    character: Constitution, found: list[Finding], aside: frozenset[str], as_json: bool
) -> None:
    value = character.as_dict()
    if as_json:
        rows = [{**_row(finding, value), "ignored": finding.key in aside} for finding in found]
        head = {"verb": "constitution check", "status": "done", "name": character.name, "problems": []}
        click.echo(json.dumps({**head, "findings": rows}, ensure_ascii=False))
        return
    say(f"{character.name}: {len(character.traits)} traits, {len(character.exchanges)} exchanges. Ready.")
    for severity, title in (("mend", "To mend"), ("consider", "To consider")):
        shown = [one for one in found if one.severity == severity and one.key not in aside]
        if shown:
            say(f"\n{title}")
        for finding in shown:
            _say_finding(finding, value)
    if hidden := sum(finding.key in aside for finding in found):
        say(f"\n{hidden} put aside; --unignore shows them again.")


def _say_finding(finding: Finding, value: dict[str, Any]) -> None:
    where = place_of(finding, value) or "the whole character"
    say(f"  {finding.rule}  {where}: {finding.message}")
    say(f"      {finding.why}")
    if finding.fix:
        trait = f":{finding.trait}" if finding.trait else ""
        say(f"      --fix {finding.rule}{trait}   {finding.fix.label}:")
        for change in finding.fix.changes:
            say(f"        {as_difference(change.old, change.new)}")


def _row(finding: Finding, value: dict[str, Any]) -> dict[str, Any]:
    fix = finding.fix and {
        "label": finding.fix.label,
        "changes": [
            {"part": change.part, "trait": change.trait, "before": change.old, "after": change.new}
            for change in finding.fix.changes
        ],
    }
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "place": place_of(finding, value),
        "trait": finding.trait,
        "question": finding.question,
        "message": finding.message,
        "why": finding.why,
        "key": finding.key,
        "fix": fix,
    }


def _say_broken(name: str, error: ConstitutionError, as_json: bool) -> None:
    whisper(str(error))
    if as_json:
        problems = [{"place": problem.place, "message": problem.message} for problem in error.problems]
        head = {"verb": "constitution check", "status": "failed", "name": name, "error": str(error)}
        click.echo(json.dumps({**head, "problems": problems, "findings": []}, ensure_ascii=False))


COMMANDS: tuple[click.Command, ...] = ()
