"""Full disks, forbidden folders, many windows: a clear sentence each time, and nothing lost."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.constitution import Trait
from core.errors import ConflictError, ConstitutionError, CoreError, RunError
from core.settings import PROJECT
from core.store import shelf
from core.store.library import Library, Loaded
from tests.core.character_kit import a_character, a_file, put, shelf_settings


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(shelf_settings(tmp_path, "pirate"))


def mine(library: Library, summary: str = "Mine.") -> Loaded:
    loaded = library.load("pirate")
    return library.save(replace(loaded.constitution, summary=summary), base_revision=loaded.revision)


# ---- the disk

CALLS = ("open", "write", "fsync", "replace", "rename", "mkdir")


class FullDisk:
    """Lets so many calls to the disk through, then fails as a full disk does, once or for good."""

    def __init__(self, patch: pytest.MonkeyPatch, good: int, *, for_good: bool = False) -> None:
        self.left = good
        self.for_good = for_good
        self.failed = False
        for name in CALLS:
            patch.setattr(os, name, self._counting(getattr(os, name)))

    def _counting(self, real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **more: object) -> object:
            self.left -= 1
            if self.left == -1 or (self.for_good and self.left < 0):
                self.failed = True
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(*args, **more)

        return call


def attempts(act: Callable[[], object]) -> Iterator[None]:
    """Run `act` with the disk failing at its first, second, third … call, until it succeeds."""
    for good in range(200):
        with pytest.MonkeyPatch.context() as patch:
            disk = FullDisk(patch, good)
            with contextlib.suppress(RunError):
                act()
                if not disk.failed:
                    return
        yield
    raise AssertionError("the disk never stopped failing")


def test_a_disk_that_fills_at_any_step_of_saving_leaves_the_old_or_the_new_state(tmp_path: Path) -> None:
    library = Library(shelf_settings(tmp_path, "pirate"))
    summaries = iter(f"State {number}." for number in range(1000))
    wanted = [library.load("pirate").constitution.summary]

    def act() -> None:
        wanted.append(next(summaries))
        mine(library, wanted[-1])

    failures = 0
    for _ in attempts(act):
        failures += 1
        assert library.load("pirate").constitution.summary in (wanted[-2], wanted[-1], wanted[0])
        assert [entry.problems for entry in library.names()] == [0]
    assert failures > 8
    assert library.load("pirate").constitution.summary == wanted[-1]
    versions = [library.version("pirate", version.revision) for version in library.history("pirate")]
    assert wanted[-1] == versions[0].summary


def test_a_disk_that_fills_at_any_step_of_accepting_prompts_loses_none_that_was_accepted(
    tmp_path: Path,
) -> None:
    library = Library(shelf_settings(tmp_path, "pirate"))
    pirate = library.load("pirate").constitution
    stale = replace(
        pirate, traits=(replace(pirate.traits[0], trait="I once said this."), *pirate.traits[1:])
    )
    library.add_additional(stale, {"voice": ["old"]})
    numbers = iter(range(1000))
    kept: list[str] = []

    def act() -> None:
        prompt = f"prompt {next(numbers)}"
        library.append_additional(pirate, "voice", prompt)
        kept.append(prompt)
        library.finish_additional(pirate)

    for _ in attempts(act):
        found = library.additional("pirate")
        assert set(found.by_trait["voice"]) >= set(kept)
        assert found.unmatched == ["I once said this."]
    assert set(library.additional("pirate").by_trait["voice"]) >= set(kept)
    assert library.adopt_additional(pirate, "I once said this.", "voice").by_trait["voice"][-1] == "old"


def test_a_disk_that_fills_at_any_step_of_deleting_and_bringing_back_loses_nothing(tmp_path: Path) -> None:
    library = Library(shelf_settings(tmp_path))
    made = library.create("new")
    library.add_additional(made.constitution, {"warmth": ["Why?"]})

    def act() -> None:
        if any(entry.name == "new" for entry in library.names()):
            library.delete("new")
        for item in library.trash():
            library.restore_from_trash(item.id)

    for _ in attempts(act):
        here = any(entry.name == "new" for entry in library.names())
        assert here or library.trash()
    assert library.load("new").constitution == made.constitution
    assert library.additional("new").by_trait["warmth"] == ("Why?",)


def test_a_full_disk_is_a_sentence_that_says_what_is_unchanged(library: Library) -> None:
    mine(library)
    with pytest.MonkeyPatch.context() as patch:
        FullDisk(patch, 3, for_good=True)
        with pytest.raises(RunError, match="What was saved before is unchanged; free some space") as caught:
            mine(library, "Newer.")
    assert str(library.shelf.own) in str(caught.value)
    assert library.load("pirate").constitution.summary == "Mine."


LIMITED = """
import resource, sys
from pathlib import Path
from dataclasses import replace
from tests.core.character_kit import a_character, shelf_settings
from core.errors import RunError
from core.store.library import Library
library = Library(shelf_settings(Path(sys.argv[1])))
loaded = library.load("pirate")
resource.setrlimit(resource.RLIMIT_FSIZE, (900, 900))
for act in (
    lambda: library.save(replace(loaded.constitution, summary="x" * 900), base_revision=loaded.revision),
    lambda: library.save_draft("pirate", {"summary": "x" * 900}, base_revision=loaded.revision),
    lambda: library.append_additional(loaded.constitution, "voice", "y" * 900),
):
    try:
        act()
    except RunError as error:
        print(error)
