"""Versions: what changed is told in words, names are kept, nothing that has a name is ever dropped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.changes import changes, in_one_line
from core.constitution import parse
from core.errors import ConflictError, ConstitutionError
from core.merging import merged
from core.sittings import sittings
from core.store.branching import branch
from core.store.history import KEPT, SPARE, Version, find_version
from core.store.jsonl import append_rows
from core.store.library import Library
from tests.core.character_kit import UNHURRIED, a_character, a_file, characters, shelf_settings


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(shelf_settings(tmp_path, "pirate"))


def save(library: Library, summary: str, **more: Any) -> None:
    loaded = library.load("pirate")
    library.save(replace(loaded.constitution, summary=summary), base_revision=loaded.revision, **more)


def traits(value: dict[str, Any], **texts: str) -> dict[str, Any]:
    """The value with the sentences of some traits changed, by id."""
    changed = [{**trait, "trait": texts.get(trait["id"], trait["trait"])} for trait in value["traits"]]
    return {**value, "traits": changed}


# ---- what changed


def test_what_changed_is_said_in_one_line() -> None:
    before = a_file()
    after = traits(before, voice="I sing.", comfort="When somebody cries, I hum.")
    after["traits"][0] = {**after["traits"][0], "questions": ["What is tax?", "Why does it rain?", "Who?"]}
    assert in_one_line(changes(before, after)) == "changed 2 traits, added 1 question"
    assert in_one_line(changes(before, before)) == "nothing changed"


def test_a_new_trait_is_told_once_and_not_by_its_questions() -> None:
    after = a_file()
    after["traits"].append(
        {"id": "new", "trait": "I hum.", "questions": ["a", "b"], "clarification": "Low."}
    )
    assert in_one_line(changes(a_file(), after)) == "added 1 trait"
    assert in_one_line(changes(after, a_file())) == "removed 1 trait"


def test_a_question_in_the_middle_is_found_where_it_is() -> None:
    before, after = a_file(), a_file()
    after["traits"][0] = {**after["traits"][0], "questions": ["What is tax?", "New?", "Why does it rain?"]}
    [piece] = changes(before, after)
    assert (piece.where, piece.before, piece.after) == ("Trait 1, question 2", "", "New?")


def test_moved_traits_exchanges_and_the_sentence_are_told() -> None:
    before, after = a_file(), a_file(summary="A wolf.", exchanges=[])
    after["traits"] = after["traits"][::-1]
    line = in_one_line(changes(before, after))
    assert line == "changed the one sentence, changed the order of the traits, removed 1 exchange"


@UNHURRIED
@given(characters(), characters())
def test_any_two_characters_can_be_compared_and_a_character_is_like_itself(one: Any, other: Any) -> None:
    same = changes(one.as_dict(), one.as_dict())
    assert same == []
    there, back = changes(one.as_dict(), other.as_dict()), changes(other.as_dict(), one.as_dict())
    assert bool(there) == bool(back)
    assert sorted(piece.after for piece in there if piece.kind == "trait") == sorted(
        piece.before for piece in back if piece.kind == "trait"
    )


# ---- names


def test_a_version_keeps_its_name_and_note_and_can_be_found_by_it(library: Library) -> None:
    save(library, "One.")
    save(library, "Two.")
    first = library.history("pirate")[1]
    library.call_version("pirate", first, " Before the cats ", "kept for Ann")
    again = library.history("pirate")
    assert (again[1].name, again[1].remark, again[0].name) == ("Before the cats", "kept for Ann", "")
    assert find_version("pirate", again, "before the CATS").revision == first.revision
    assert find_version("pirate", again, first.revision[:8]) == again[1]
    library.call_version("pirate", first, "")
    assert library.history("pirate")[1].name == ""


def test_who_saved_a_version_is_kept(library: Library) -> None:
    save(library, "One.", who="Ann")
    assert library.history("pirate")[0].who == "Ann"


@pytest.mark.parametrize("wanted", ["", "beef", "Nobody"])
def test_a_version_that_is_none_is_refused_in_a_sentence(library: Library, wanted: str) -> None:
    save(library, "One.")
    with pytest.raises(ConstitutionError, match="has no version"):
        find_version("pirate", library.history("pirate"), wanted)


def test_a_beginning_that_two_versions_share_is_refused() -> None:
    two = [Version("aa11", 2.0, ""), Version("aa22", 1.0, "")]
    with pytest.raises(ConstitutionError, match="several"):
        find_version("pirate", two, "aa")
    assert find_version("pirate", two, "aa2") == two[1]


def test_a_name_too_long_is_refused_and_nothing_is_written(library: Library) -> None:
    save(library, "One.")
    with pytest.raises(ConstitutionError, match="shorten it to 80"):
        library.call_version("pirate", library.history("pirate")[0], "x" * 81)
    assert not library.history_files("pirate")[1].exists()


def test_a_named_version_outlives_all_others(library: Library) -> None:
    record = library._history.record
    record("pirate", b'{"summary": "the first"}')
    first = library.history("pirate")[0]
    library.call_version("pirate", first, "The first")
    for number in range(2 * (KEPT + SPARE)):
        record("pirate", str(number).encode())
    kept = library.history("pirate", limit=10_000)
    assert KEPT <= len(kept) <= KEPT + SPARE + 1
    assert kept[-1] == library.states("pirate")[-1].version
    assert (kept[-1].name, kept[-1].revision) == ("The first", first.revision)
    assert library.states("pirate")[-1].value == {"summary": "the first"}


def test_a_history_from_before_versions_had_names_is_read_as_it_is(library: Library) -> None:
    path = library.history_files("pirate")[0]
    path.parent.mkdir(parents=True)
    text = json.dumps(a_file())
    append_rows(path, [{"revision": "ab" * 32, "saved_at": 1.5, "note": "old", "text": text}])
    [version] = library.history("pirate")
    assert (version.note, version.who, version.name) == ("old", "", "")
    library.call_version("pirate", version, "Old one")
    assert library.history("pirate")[0].name == "Old one"
    assert library.states("pirate")[0].value == a_file()


def test_half_a_row_of_a_name_that_a_kill_left_harms_no_later_name(library: Library) -> None:
    save(library, "One.")
    newest = library.history("pirate")[0]
    library.call_version("pirate", newest, "Kept")
    names = library.history_files("pirate")[1]
    names.write_bytes(names.read_bytes() + b'{"state": "hal')
    assert library.history("pirate")[0].name == "Kept"
    library.call_version("pirate", newest, "Again")
    assert library.history("pirate")[0].name == "Again"


def test_an_unfinished_state_can_be_kept_among_the_versions(library: Library) -> None:
    value = a_file()
    value["traits"].append({"id": "new", "trait": "", "questions": []})
    library.save_draft("pirate", value, base_revision=library.load("pirate").revision)
    library.keep_draft_in_history("pirate")
    newest = library.states("pirate")[0]
    assert newest.value == value and newest.version.note.startswith("unfinished")


def test_a_file_changed_outside_is_kept_before_it_is_written_over(library: Library) -> None:
    save(library, "One.")
    path = library.load("pirate").path
    path.write_text(path.read_text().replace("One.", "By hand."))
    save(library, "Two.")
    notes = [version.note for version in library.history("pirate")]
    assert notes == ["", "changed outside the studio", "", "before the first change here"]


# ---- sittings


def states(*rows: tuple[float, str, str]) -> list[Version]:
    return [Version(f"r{number}", at, note, name=name) for number, (at, note, name) in enumerate(rows)]


def heads(rows: list[Version]) -> list[tuple[int, ...]]:
    return [sitting.positions for sitting in sittings(rows)]


def test_what_was_saved_in_one_go_is_one_entry_and_a_pause_begins_another() -> None:
    rows = states((9000, "", ""), (8990, "", ""), (5000, "", ""), (4000, "", ""))
    assert heads(rows) == [(0, 1), (2, 3)]


def test_a_name_or_a_restore_stands_alone_in_the_list() -> None:
    rows = states(
        (60, "", ""), (50, "", "Named"), (40, "", ""), (30, "back to version x", ""), (20, "", "")
    )
    assert heads(rows) == [(0,), (1, 2), (3,), (4,)]


@UNHURRIED
@given(st.lists(st.tuples(st.floats(0, 1e5), st.sampled_from(["", "n"]), st.sampled_from(["", "N"]))))
def test_every_state_is_in_exactly_one_sitting(rows: list[tuple[float, str, str]]) -> None:
    ordered = states(*sorted(rows, reverse=True))
    found = [position for sitting in sittings(ordered) for position in sitting.positions]
    assert found == list(range(len(rows)))


# ---- branching


def test_a_branch_is_a_new_character_from_that_version_and_says_so(library: Library) -> None:
    library.add_additional(library.load("pirate").constitution, {"voice": ["Why is rum dear?"]})
    save(library, "One.")
    version = library.history("pirate")[-1]
    library.call_version("pirate", version, "Mild")
    save(library, "Two.")
    saved = branch(library, "pirate", library.history("pirate")[-1], "grumpier")
    assert saved.constitution == a_character("grumpier")
    note = library.history("grumpier")[0].note
    assert note == f"branched from pirate, version {version.revision[:8]} “Mild”"
    assert library.additional("grumpier").by_trait["voice"] == ("Why is rum dear?",)
    assert library.load("pirate").constitution.summary == "Two."


def test_a_branch_never_takes_a_name_that_is_taken(library: Library) -> None:
    save(library, "One.")
    with pytest.raises(ConflictError, match="already"):
        branch(library, "pirate", library.history("pirate")[0], "pirate")


# ---- deleting for good


def test_what_is_deleted_for_good_is_gone_with_its_versions(library: Library) -> None:
    library.create("mine")
    library.ignore("mine", "vague:1")
    item = library.delete("mine")
    assert library.history("mine")
    assert library.delete_for_good(item.id) == "mine"
    assert library.trash() == [] and library.history("mine") == []
    assert not [path for path in library.shelf.own.rglob("*mine*") if path.suffix != ".lock"]
    with pytest.raises(ConstitutionError, match="not in the trash"):
        library.delete_for_good(item.id)


def test_versions_stay_while_a_character_of_that_name_is_there(library: Library) -> None:
    save(library, "One.")
    item = library.delete("pirate")
    library.delete_for_good(item.id)
    assert len(library.history("pirate")) == 2


def test_findings_put_aside_are_kept_move_with_the_character_and_can_be_shown_again(
    library: Library,
) -> None:
    library.create("mine")
    library.ignore("mine", "vague:1")
    library.ignore("mine", "vague:2")
    library.restore_from_trash(library.delete("mine").id)
    assert library.ignored("mine") == {"vague:1", "vague:2"}
    library.ignore("mine", "vague:1", again=True)
    assert library.ignored("mine") == {"vague:2"} and library.ignored("pirate") == set()


def test_a_damaged_list_of_ignored_findings_hides_nothing(library: Library) -> None:
    path = library.shelf.own_path(".ignored", "pirate")
    path.parent.mkdir(parents=True)
    for data in (b"{", b"[]", b'{"keys": 3}', b"\xff"):
        path.write_bytes(data)
        assert library.ignored("pirate") == set()
    library.ignore("pirate", "vague:1")
    assert library.ignored("pirate") == {"vague:1"}


# ---- merging


def test_changes_of_different_traits_both_stand() -> None:
    base = a_file()
    mine, theirs = traits(base, voice="I sing."), traits(base, comfort="When somebody cries, I hum.")
    assert merged(base, mine, theirs) == traits(theirs, voice="I sing.")


def test_two_changes_of_one_trait_are_left_to_the_person() -> None:
    base = a_file()
    assert merged(base, traits(base, voice="I sing."), traits(base, voice="I hum.")) is None


def test_a_trait_removed_here_and_changed_there_is_left_to_the_person() -> None:
    base = a_file()
    mine = {**base, "traits": base["traits"][1:]}
    assert merged(base, mine, traits(base, voice="I hum.")) is None
    assert merged(base, mine, traits(base, comfort="When it hurts, I hum.")) is not None


def changed(draw: st.DrawFn, base: dict[str, Any]) -> dict[str, Any]:
    value = json.loads(json.dumps(base))
    for trait in list(value["traits"]):
        match draw(st.sampled_from(["leave", "leave", "reword", "remove", "ask"])):
            case "reword":
                trait["trait"] = draw(st.sampled_from(["I hum.", "I sing."])) + trait["id"]
            case "remove" if len(value["traits"]) > 1:
                value["traits"].remove(trait)
            case "ask":
                trait["questions"] = [*trait["questions"], draw(st.sampled_from(["Who?", "When?"]))]
            case _:
                pass
    return value


@UNHURRIED
@given(characters(), st.data())
def test_a_merge_holds_both_changes_whichever_way_round(character: Any, data: st.DataObject) -> None:
    base = character.as_dict()
    mine, theirs = (data.draw(st.composite(lambda draw: changed(draw, base))()) for _ in range(2))
    one, other = merged(base, mine, theirs), merged(base, theirs, mine)
    assert (one is None) == (other is None)
    assert merged(base, mine, base) == mine and merged(base, base, theirs) == theirs
    if one is not None:
        for id, trait in by_id(one):
            assert trait in (dict(by_id(mine)).get(id), dict(by_id(theirs)).get(id)) or both(
                id, trait, base, mine, theirs
            )


def both(id: str, trait: dict[str, Any], base: Any, mine: Any, theirs: Any) -> bool:
    """Whether each field of a merged trait is the one somebody changed."""
    ways = [dict(by_id(value))[id] for value in (base, mine, theirs)]
    return all(trait[name] in [way.get(name) for way in ways] for name in trait)


def by_id(value: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    return ((trait["id"], trait) for trait in value["traits"])


def test_a_merged_character_is_valid_where_its_parts_are() -> None:
    base = a_file()
    mine, theirs = traits(base, voice="I sing."), {**base, "summary": "A wolf."}
    both_of_them = merged(base, mine, theirs)
    assert both_of_them and parse(both_of_them, source="x").summary == "A wolf."
