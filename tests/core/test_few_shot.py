"""An accepted prompt is kept at once, belongs to its exact sentence, and can be edited and undone."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.constitution import Constitution
from core.errors import ConflictError, ConstitutionError
from core.interchange import to_oct_few_shot
from core.settings import PROJECT
from core.store.few_shot import play
from core.store.library import Library
from tests.core.character_kit import COMFORT, ON_DISK, UNHURRIED, VOICE, a_character, put, shelf_settings

PIRATE = a_character()


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(shelf_settings(tmp_path, "pirate"))


def accepted(library: Library) -> Path:
    return library.shelf.own / "few-shot" / ".pirate.accepted.jsonl"


def derived(library: Library) -> Path:
    return library.shelf.own / "few-shot" / "pirate.jsonl"


def ship(library: Library, **prompts: list[str]) -> Path:
    path = library.shelf.shipped / "few-shot" / "pirate.jsonl"
    return put(path, to_oct_few_shot(PIRATE, prompts))


def reworded() -> Constitution:
    voice, comfort = PIRATE.traits
    return replace(PIRATE, traits=(replace(voice, trait="I talk like the sea."), comfort))


def test_a_character_without_prompts_has_an_empty_list_for_each_trait(library: Library) -> None:
    found = library.additional("pirate")
    assert found.by_trait == {"voice": (), "comfort": ()}
    assert found.unmatched == [] and found.unfinished == 0


def test_an_accepted_prompt_is_there_at_once_and_the_file_only_when_finished(library: Library) -> None:
    library.append_additional(PIRATE, "voice", "Why?\u2028 🏴‍☠️")
    library.append_additional(PIRATE, "voice", "How?")
    library.append_additional(PIRATE, "voice", "How?")
    other = Library(library.settings).additional("pirate")
    assert other.by_trait["voice"] == ("Why?\u2028 🏴‍☠️", "How?") and other.unfinished == 2
    assert not derived(library).exists()
    finished = library.finish_additional(PIRATE)
    assert finished.by_trait == other.by_trait and finished.unfinished == 0
    rows = [json.loads(line) for line in derived(library).read_text("utf-8").splitlines()]
    assert rows[0]["additional_questions"] == ["Why?\u2028 🏴‍☠️", "How?"]
    assert [list(row) for row in rows] == [
        ["trait", "questions", "additional_questions"],
        ["trait", "questions", "clarification", "additional_questions"],
    ]
    assert not accepted(library).exists()


def test_the_own_file_shadows_the_shipped_one_and_accepted_prompts_join_either(library: Library) -> None:
    shipped = ship(library, voice=["Shipped?"])
    before = shipped.read_bytes()
    library.append_additional(PIRATE, "voice", "Mine?")
    assert library.additional("pirate").by_trait["voice"] == ("Shipped?", "Mine?")
    library.finish_additional(PIRATE)
    assert library.additional("pirate").by_trait["voice"] == ("Shipped?", "Mine?")
    put(derived(library), to_oct_few_shot(PIRATE, {"voice": ["Only this?"]}))
    assert library.additional("pirate").by_trait["voice"] == ("Only this?",)
    assert shipped.read_bytes() == before


def test_the_revision_changes_with_every_change_and_only_then(library: Library) -> None:
    seen = [library.additional("pirate").revision]
    library.append_additional(PIRATE, "voice", "Why?")
    seen.append(library.additional("pirate").revision)
    library.finish_additional(PIRATE)
    seen.append(library.additional("pirate").revision)
    assert len(set(seen)) == 3
    assert library.additional("pirate").revision == seen[-1]


def test_prompts_of_a_reworded_trait_are_reported_kept_and_can_be_adopted(library: Library) -> None:
    library.add_additional(PIRATE, {"voice": ["Why?", "How?"], "comfort": ["I failed."]})
    library.save(reworded(), base_revision=library.revision("pirate"))
    found = library.additional("pirate")
    assert found.unmatched == [VOICE]
    assert found.by_trait == {"voice": (), "comfort": ("I failed.",)}
    library.finish_additional(reworded())
    assert VOICE not in derived(library).read_text("utf-8")
    assert library.additional("pirate").unmatched == [VOICE]
    adopted = library.adopt_additional(reworded(), VOICE, "voice")
    assert adopted.by_trait["voice"] == ("Why?", "How?") and adopted.unmatched == []
    with pytest.raises(ConflictError):
        library.adopt_additional(reworded(), VOICE, "voice")
    with pytest.raises(ConflictError):
        library.adopt_additional(reworded(), COMFORT, "voice")


def test_a_sentence_that_comes_back_finds_its_prompts_again(library: Library) -> None:
    library.add_additional(PIRATE, {"voice": ["Why?"]})
    library.finish_additional(reworded())
    assert library.additional("pirate").by_trait["voice"] == ("Why?",)


def test_an_almost_equal_sentence_is_not_taken_for_the_same(library: Library) -> None:
    path = ship(library, voice=["Why?"])
    put(path, path.read_text("utf-8").replace(VOICE, VOICE.rstrip(".")))
    found = library.additional("pirate")
    assert found.by_trait["voice"] == () and found.unmatched == [VOICE.rstrip(".")]


@pytest.mark.parametrize("prompt", ["", "  ", "a\x00b", "x" * 4001])
def test_a_prompt_that_no_file_may_hold_is_not_accepted(library: Library, prompt: str) -> None:
    with pytest.raises(ConstitutionError):
        library.append_additional(PIRATE, "voice", prompt)
    with pytest.raises(ConstitutionError, match="there is no trait"):
        library.append_additional(PIRATE, "sail", "Why?")
    assert not accepted(library).exists()


def test_a_prompt_is_edited_or_dropped_and_undone_in_its_place(library: Library) -> None:
    ship(library, voice=["A?", "B?", "C?"])

    def now() -> tuple[str, ...]:
        return library.additional("pirate").by_trait["voice"]

    changed = library.edit_additional(PIRATE, "voice", "B?", "Better?")
    assert now() == ("A?", "Better?", "C?")
    dropped = library.edit_additional(PIRATE, "voice", "A?", None)
    assert now() == ("Better?", "C?")
    assert "Better?" in derived(library).read_text("utf-8") and not accepted(library).exists()
    library.undo_additional(PIRATE, dropped)
    library.undo_additional(PIRATE, changed)
    assert now() == ("A?", "B?", "C?")
    library.undo_additional(PIRATE, dropped)
    assert now() == ("A?", "B?", "C?")


def test_editing_what_another_window_changed_or_making_a_double_is_a_conflict(library: Library) -> None:
    ship(library, voice=["A?", "B?"])
    with pytest.raises(ConflictError, match="was changed elsewhere"):
        library.edit_additional(PIRATE, "voice", "Gone?", "New?")
    with pytest.raises(ConflictError, match="already"):
        library.edit_additional(PIRATE, "voice", "A?", "B?")
    with pytest.raises(ConstitutionError):
        library.edit_additional(PIRATE, "voice", "A?", "")
    assert library.additional("pirate").by_trait["voice"] == ("A?", "B?")


def test_an_edit_while_prompts_are_being_accepted_does_not_publish_half_a_file(library: Library) -> None:
    library.append_additional(PIRATE, "voice", "A?")
    library.append_additional(PIRATE, "comfort", "B?")
    edit = library.edit_additional(PIRATE, "voice", "A?", None)
    assert not derived(library).exists()
    assert library.additional("pirate").by_trait == {"voice": (), "comfort": ("B?",)}
    library.undo_additional(PIRATE, edit)
    assert library.finish_additional(PIRATE).by_trait == {"voice": ("A?",), "comfort": ("B?",)}


def test_a_torn_or_damaged_accepted_line_costs_only_itself_and_is_set_aside(library: Library) -> None:
    for prompt in ("A?", "B?", "C?"):
        library.append_additional(PIRATE, "voice", prompt)
    path = accepted(library)
    path.write_bytes(path.read_bytes().replace(b"B?", b"X?")[:-5])
    found = library.additional("pirate")
    assert found.by_trait["voice"] == ("A?",) and found.damaged == 2
    library.append_additional(PIRATE, "voice", "D?")
    assert library.finish_additional(PIRATE).by_trait["voice"] == ("A?", "D?")
    assert b"X?" in path.with_name(path.name + ".quarantine").read_bytes()


def test_a_broken_few_shot_file_is_an_error_with_its_lines_and_accepting_goes_on(library: Library) -> None:
    ship(library, voice=["A?"])
    put(derived(library), derived_text()[:-20])
    with pytest.raises(ConstitutionError, match="line 2, column"):
        library.additional("pirate")
    with pytest.raises(ConstitutionError):
        library.finish_additional(PIRATE)
    library.append_additional(PIRATE, "voice", "B?")
    put(derived(library), derived_text())
    assert library.additional("pirate").by_trait["voice"] == ("Z?", "B?")


def derived_text() -> str:
    return to_oct_few_shot(PIRATE, {"voice": ["Z?"]})


STEPS = st.lists(
    st.fixed_dictionaries(
        {
            "do": st.sampled_from(["add", "insert", "drop", "change"]),
            "prompt": st.sampled_from("abcd"),
            "new": st.sampled_from("abcd"),
            "position": st.integers(0, 4),
        }
    ),
    max_size=12,
)


@UNHURRIED
@given(STEPS, st.permutations("abcd"), st.integers(0, 4))
def test_playing_the_same_steps_twice_leaves_the_same_prompts(
    steps: list[dict[str, Any]], letters: list[str], kept: int
) -> None:
    once = letters[:kept]
    for step in steps:
        play(once, step)
    twice = list(once)
    for step in steps:
        play(twice, step)
    assert sorted(twice) == sorted(once) and len(set(once)) == len(once)


@ON_DISK
@given(st.data())
def test_any_editing_session_reads_the_same_before_and_after_the_file_is_written(
    data: st.DataObject,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        library = Library(shelf_settings(Path(folder), "pirate"))
        model: list[str] = []
        for number in range(data.draw(st.integers(0, 6))):
            step = data.draw(st.sampled_from(["add", "drop", "change", "finish"]))
            if step == "add":
                library.append_additional(PIRATE, "voice", f"prompt {number}")
                model.append(f"prompt {number}")
            elif step == "finish":
                library.finish_additional(PIRATE)
            elif model:
                index = data.draw(st.integers(0, len(model) - 1))
                new = None if step == "drop" else f"prompt {number}"
                library.edit_additional(PIRATE, "voice", model[index], new)
                model[index : index + 1] = [new] if new else []
            assert library.additional("pirate").by_trait["voice"] == tuple(model)
        assert library.finish_additional(PIRATE).by_trait["voice"] == tuple(model)


ACCEPTING = """
import sys
from pathlib import Path
from tests.core.character_kit import a_character, shelf_settings
from core.store.library import Library
library = Library(shelf_settings(Path(sys.argv[1])))
for number in range(100_000):
    library.append_additional(a_character(), "voice", f"prompt {number}")
    if number % 5 == 4:
        library.finish_additional(a_character())
    print(number, flush=True)
"""


def test_a_kill_at_any_time_loses_no_prompt_that_was_accepted(tmp_path: Path) -> None:
    library = Library(shelf_settings(tmp_path, "pirate"))
    for wanted in (3, 8, 12):
        before = len(library.additional("pirate").by_trait["voice"])
        with subprocess.Popen(
            [sys.executable, "-c", ACCEPTING, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=PROJECT
        ) as process:
            assert process.stdout
            said = [int(process.stdout.readline()) for _ in range(wanted)]
            process.send_signal(signal.SIGKILL)
            said += [int(line) for line in process.stdout.read().split()]
        kept = library.additional("pirate").by_trait["voice"]
        assert set(kept) >= {f"prompt {number}" for number in said}
        assert len(set(kept)) == len(kept) >= before
