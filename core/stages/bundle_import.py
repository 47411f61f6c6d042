"""`character bundle import`: bring in what another studio handed out, all of it or nothing.

Everything is checked by hash and by kind before a byte is written; then it is unpacked beside its place,
made to fit this machine, loaded once as any page would, and only then moved. Nothing that is here is ever
written over. Killed at any moment, the same command goes on: what was moved already is recognised.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.constitution import Constitution, check_name, parse
from core.errors import ConflictError, ConstitutionError, CoreError, RunError
from core.interchange import from_oct_few_shot
from core.settings import Settings
from core.stages.bundle_added import PLACE as ADDED
from core.stages.bundle_added import keep_added, read_added
from core.stages.bundle_contents import MARK
from core.stages.bundle_fit import Fit, check_run, fit_folder
from core.stages.report import write_report
from core.store import disk
from core.store.added_prompts import Added
from core.store.atomic import replacing
from core.store.bundle import MOST_MANIFEST_BYTES, File, Manifest, manifest_of
from core.store.bundle_check import MOST_JSON_BYTES, checked, strict_json
from core.store.bundle_zip import MANIFEST, Archive, opened
from core.store.disk import disk_trouble
from core.store.finishing import file_hash
from core.store.jsonl import read_json, write_json
from core.store.library import Library
from core.store.locks import held
from core.store.runs import Run, run_folder
from core.store.shelf import shelf_of
from core.strict_json import MAX_LINES_BYTES

SPARE_BYTES = 100_000_000
_RUN = r"run/(?!.*\.html$).+\.(?:json|jsonl|md|csv)|run/report/[^/]+\.(?:html|json)"
_TRAINING = r"training/[^/]+/(?:[^/]+/){0,3}[^/]+\.(?:json|jsonl|md)"
_WEIGHTS = r"training/[^/]+/(?:adapter/)?(?:adapter_model\.safetensors|adapter\.gguf)"
_DATA = r"data/dpo/[^/]+\.(?:jsonl|manifest\.json)"
_PLACES = re.compile(rf"constitution/[^/]+\.jsonl?|{_RUN}|{_TRAINING}|{_WEIGHTS}|{_DATA}")
_DPO_ENDINGS = (".manifest.json", ".validation.jsonl", ".jsonl")


class NameTaken(ConflictError):
    """Something else stands here under the bundle's name; `proposed` is a name that is free."""

    def __init__(self, message: str, proposed: str) -> None:
        super().__init__(message)
        self.proposed = proposed


