"""Characters on disk: saved whole, never over somebody else's work, and always able to come back."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.constitution import Constitution
from core.errors import ConflictError, ConstitutionError
from core.store.history import KEPT, SPARE
from core.store.library import Library
from tests.core.character_kit import ON_DISK, a_character, a_file, characters, put, shelf_settings


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """A studio in an awkward folder that ships two characters."""
    return Library(shelf_settings(tmp_path / "my stüdio 🏴‍☠️", "pirate", "humor"))


def save(library: Library, summary: str, *, name: str = "pirate") -> Constitution:
    loaded = library.load(name)
    changed = replace(loaded.constitution, summary=summary)
    return library.save(changed, base_revision=loaded.revision).constitution


# ---- listing and loading


def test_a_shipped_character_loads_with_its_revision(library: Library) -> None:
    loaded = library.load("pirate")
    assert loaded.constitution == a_character()
    assert loaded.origin == "shipped" and loaded.path.parent.name == "hand-written"
    assert loaded.revision == library.revision("pirate")


def test_names_are_sorted_and_say_where_each_comes_from(library: Library) -> None:
    library.save(a_character("zorro"), base_revision=None)
    save(library, "Mine.")
    entries = library.names()
    assert [(entry.name, entry.origin, entry.summary) for entry in entries] == [
        ("humor", "shipped", "A sea dog."),
        ("pirate", "changed", "Mine."),
        ("zorro", "own", "A sea dog."),
    ]
    assert all(entry.problems == 0 and entry.updated_at > 0 for entry in entries)


def test_a_broken_file_is_listed_with_its_problems_and_hides_no_other(library: Library) -> None:
    own = library.shelf.own / "hand-written"
    put(own / "pirate.json", '{"name": "pirate", "tra')
    put(own / "latin.json", json.dumps(a_file("latin", summary="é"), ensure_ascii=False).encode("latin-1"))
    put(own / "Big Name.json", a_file())
    put(own / "two.json", a_file("two", traits=[], exchanges=3))
    put(own / "other.json", a_file("another"))
    (own / "folder.json").mkdir()
    put(own / ".pirate.json.1.tmp", "half a wri")
    entries = {entry.name: entry for entry in library.names()}
    assert sorted(entries) == ["Big Name", "folder", "humor", "latin", "other", "pirate", "two"]
    assert entries["humor"].problems == 0
    assert entries["two"].problems == 2 and entries["pirate"].origin == "changed"
    said = {name: " ".join(map(str, entry.details)) for name, entry in entries.items()}
    assert "the file ends in the middle" in said["pirate"]
    assert "save it as UTF-8" in said["latin"]
    assert "such as 'big-name'" in said["Big Name"]
    assert 'says "another", but the file is other.json' in said["other"]
    assert "is not a file" in said["folder"]


def test_a_broken_own_file_is_an_error_and_never_the_shipped_character(library: Library) -> None:
    put(library.shelf.own / "hand-written" / "pirate.json", b"")
    with pytest.raises(ConstitutionError, match="is empty"):
        library.load("pirate")


def test_an_unknown_name_gets_the_names_nearest_to_it(library: Library) -> None:
    with pytest.raises(ConstitutionError, match="Did you mean pirate"):
        library.load("pirat")
    with pytest.raises(ConstitutionError, match="There are humor, pirate"):
        library.load("xyz")


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "a/b", "..\\x", "a\x00", "CON", "-x", "a" * 300, "%2e%2e"]
)
def test_no_name_leads_out_of_the_folder(library: Library, name: str) -> None:
    for use in (library.load, library.additional, library.delete, library.create, library.history,
                library.load_draft, library.clear_draft, library.revision):  # fmt: skip
        with pytest.raises(ConstitutionError):
            use(name)
    with pytest.raises(ConstitutionError):
        library.save(replace(a_character(), name=name), base_revision=None)
    with pytest.raises(ConstitutionError):
        library.save_draft(name, {}, base_revision=None)
    with pytest.raises(ConstitutionError):
        library.restore_from_trash(name)
    assert not library.shelf.own.exists()


def test_a_link_that_leads_out_of_the_folder_is_refused_and_listed(
    library: Library, tmp_path: Path
) -> None:
    outside = put(tmp_path / "outside.json", a_file("spy"))
    own = library.shelf.own / "hand-written"
    own.mkdir(parents=True)
    (own / "spy.json").symlink_to(outside)
    (own / "loop.json").symlink_to(own / "loop.json")
    for name in ("spy", "loop"):
        with pytest.raises(ConstitutionError, match="is a link that leads out of its folder"):
            library.load(name)
        with pytest.raises(ConstitutionError):
            library.save(a_character(name), base_revision=None)
    assert {entry.name for entry in library.names() if entry.problems} == {"spy", "loop"}
    library.delete("spy")
    assert json.loads(outside.read_text()) == a_file("spy")


def test_a_whole_folder_may_be_a_link(library: Library, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    library.shelf.own.mkdir(parents=True)
    (library.shelf.own / "hand-written").symlink_to(tmp_path / "elsewhere")
    library.save(a_character("spy"), base_revision=None)
    assert (tmp_path / "elsewhere" / "spy.json").exists()


def test_a_file_in_the_form_of_oct_is_listed_with_the_command_that_imports_it(library: Library) -> None:
    path = put(library.shelf.shipped / "hand-written" / "sarcasm.txt", '[{"trait": "I a."}]')
    with pytest.raises(ConstitutionError, match="character constitution import"):
        library.load("sarcasm")
    (entry,) = [entry for entry in library.names() if entry.name == "sarcasm"]
    assert str(path) in str(entry.details[0])


# ---- saving


def test_saving_leaves_the_shipped_file_alone_and_shadows_it(library: Library) -> None:
    shipped = library.load("pirate")
    before = shipped.path.read_bytes()
    saved = library.save(replace(shipped.constitution, summary="Mine."), base_revision=shipped.revision)
    assert saved.origin == "changed" and saved.path != shipped.path
    assert shipped.path.read_bytes() == before
    assert library.load("pirate") == saved


@ON_DISK
@given(characters())
def test_any_character_saved_is_the_one_loaded(character: Constitution) -> None:
    with tempfile.TemporaryDirectory() as folder:
        library = Library(shelf_settings(Path(folder)))
        assert library.save(character, base_revision=None) == library.load(character.name)
        assert library.load(character.name).constitution == character


def test_a_new_character_needs_a_name_that_is_free(library: Library) -> None:
    library.save(a_character("new"), base_revision=None)
    for name in ("new", "pirate"):
        with pytest.raises(ConflictError, match="already"):
            library.save(a_character(name, "other"), base_revision=None)
        with pytest.raises(ConflictError, match="already"):
            library.create(name)


def test_a_stale_window_is_told_when_the_file_changed_and_overwrites_nothing(library: Library) -> None:
    first, second = library.load("pirate"), Library(library.settings).load("pirate")
    library.save(replace(first.constitution, summary="First."), base_revision=first.revision)
    with pytest.raises(
        ConflictError, match=r"was changed elsewhere at \d\d:\d\d:\d\d on .* Nothing was overwritten"
    ):
        library.save(replace(second.constitution, summary="Second."), base_revision=second.revision)
    assert library.load("pirate").constitution.summary == "First."


def test_an_edit_made_with_another_program_is_not_overwritten(library: Library) -> None:
    save(library, "Mine.")
    loaded = library.load("pirate")
    put(loaded.path, a_file(summary="By hand."))
    with pytest.raises(ConflictError):
        library.save(replace(loaded.constitution, summary="Newer."), base_revision=loaded.revision)
    assert library.load("pirate").constitution.summary == "By hand."


def test_saving_a_character_that_was_deleted_meanwhile_is_a_conflict(library: Library) -> None:
    made = library.create("new")
    library.delete("new")
    with pytest.raises(ConflictError, match="was deleted or moved"):
        library.save(replace(made.constitution, summary="x"), base_revision=made.revision)


def test_a_character_that_is_not_valid_is_not_saved(library: Library) -> None:
    loaded = library.load("pirate")
    with pytest.raises(ConstitutionError, match="traits: there is none"):
        library.save(replace(loaded.constitution, traits=()), base_revision=loaded.revision)
    assert library.load("pirate") == loaded


def test_saving_without_a_change_writes_nothing(library: Library) -> None:
    loaded = library.load("pirate")
    assert library.save(loaded.constitution, base_revision=loaded.revision) == loaded
    assert library.history("pirate") == []


# ---- versions


def test_every_saved_state_can_come_back_the_shipped_one_included(library: Library) -> None:
    shipped = library.load("pirate").constitution
    for summary in ("One.", "Two.", "Three."):
        save(library, summary)
    versions = library.history("pirate")
    summaries = [library.version("pirate", version.revision).summary for version in versions]
    assert summaries == ["Three.", "Two.", "One.", "A sea dog."]
    assert [version.saved_at for version in versions] == sorted(
        (v.saved_at for v in versions), reverse=True
    )
    loaded = library.load("pirate")
    back = library.restore("pirate", versions[-1].revision, base_revision=loaded.revision)
    assert back.constitution == shipped
    assert library.history("pirate")[0].note.startswith("back to version")
    with pytest.raises(ConflictError):
        library.restore("pirate", versions[0].revision, base_revision=loaded.revision)


def test_a_broken_own_file_can_be_replaced_by_an_earlier_version_and_is_kept_itself(
    library: Library,
) -> None:
    save(library, "One.")
    good = library.history("pirate")[0].revision
    damaged = b'{"name": "pirate", \xff\x00 "half'
    put(library.shelf.own / "hand-written" / "pirate.json", damaged)
    library.restore("pirate", good, base_revision=library.revision("pirate"))
    assert library.load("pirate").constitution.summary == "One."
    kept = [library._history.bytes_of("pirate", version.revision) for version in library.history("pirate")]
    assert damaged in kept


def test_an_unknown_version_is_an_error_in_a_sentence(library: Library) -> None:
    with pytest.raises(ConstitutionError, match="has no saved version"):
        library.version("pirate", "beef")


def test_the_history_is_bounded_and_keeps_the_newest(library: Library) -> None:
    for number in range(KEPT + SPARE + 3):
        library._history.record("pirate", str(number).encode())
        library._history.record("pirate", str(number).encode())
    versions = library.history("pirate", limit=10_000)
    assert KEPT <= len(versions) <= KEPT + SPARE
    assert library._history.bytes_of("pirate", versions[0].revision) == str(KEPT + SPARE + 2).encode()
    assert len(library.history("pirate", limit=3)) == 3


# ---- drafts


def test_an_unfinished_state_is_kept_exactly_although_it_is_not_valid(library: Library) -> None:
    value = a_file(traits=[{"id": "new", "trait": "", "questions": [None, 3]}], odd={"x": "\ud83c\u2028"})
    loaded = library.load("pirate")
    revision = library.save_draft("pirate", value, base_revision=loaded.revision)
    draft = library.load_draft("pirate")
    assert draft and draft.value == value and draft.revision == revision
    assert draft.based_on == loaded.revision and draft.saved_at > 0
    assert library.load("pirate") == loaded
    library.clear_draft("pirate")
    assert library.load_draft("pirate") is None


def test_two_windows_cannot_overwrite_each_others_draft(library: Library) -> None:
    shipped = library.load("pirate").revision
    first = library.save_draft("pirate", {"summary": "first"}, base_revision=None)
    for base in (None, shipped, "beef"):
        with pytest.raises(ConflictError, match="was edited in another window at"):
            Library(library.settings).save_draft("pirate", {"summary": "second"}, base_revision=base)
    with pytest.raises(ConflictError):
        library.clear_draft("pirate", base_revision=shipped)
    second = library.save_draft("pirate", {"summary": "more"}, base_revision=first)
    draft = library.load_draft("pirate")
    assert draft and draft.value == {"summary": "more"} and draft.based_on == shipped
    library.clear_draft("pirate", base_revision=second)


def test_a_draft_begun_from_a_version_that_is_gone_is_a_conflict(library: Library) -> None:
    old = library.load("pirate").revision
    save(library, "Newer.")
    with pytest.raises(ConflictError):
        library.save_draft("pirate", {}, base_revision=old)


def test_a_draft_remembers_what_it_was_based_on_so_that_saving_it_late_is_noticed(library: Library) -> None:
    library.save_draft("pirate", a_file(summary="Draft."), base_revision=library.load("pirate").revision)
    save(library, "Another window.")
    draft = library.load_draft("pirate")
    assert draft
    with pytest.raises(ConflictError):
        library.save(a_character(summary="Draft."), base_revision=draft.based_on)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b"\xff", b"[" * 100_000])
def test_a_damaged_draft_is_an_error_that_discarding_cures(library: Library, data: bytes) -> None:
    put(library.shelf.own / ".drafts" / "pirate.json", data)
    with pytest.raises(ConstitutionError, match="discard it"):
        library.load_draft("pirate")
    library.clear_draft("pirate")
    assert library.load_draft("pirate") is None


# ---- creating and deleting


def test_a_new_character_starts_valid_and_a_copy_brings_its_prompts(library: Library) -> None:
    made = library.create("new")
    assert made.origin == "own" and made.constitution.traits
    pirate = library.load("pirate").constitution
    library.append_additional(pirate, "voice", "Why?")
    copy = library.create("corsair", copy_of="pirate")
    assert replace(copy.constitution, name="pirate") == pirate
    assert library.additional("corsair").by_trait["voice"] == ("Why?",)


def test_a_deleted_character_comes_back_whole(library: Library) -> None:
    character = library.create("new").constitution
    library.add_additional(character, {"warmth": ["Why?"]})
    library.append_additional(character, "warmth", "How?")
    library.save_draft("new", {"summary": "draft"}, base_revision=None)
    before = library.load("new"), library.additional("new"), library.load_draft("new")
    item = library.delete("new")
    assert item in library.trash() and item.name == "new" and item.deleted_at > 0
    assert "new" not in [entry.name for entry in library.names()]
    assert library.load_draft("new") is None
    assert library.restore_from_trash(item.id) == "new"
    assert (library.load("new"), library.additional("new"), library.load_draft("new")) == before
    assert library.trash() == []


def test_deleting_a_changed_character_brings_the_shipped_one_back(library: Library) -> None:
    save(library, "Mine.")
    item = library.delete("pirate")
    assert library.load("pirate").origin == "shipped"
    library.restore_from_trash(item.id)
    assert library.load("pirate").constitution.summary == "Mine."


def test_a_shipped_character_cannot_be_deleted(library: Library) -> None:
    with pytest.raises(ConstitutionError, match="is shipped and cannot be deleted"):
        library.delete("pirate")
    with pytest.raises(ConstitutionError, match="no character of this name"):
        library.delete("nobody")


def test_bringing_back_never_overwrites_a_newer_character(library: Library) -> None:
    library.create("new")
    item = library.delete("new")
    newer = library.save(a_character("new", "Newer."), base_revision=None)
    with pytest.raises(ConflictError, match="There is a 'new' again"):
        library.restore_from_trash(item.id)
    assert library.load("new") == newer and library.trash() == [item]


def test_a_broken_character_can_be_deleted_and_what_is_gone_cannot_be_brought_back_twice(
    library: Library,
) -> None:
    put(library.shelf.own / "hand-written" / "bad.json", "{")
    item = library.delete("bad")
    assert [entry.name for entry in library.names()] == ["humor", "pirate"]
    library.restore_from_trash(item.id)
    with pytest.raises(ConstitutionError, match="not in the trash any more"):
        library.restore_from_trash(item.id)


def test_the_same_name_can_be_deleted_many_times(library: Library) -> None:
    ids = set()
    for summary in ("One.", "Two.", "Three."):
        library.save(a_character("new", summary), base_revision=None)
        ids.add(library.delete("new").id)
    assert len(ids) == 3 == len(library.trash())


# ---- the general pool


def test_the_general_prompts_come_by_part_and_in_order(library: Library) -> None:
    rows = [("a", "training"), ("b", "preferences"), ("c", "training")]
    text = "".join(json.dumps({"prompt": prompt, "part": part}) + "\r\n" for prompt, part in rows)
    put(library.shelf.shipped / "general-prompts.jsonl", text)
    assert library.general_prompts("training") == ("a", "c")
    assert library.general_prompts("robustness") == ()


def test_a_missing_or_broken_pool_says_what_to_do(library: Library) -> None:
    with pytest.raises(ConstitutionError, match="is missing; point CONSTITUTION_PATH"):
        library.general_prompts("training")
    put(
        library.shelf.shipped / "general-prompts.jsonl",
        '{"prompt": "a", "part": "x"}\n{"prompt": ""\n"hi"\n',
    )
    with pytest.raises(
        ConstitutionError, match=r"line 1: must be[\s\S]*line 2[\s\S]*line 3: must be"
    ) as caught:
        library.general_prompts("training")
    assert len(caught.value.problems) == 3
    with pytest.raises(Exception, match="choose training, preferences, robustness"):
        library.general_prompts("test")


def test_a_studio_without_any_character_lists_none(tmp_path: Path) -> None:
    assert Library(shelf_settings(tmp_path)).names() == []
    with pytest.raises(ConstitutionError, match="no character"):
        Library(shelf_settings(tmp_path)).load("pirate")


NAMES_OF_ANYTHING = st.text(st.characters(codec=None, exclude_categories=()), max_size=80)


@ON_DISK
@given(NAMES_OF_ANYTHING)
def test_no_name_at_all_reaches_a_file_it_should_not(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        library = Library(shelf_settings(Path(folder)))
        with pytest.raises(ConstitutionError):
            library.load(name)
