"""`character bundle import`: bring in what another studio handed out, all of it or nothing.

Everything is checked by hash and by kind before a byte is written; then it is unpacked beside its place,
made to fit this machine, loaded once as any page would, and only then moved. Nothing that is here is ever
written over. Killed at any moment, the same command goes on: what was moved already is recognised.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from core.constitution import Constitution, check_name
from core.errors import ConflictError, ConstitutionError, CoreError, RunError
from core.settings import Settings
from core.slugs import free_name
from core.stages.bundle_added import keep_added
from core.stages.bundle_contents import MARK
from core.stages.bundle_judging import Checked, check_bundle, listed
from core.stages.bundle_staging import Move, staged, workshop
from core.stages.report import write_report
from core.store import disk
from core.store.bundle import Manifest
from core.store.disk import disk_trouble
from core.store.finishing import file_hash
from core.store.jsonl import read_json
from core.store.library import Library
from core.store.locks import held
from core.store.runs import Run, run_folder
from core.store.shelf import shelf_of

SPARE_BYTES = 100_000_000
WEIGHTS = (".safetensors", ".gguf")


class NameTaken(ConflictError):
    """Something else stands here under the bundle's name; `proposed` is a name that is free."""

    def __init__(self, message: str, proposed: str) -> None:
        super().__init__(message)
        self.proposed = proposed


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import. `status` is "imported" or "already here"; `run` is None without one.

    `notes` say in sentences what it changed about a character that was here.
    """

    name: str
    run: str | None
    status: str
    manifest: Manifest
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """What may come in: so many bytes unpacked, trained weights or none."""

    bytes: int | None = None
    weights: bool = True


def import_bundle(
    settings: Settings, path: Path, *, as_name: str | None = None, limits: Limits = Limits()
) -> Imported:
    """Bring a bundle in. Raises NameTaken, which proposes a name, when another stands here under its own.

    Raises RunError and ConstitutionError for a bundle that was refused; then nothing is left behind.
    """
    _refuse_beyond(limits, listed(path))
    found = check_bundle(path)
    _refuse_beyond(limits, found.manifest)
    character = _named(found.character, as_name)
    with _alone(settings):
        _room(settings, found.manifest)
        _refuse_taken(settings, character)
        run_id = _run_id(found, character)
        with staged(settings, path, found, character, run_id) as moves:
            waiting = [move for move in moves if not _is_here(move, found)]
            _refuse_conflicts(settings, character, waiting)
            for move in waiting:
                _put(move)
            kept = _keep_character(settings, character, found.prompts)
            kept = replace(kept, joined=keep_added(settings, character.name, found.added))
        notes = (*kept.told(character.name), *_remake_report(settings, found.manifest, run_id))
    status = "imported" if waiting or kept.changed else "already here"
    return Imported(character.name, run_id, status, found.manifest, notes)


def _refuse_beyond(limits: Limits, about: Manifest) -> None:
    if limits.bytes is not None and about.bytes > limits.bytes:
        raise RunError(
            f"This bundle unpacks to {about.bytes / 1e6:,.0f} MB, and at most {limits.bytes / 1e6:,.0f} MB "
            "may come in here. Nothing was imported."
        )
    if not limits.weights and any(Path(file.path).suffix in WEIGHTS for file in about.files):
        raise RunError(
            "This bundle brings trained weights, which may not come in here. Nothing was imported. It can "
            "be exported again without --with-adapter."
        )


# ---- under which name


def _named(character: Constitution, as_name: str | None) -> Constitution:
    if as_name is None:
        return character
    if problems := check_name(as_name):
        raise ConstitutionError("--as", problems)
    return replace(character, name=as_name)


@contextmanager
def _alone(settings: Settings) -> Generator[None]:
    with held(workshop(settings) / ".lock", "an import"):
        _sweep(settings)
        yield


def _sweep(settings: Settings) -> None:
    """Remove what killed imports left; the lock is held, so nobody else is at work."""
    left = [path for path in workshop(settings).glob("*") if path.is_dir()]
    left += settings.lora_path.glob(".bundle-*")
    for path in left:
        shutil.rmtree(path, ignore_errors=True)


def _room(settings: Settings, about: Manifest) -> None:
    free = shutil.disk_usage(settings.data_path).free
    if about.bytes + SPARE_BYTES > free:
        raise RunError(
            f"This bundle needs {about.bytes / 1e6:,.0f} MB, and {settings.data_path} has "
            f"{free / 1e6:,.0f} MB left. Free some space, then import it again."
        )


def _refuse_taken(settings: Settings, character: Constitution) -> None:
    library = Library(settings)
    if library.revision(character.name) is None:
        return
    with suppress(ConstitutionError):
        if library.load(character.name).constitution == character:
            return
    proposed = name_for(settings, character.name)
    raise NameTaken(
        f"There is another {character.name!r} here. Nothing was imported; bring this one in under another "
        f"name: --as {proposed}",
        proposed,
    )


def name_for(settings: Settings, name: str) -> str:
    """The name itself with the first number from 2 on that no character and no run here has."""
    taken = {entry.name for entry in Library(settings).names()}
    taken |= {path.name.rpartition("-")[0] for path in settings.runs_path.glob("*")}
    base = re.sub(r"-\d+$", "", name)[:60]
    return free_name(base, taken | {base})


def _run_id(found: Checked, character: Constitution) -> str | None:
    """The run's name here: its own, unless it was made of a name that the character lost."""
    run = found.manifest.run
    return character.run_id if run == found.character.run_id else _other_run(run, found, character)