"""


def test_a_limit_on_file_sizes_is_a_sentence_and_leaves_everything_as_it_was(
    library: Library, tmp_path: Path
) -> None:
    before = library.load("pirate"), library.additional("pirate").by_trait
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        check=True,
    )
    assert done.stdout.count("Could not save") == 3
    assert done.stdout.count("What was saved before is unchanged") == 3
    assert "file too large" in done.stdout and "raise the limit on file sizes" in done.stdout
    assert (library.load("pirate"), library.additional("pirate").by_trait) == before
    assert library.load_draft("pirate") is None
    assert mine(library).constitution.summary == "Mine."
    library.append_additional(before[0].constitution, "voice", "Why?")
    assert library.additional("pirate").by_trait["voice"] == ("Why?",)


@pytest.fixture
def ordinary_user() -> Iterator[Path]:
    """A folder of an ordinary user, as whom the test then runs: to root nothing is forbidden."""
    with tempfile.TemporaryDirectory() as folder:
        if os.geteuid() != 0:
            yield Path(folder)
            return
        os.chmod(folder, 0o755)
        os.chown(folder, 65534, 65534)
        os.seteuid(65534)
        try:
            yield Path(folder)
        finally:
            os.seteuid(0)


def test_a_read_only_folder_is_a_sentence_and_characters_still_load(ordinary_user: Path) -> None:
    library = Library(shelf_settings(ordinary_user, "pirate"))
    mine(library)
    folders = [library.shelf.own, *(path for path in library.shelf.own.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o500)
    try:
        loaded = library.load("pirate")
        for act in (
            lambda: mine(library, "Newer."),
            lambda: library.save_draft("pirate", {}, base_revision=loaded.revision),
            lambda: library.append_additional(loaded.constitution, "voice", "Why?"),
            lambda: library.delete("pirate"),
            lambda: library.create("new"),
        ):
            with pytest.raises(RunError, match=r"permission denied.*check who owns the folder"):
                act()
        assert library.load("pirate") == loaded and library.trash() == []
    finally:
        for folder in folders:
            folder.chmod(0o700)


def test_a_file_or_folder_that_may_not_be_read_is_listed_and_hides_no_other(ordinary_user: Path) -> None:
    library = Library(shelf_settings(ordinary_user, "pirate", "humor"))
    path = mine(library).path
    path.chmod(0)
    entries = {entry.name: entry for entry in library.names()}
    assert entries["humor"].problems == 0
    assert "permission denied" in str(entries["pirate"].details[0])
    with pytest.raises(RunError, match="Could not read"):
        library.load("pirate")
    path.chmod(0o600)
    path.parent.chmod(0)
    try:
        with pytest.raises(RunError, match="Could not read"):
            library.names()
    finally:
        path.parent.chmod(0o700)


def test_a_data_path_that_is_a_file_is_a_sentence(tmp_path: Path) -> None:
    settings = shelf_settings(tmp_path, "pirate")
    settings.data_path.write_text("not a folder")
    library = Library(settings)
    for act in (lambda: library.load("pirate"), lambda: library.create("new")):
        with pytest.raises(RunError, match="choose another DATA_PATH"):
            act()
    (entry,) = library.names()
    assert "choose another DATA_PATH" in str(entry.details[0])


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (json.dumps(a_file()).encode()[:100], "the file ends in the middle"),
        (json.dumps(a_file(summary="é"), ensure_ascii=False).encode("latin-1"), "save it as UTF-8"),
        (b" " * 10_000_000, "is 10.0 MB"),
        (b"\x00" * 4096, "is empty"),
        (b"[" * 10**6, "nested more than"),
    ],
)
def test_a_damaged_own_file_is_a_sentence_and_saving_never_overwrites_it(
    library: Library, data: bytes, expected: str
) -> None:
    path = put(library.shelf.own / "hand-written" / "pirate.json", data)
    with pytest.raises(ConstitutionError, match=expected):
        library.load("pirate")
    with pytest.raises((ConflictError, ConstitutionError)):
        library.save(a_character(), base_revision=None)
    assert path.read_bytes() == data
    item = library.delete("pirate")
    assert library.load("pirate").origin == "shipped"
    library.restore_from_trash(item.id)
    assert path.read_bytes() == data


def test_a_huge_file_is_never_read(library: Library) -> None:
    path = library.shelf.own / "hand-written" / "pirate.json"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(ConstitutionError, match=r"is 1000000\.0 MB"):
        library.load("pirate")


# ---- many windows


def test_a_character_that_is_being_saved_elsewhere_is_not_waited_for_for_ever(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "LOCK_TIMEOUT_S", 0.01)
    loaded = library.load("pirate")
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with Library(library.settings).shelf.locked("pirate"):
            held.set()
            release.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    try:
        with pytest.raises(ConflictError, match="is saving 'pirate' just now"):
            library.save(replace(loaded.constitution, summary="x"), base_revision=loaded.revision)
    finally:
        release.set()
        thread.join()
    assert mine(library).constitution.summary == "Mine."


def add_traits(library: Library, who: str, count: int) -> int:
    """Add traits as an editor would, reloading after each conflict; how many conflicts there were."""
    conflicts = 0
    for number in range(count):
        while True:
            loaded = library.load("pirate")
            trait = Trait(f"{who}-{number}", f"I am {who} {number}.", ())
            changed = replace(loaded.constitution, traits=(*loaded.constitution.traits, trait))
            try:
                library.save(changed, base_revision=loaded.revision)
                break
            except ConflictError:
                conflicts += 1
    return conflicts


def test_two_windows_saving_at_once_never_overwrite_each_other_silently(library: Library) -> None:
    threads = [
        threading.Thread(target=add_traits, args=(Library(library.settings), f"t{number}", 6))
        for number in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(library.load("pirate").constitution.traits) == 2 + 18


ADDING = """
import sys
from pathlib import Path
from tests.core.character_kit import shelf_settings
from tests.core.test_library_faults import add_traits
from core.store.library import Library
library = Library(shelf_settings(Path(sys.argv[1])))
add_traits(library, sys.argv[2], 8)
for number in range(8):
    library.append_additional(library.load("pirate").constitution, "voice", f"{sys.argv[2]} {number}")
    library.finish_additional(library.load("pirate").constitution)
"""


def test_two_processes_saving_at_once_never_overwrite_each_other_silently(
    library: Library, tmp_path: Path
) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", ADDING, str(tmp_path), f"p{number}"], cwd=PROJECT)
        for number in range(3)
    ]
    assert [process.wait(120) for process in processes] == [0, 0, 0]
    assert len(library.load("pirate").constitution.traits) == 2 + 24
    assert len(library.additional("pirate").by_trait["voice"]) == 24
    assert len(library.history("pirate")) == 25


def test_readers_never_miss_a_prompt_while_another_window_finishes_the_file(library: Library) -> None:
    pirate = library.load("pirate").constitution
    library.append_additional(pirate, "voice", "first")
    stop, missed = threading.Event(), []

    def watch() -> None:
        while not stop.is_set():
            try:
                if "first" not in Library(library.settings).additional("pirate").by_trait["voice"]:
                    missed.append("first")
            except CoreError as error:
                missed.append(str(error))

    thread = threading.Thread(target=watch)
    thread.start()
    for number in range(20):
        library.append_additional(pirate, "voice", f"prompt {number}")
        library.finish_additional(pirate)
    stop.set()
    thread.join()
    assert missed == []