@dataclass(frozen=True, slots=True)
class Checked:
    """A bundle whose every byte was judged: what it says, its character, and the prompts beside it."""

    manifest: Manifest
    character: Constitution
    prompts: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    added: tuple[Added, ...] = ()
    id: str = ""


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import. `status` is "imported" or "already here"; `run` is None without one."""

    name: str
    run: str | None
    status: str
    manifest: Manifest
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Move:
    """A folder or file that waits beside its place."""

    source: Path
    target: Path


def check_bundle(path: Path) -> Checked:
    """Judge every byte of a bundle; nothing is written. Raises RunError, ConstitutionError."""
    with opened(path) as archive:
        data = archive.read(MANIFEST, MOST_MANIFEST_BYTES)
        about = manifest_of(strict_json(data, MANIFEST), path.name)
        _check_list(archive, about, path.name)
        for file in about.files:
            for _ in _verified(archive, file):
                pass
        return replace(_checked(archive, about), id=hashlib.sha256(data).hexdigest()[:16])


def _check_list(archive: Archive, about: Manifest, source: str) -> None:
    """The manifest and the table of contents must name the same files, each of a known kind."""
    listed = {file.path for file in about.files}
    found = set(archive.names) - {MANIFEST}
    if strange := sorted(listed ^ found):
        raise RunError(
            f"{source} was refused: {strange[0]!r} is not both in it and in its list of files. "
            "Nothing was imported."
        )
    if unknown := sorted(name for name in listed if not _PLACES.fullmatch(name)):
        raise RunError(
            f"{source} was refused: {unknown[0]!r} is no file of a bundle. Nothing was imported."
        )
    for file in about.files:
        if archive.size(file.path) != file.bytes:
            raise RunError(f"{source} was refused: {file.path} has another size than it says.")


def _verified(archive: Archive, file: File) -> Iterator[bytes]:
    """The bytes of a file, judged by kind; at the end also by hash. Raises RunError."""
    digest = hashlib.sha256()
    for piece in checked(file.path, archive.chunks(file.path)):
        digest.update(piece)
        yield piece
    if digest.hexdigest() != file.sha256:
        raise RunError(
            f"{file.path} in this bundle is not what it was when the bundle was made (its hash differs); "
            "nothing was imported. Fetch it again."
        )


def _checked(archive: Archive, about: Manifest) -> Checked:
    place = f"constitution/{about.character}.json"
    character = parse(strict_json(archive.read(place, MOST_JSON_BYTES), place), source=place)
    if (character.name, character.content_hash) != (about.character, about.constitution_sha256):
        raise RunError(f"{place} in this bundle is another character than it says; nothing was imported.")
    if about.run is not None:
        _check_run_file(archive, about, character)
    there = ADDED in archive.names
    added = read_added(archive.read(ADDED, MAX_LINES_BYTES), character) if there else ()
    return Checked(about, character, _prompts(archive, character), added)


def _check_run_file(archive: Archive, about: Manifest, character: Constitution) -> None:
    value = strict_json(archive.read("run/run.json", MOST_JSON_BYTES), "run/run.json")
    frozen = value if isinstance(value, dict) else {}
    if frozen.get("constitution") != character.as_dict() or frozen.get("run") != about.run:
        raise RunError("run/run.json in this bundle is of another character; nothing was imported.")
    if not isinstance(frozen.get("created"), int | float):
        raise RunError("run/run.json in this bundle does not say when it began; nothing was imported.")


def _prompts(archive: Archive, character: Constitution) -> dict[str, tuple[str, ...]]:
    place = "constitution/few-shot.jsonl"
    if place not in archive.names:
        return {}
    data = archive.read(place, MAX_LINES_BYTES)
    read, prompts = from_oct_few_shot(data, name=character.name, source=place)
    sentences = {trait.trait: trait.id for trait in character.traits}
    by_id = {trait.id: trait.trait for trait in read.traits}
    return {
        sentences[by_id[id]]: texts for id, texts in prompts.items() if texts and by_id[id] in sentences
    }


# ---- under which name


def import_bundle(settings: Settings, path: Path, *, as_name: str | None = None) -> Imported:
    """Bring a bundle in. Raises NameTaken, which proposes a name, when another stands here under its own.

    Raises RunError and ConstitutionError for a bundle that was refused; then nothing is left behind.
    """
    found = check_bundle(path)
    character = _named(found.character, as_name)
    with _alone(settings):
        _room(settings, found.manifest)
        _refuse_taken(settings, character)
        run_id = _run_id(found, character)
        with _staged(settings, path, found, character, run_id) as moves:
            waiting = [move for move in moves if not _is_here(move, found)]
            _refuse_conflicts(settings, character, waiting)
            for move in waiting:
                _put(move)
            was_new = _keep_character(settings, character, found.prompts)
            was_new = keep_added(settings, character.name, found.added) or was_new
        notes = _remake_report(settings, found.manifest, run_id)
    status = "imported" if waiting or was_new else "already here"
    return Imported(character.name, run_id, status, found.manifest, notes)


def _named(character: Constitution, as_name: str | None) -> Constitution:
    if as_name is None:
        return character
    if problems := check_name(as_name):
        raise ConstitutionError("--as", problems)
    return replace(character, name=as_name)


@contextmanager
def _alone(settings: Settings) -> Generator[None]:
    with held(_workshop(settings) / ".lock", "an import"):
        _sweep(settings)
        yield


def _workshop(settings: Settings) -> Path:
    return settings.data_path / ".bundles"


def _sweep(settings: Settings) -> None:
    """Remove what killed imports left; the lock is held, so nobody else is at work."""
    left = [path for path in _workshop(settings).glob("*") if path.is_dir()]
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
    proposed = free_name(settings, character.name)
    raise NameTaken(
        f"There is another {character.name!r} here. Nothing was imported; bring this one in under another "
        f"name: --as {proposed}",
        proposed,
    )


def free_name(settings: Settings, name: str) -> str:
    """The name itself with the first number from 2 on that no character and no run here has."""
    taken = {entry.name for entry in Library(settings).names()}
    taken |= {path.name.rpartition("-")[0] for path in settings.runs_path.glob("*")}
    base = re.sub(r"-\d+$", "", name)[:60]
    return next(one for number in range(2, 10_000) if (one := f"{base}-{number}") not in taken)


def _run_id(found: Checked, character: Constitution) -> str | None:
    """The run's name here: its own, unless it was made of a name that the character lost."""
    run = found.manifest.run
    return character.run_id if run == found.character.run_id else _other_run(run, found, character)


def _other_run(run: str | None, found: Checked, character: Constitution) -> str | None:
    renamed = run is not None and character.name != found.character.name
    return f"{character.name}-{run}"[:80] if renamed else run