def _other_run(run: str | None, found: Checked, character: Constitution) -> str | None:
    renamed = run is not None and character.name != found.character.name
    return f"{character.name}-{run}"[:80] if renamed else run


# ---- moving in


def _is_here(move: Move, found: Checked) -> bool:
    """Whether this very thing stands in its place: the same bytes, or a run that went on since."""
    if move.source.is_file():
        return move.target.is_file() and file_hash(move.target) == file_hash(move.source)
    if not move.target.is_dir():
        return False
    mark = read_json(move.target / MARK)
    if isinstance(mark, dict) and mark.get("bundle") == found.id:
        return True
    return all(
        file_hash(move.target / path.relative_to(move.source)) == file_hash(path)
        for path in move.source.rglob("*")
        if path.is_file() and path.name != MARK
    )


def _refuse_conflicts(settings: Settings, character: Constitution, waiting: list[Move]) -> None:
    taken = [move.target for move in waiting if os.path.lexists(move.target)]
    if taken:
        proposed = name_for(settings, character.name)
        raise NameTaken(
            f"{character.name} has other work here already ({_shown(taken[0], settings)}). Nothing was "
            f"imported; bring this one in under another name: --as {proposed}",
            proposed,
        )


def _shown(path: Path, settings: Settings) -> str:
    for root in (settings.data_path, settings.lora_path):
        if path.is_relative_to(root):
            return path.relative_to(root).as_posix()
    return path.name


def _put(move: Move) -> None:
    try:
        disk.make_folder(move.target.parent)
        move.source.rename(move.target)
        disk.sync_folder(move.target.parent)
    except OSError as error:
        raise disk_trouble("put in place", move.target, error) from error


@dataclass(frozen=True, slots=True)
class _Kept:
    """What an import did to the character itself and to its prompts."""

    is_new: bool
    added: int = 0
    dropped: int = 0
    joined: int = 0

    @property
    def changed(self) -> bool:
        return bool(self.is_new or self.added or self.dropped or self.joined)

    def told(self, name: str) -> tuple[str, ...]:
        """What happened to a character that was here, in a sentence; nothing about a new one."""
        parts = [f"{self.added} added"] if self.added else []
        parts += [f"{self.joined} put on the list for the next round"] if self.joined else []
        parts += [f"{self.dropped} taken out that its author had dropped"] if self.dropped else []
        if self.is_new or not parts:
            return ()
        return (f"The same {name} was here. Its prompts: {', '.join(parts)}.",)


def _keep_character(
    settings: Settings, character: Constitution, prompts: Mapping[str, tuple[str, ...]]
) -> _Kept:
    """Save the character and its prompts where they are not here yet; what that changed."""
    library, name = Library(settings), character.name
    is_new = library.revision(name) is None
    if is_new:
        library.save(character, base_revision=None, note="imported from a bundle")
    before = library.additional(name).by_trait
    shelf = shelf_of(settings)
    own = [shelf.own_path("few-shot", name, ending) for ending in (".jsonl", ".accepted.jsonl")]
    dropped = 0
    if not any(path.exists() for path in own):
        # Only shipped prompts so far: those that the author dropped would come back.
        for trait, texts in before.items():
            for text in texts:
                if text not in prompts.get(trait, ()):
                    library.edit_additional(character, trait, text, None)
                    dropped += 1
    missing = {
        trait: [one for one in texts if one not in before[trait]] for trait, texts in prompts.items()
    }
    if any(missing.values()):
        library.add_additional(character, missing)
    return _Kept(is_new, sum(map(len, missing.values())), dropped)


def _remake_report(settings: Settings, about: Manifest, run_id: str | None) -> tuple[str, ...]:
    if run_id is None or "report" not in about.parts:
        return ()
    run = Run(run_folder(settings, run_id))
    if any(run.folder.glob("report/*.json")):
        return ()
    try:
        write_report(run, settings)
    except CoreError as error:
        return (f"The report could not be made: {error}",)
    return ("The report was made anew from what was imported.",)
