"""The shell does what the Traits and Versions pages do: check, mend, name, restore, branch, delete."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from core.cli import character
from core.errors import ConflictError, ConstitutionError
from core.settings import load_settings
from core.store.library import Library


@pytest.fixture
def library() -> Library:
    """The library that the shell works on, with a copy of the pirate in it."""
    made = Library(load_settings())
    made.create("bob", copy_of="pirate")
    return made


def run(*words: str) -> Result:
    return CliRunner().invoke(character, ["constitution", *words])


def done(*words: str) -> str:
    result = run(*words)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def parsed(*words: str) -> dict[str, Any]:
    return json.loads(done(*words, "--json").splitlines()[-1])


def reword(library: Library, sentence: str, number: int = 0) -> None:
    loaded = library.load("bob")
    traits = list(loaded.constitution.traits)
    traits[number] = replace(traits[number], trait=sentence)
    library.save(replace(loaded.constitution, traits=tuple(traits)), base_revision=loaded.revision)


def test_a_character_without_faults_is_ready() -> None:
    assert done("check", "pirate").strip() == "pirate: 10 traits, 3 exchanges. Ready."


def test_a_finding_is_told_with_why_and_the_command_that_mends_it(library: Library) -> None:
    reword(library, "You are salty.")
    said = done("check", "bob")
    assert "second-person  trait 1: gives the character an order" in said
    assert "--fix second-person:voice" in said and "[-You are-] {+I am+} salty." in said


def test_a_mend_is_saved_as_a_version_of_its_own(library: Library) -> None:
    reword(library, "You are salty.")
    done("check", "bob", "--fix", "second-person:1")
    assert library.load("bob").constitution.traits[0].trait == "I am salty."
    assert library.history("bob")[0].note == "mended: second-person:1"
    assert library.version("bob", library.history("bob")[1].revision).traits[0].trait == "You are salty."


def test_every_finding_is_in_the_json(library: Library) -> None:
    reword(library, "You are salty.")
    [finding] = parsed("check", "bob")["findings"]
    assert (finding["rule"], finding["place"], finding["ignored"]) == ("second-person", "trait 1", False)
    assert finding["fix"]["changes"][0]["after"] == "I am salty."


def test_a_finding_is_put_aside_and_shown_again(library: Library) -> None:
    reword(library, "You are salty.")
    assert "1 put aside" in done("check", "bob", "--ignore", "second-person:voice")
    assert parsed("check", "bob")["findings"][0]["ignored"] is True
    assert "second-person" in done("check", "bob", "--unignore")


@pytest.mark.parametrize("spec", ["nonsense", "vague:voice", "second-person:9"])
def test_a_mend_that_is_none_is_refused_and_nothing_is_saved(library: Library, spec: str) -> None:
    reword(library, "You are salty.")
    before = library.revision("bob")
    result = run("check", "bob", "--fix", spec)
    assert isinstance(result.exception, ConstitutionError) and library.revision("bob") == before


def test_a_broken_file_names_every_problem_and_exits_with_1(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"name": "x", "summary": 3, "traits": [], "exchanges": []}')
    result = run("check", str(path), "--json")
    assert result.exit_code == 1
    problems = json.loads(result.output.splitlines()[-1])["problems"]
    assert {problem["place"] for problem in problems} == {"summary", "traits"}


def test_versions_are_listed_by_sitting_and_one_by_one(library: Library) -> None:
    for number in range(3):
        reword(library, f"I am number {number}.")
    assert len(done("versions", "bob").splitlines()) == 2
    assert len(done("versions", "bob", "--all").splitlines()) == 4
    rows = parsed("versions", "bob")["versions"]
    assert [row["changed"] for row in rows] == ["changed 1 trait"] * 3 + ["the first one kept"]


def test_a_shipped_character_has_no_versions_yet() -> None:
    assert "every change you make will be listed" in done("versions", "pirate")


def test_a_version_is_named_shown_restored_and_branched_by_its_name(library: Library) -> None:
    reword(library, "I am two.")
    first = library.history("bob")[-1].revision
    done("version", "name", "bob", first[:10], "The first", "--note", "for Ann")
    assert "“The first”" in done("versions", "bob") and "for Ann" in done("versions", "bob")
    assert "I am two." in done("version", "show", "bob", "the first")
    assert [c["where"] for c in parsed("version", "show", "bob", "the first")["changes"]] == ["Trait 1"]
    done("version", "branch", "bob", "The first", "bobby")
    assert library.history("bobby")[0].note.startswith("branched from bob, version")
    done("version", "restore", "bob", "The first")
    assert library.load("bob").constitution.traits == library.load("bobby").constitution.traits
    assert library.version("bob", library.history("bob")[1].revision).traits[0].trait == "I am two."


def test_a_branch_refuses_a_name_that_is_taken(library: Library) -> None:
    result = run("version", "branch", "bob", library.history("bob")[0].revision[:8], "bob")
    assert isinstance(result.exception, ConflictError)


def test_delete_and_restore_by_name(library: Library) -> None:
    before = library.load("bob").constitution
    done("delete", "bob")
    [item] = parsed("trash")["items"]
    assert item["name"] == "bob"
    done("restore", "bob")
    assert library.load("bob").constitution == before and "empty" in done("trash")


def test_nothing_is_removed_for_good_without_its_name(library: Library) -> None:
    item = parsed("delete", "bob")["id"]
    refused = run("trash", "--delete-for-good", item, "--yes", "bop")
    assert isinstance(refused.exception, ConstitutionError) and library.trash()
    done("trash", "--delete-for-good", item, "--yes", "bob")
    assert library.trash() == [] and library.history("bob") == []