# ---- unpacking beside its place


@contextmanager
def _staged(
    settings: Settings, path: Path, found: Checked, character: Constitution, run_id: str | None
) -> Generator[list[_Move]]:
    """Everything unpacked, fitted to this machine and loaded once; gone again at the end."""
    here = _workshop(settings) / found.id
    there = settings.lora_path / f".bundle-{found.id}" / "adapters"
    fit = Fit(settings, found.character, character, found.manifest.run, run_id)
    try:
        with opened(path) as archive:
            for file in found.manifest.files:
                _unpack(archive, file, here, there)
        moves = list(_moves(settings, found, character, run_id, here, there))
        for root in (here / "run", here / "data", there):
            fit_folder(root, fit)
        if run_id is not None:
            _leave_mark(here / "run", found)
            check_run(Run(here / "run"))
        _restore_times(found.manifest, here, there)
        yield moves
    except OSError as error:
        raise disk_trouble("unpack", here, error) from error
    finally:
        shutil.rmtree(here, ignore_errors=True)
        shutil.rmtree(there.parent, ignore_errors=True)


def _staging_place(name: str, here: Path, there: Path) -> Path:
    head, _, rest = name.partition("/")
    return there / rest if head == "training" else here / name


def _unpack(archive: Archive, file: File, here: Path, there: Path) -> None:
    # A report is made anew from what was imported: a page of somebody else's could run programs.
    if file.path.startswith(("run/report/", "constitution/")):
        return
    with replacing(_staging_place(file.path, here, there)) as new:
        for piece in _verified(archive, file):
            new.write(piece)


def _restore_times(about: Manifest, here: Path, there: Path) -> None:
    """Which answers were made last decides what pairs are made of; no time may lie in the future."""
    now = time.time_ns()
    for file in about.files:
        path = _staging_place(file.path, here, there)
        if file.at and path.is_file():
            at = min(file.at * 1_000_000, now)
            os.utime(path, ns=(at, at))


def _leave_mark(folder: Path, found: Checked) -> None:
    write_json(folder / MARK, {"bundle": found.id, "studio": found.manifest.studio})


def _moves(
    settings: Settings, found: Checked, character: Constitution, run_id: str | None, here: Path, there: Path
) -> Iterator[_Move]:
    for folder in sorted({file.path.split("/")[1] for file in _under(found, "training/")}):
        yield _Move(there / folder, settings.lora_path / folder / character.name)
    for file in _under(found, "data/dpo/"):
        student, ending = _student_of(file.path)
        target = settings.data_path / "dpo" / student / f"{character.name}{ending}"
        yield _Move(here / file.path, target)
    if run_id is not None:
        yield _Move(here / "run", run_folder(settings, run_id))


def _under(found: Checked, head: str) -> list[File]:
    return [file for file in found.manifest.files if file.path.startswith(head)]


def _student_of(name: str) -> tuple[str, str]:
    base = name.rpartition("/")[2]
    ending = next(ending for ending in _DPO_ENDINGS if base.endswith(ending))
    return base.removesuffix(ending), ending


# ---- moving in


def _is_here(move: _Move, found: Checked) -> bool:
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


def _refuse_conflicts(settings: Settings, character: Constitution, waiting: list[_Move]) -> None:
    taken = [move.target for move in waiting if os.path.lexists(move.target)]
    if taken:
        proposed = free_name(settings, character.name)
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


def _put(move: _Move) -> None:
    try:
        disk.make_folder(move.target.parent)
        move.source.rename(move.target)
        disk.sync_folder(move.target.parent)
    except OSError as error:
        raise disk_trouble("put in place", move.target, error) from error


def _keep_character(
    settings: Settings, character: Constitution, prompts: Mapping[str, tuple[str, ...]]
) -> bool:
    """Save the character and its prompts where they are not here yet; whether that changed anything."""
    library, name = Library(settings), character.name
    is_new = library.revision(name) is None
    if is_new:
        library.save(character, base_revision=None, note="imported from a bundle")
    before = library.additional(name).by_trait
    shelf = shelf_of(settings)
    own = [shelf.own_path("few-shot", name, ending) for ending in (".jsonl", ".accepted.jsonl")]
    if not any(path.exists() for path in own):
        # Only shipped prompts so far: those that the author dropped would come back.
        for trait, texts in before.items():
            for text in texts:
                if text not in prompts.get(trait, ()):
                    library.edit_additional(character, trait, text, None)
    missing = {
        trait: [one for one in texts if one not in before[trait]] for trait, texts in prompts.items()
    }
    if any(missing.values()):
        library.add_additional(character, missing)
    return is_new


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
