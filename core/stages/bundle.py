"""`character bundle export`: one .zip that another studio imports and goes on with, without asking anybody.

The same character gives the same bytes. What is in it, and what is taken out: `bundle_contents`.
Bringing one in: `bundle_import`.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, BinaryIO, cast

from core.constitution import Constitution
from core.errors import ConstitutionError, CoreError, RunError
from core.interchange import to_oct_few_shot
from core.settings import Settings
from core.stages.bundle_added import PLACE as ADDED
from core.stages.bundle_added import lines_of_added
from core.stages.bundle_cleaning import cleaner
from core.stages.bundle_contents import (
    Parts,
    Source,
    data_sources,
    pretty,
    refuse_keys,
    run_sources,
    text_source,
    training_sources,
)
from core.stages.evals.keeping import results_of
from core.store import disk
from core.store.bundle import MOST_MANIFEST_BYTES, File, Manifest, manifest_of
from core.store.bundle_check import strict_json
from core.store.bundle_zip import MANIFEST, Member, opened, write_archive
from core.store.disk import disk_trouble
from core.store.jsonl import Row, iter_rows, read_json
from core.store.library import Library
from core.store.runs import Run, run_folder, runs_of
from core.tuning.keepsakes import FOLDER, keep
from core.tuning.trainings import keepsakes_of

SHORTEST_SECRET = 8
KEPT = f"run/{FOLDER}/"


@dataclass(frozen=True, slots=True)
class Made:
    """A bundle that was written: where, how large it is, and what it says of itself."""

    path: Path
    bytes: int
    manifest: Manifest


def export_bundle(
    settings: Settings, name: str, run: Run | None, path: Path, *, parts: Parts | None = None
) -> Made:
    """Write a bundle of a character, whole or not at all. Without `run` the run of its present version.

    Raises ConstitutionError for an unknown character, RunError for what cannot be read or written, and
    CoreError when a key stands in a file.
    """
    wanted = parts or Parts()
    chosen = run or newest_run(settings, name)
    _refuse_foreign(path, name)
    if chosen is not None and wanted.training:
        keep(chosen, keepsakes_of(settings, name))
    sources = _sources(settings, name, chosen, wanted)
    secrets = [one.encode() for one in settings.secrets() if len(one) >= SHORTEST_SECRET]
    files = [_measured(source, secrets) for source in sources]
    about = _manifest(settings, name, chosen, wanted, files)
    members = [_manifest_member(about), *map(_member, sources, files)]
    _write(path, members)
    return Made(path, path.stat().st_size, about)


def newest_run(settings: Settings, name: str) -> Run | None:
    """The run of the character's present version, else its newest one, else None."""
    with suppress(ConstitutionError):
        present = Run(run_folder(settings, Library(settings).load(name).constitution.run_id))
        if (present.folder / "run.json").is_file():
            return present
    return next(iter(runs_of(settings, name)), None)


def read_bundle(path: Path) -> Manifest:
    """What a bundle says of itself; its files are not read. Raises RunError."""
    with opened(path) as archive:
        data = archive.read(MANIFEST, MOST_MANIFEST_BYTES)
        return manifest_of(strict_json(data, MANIFEST), path.name)


def _refuse_foreign(path: Path, name: str) -> None:
    """A file that is no bundle of this character is never written over."""
    if not path.exists():
        return
    with suppress(CoreError):
        if read_bundle(path).character == name:
            return
    raise RunError(f"{path} is there already and is no bundle of {name}; choose another --output.")


def _sources(settings: Settings, name: str, run: Run | None, parts: Parts) -> list[Source]:
    """Every file of the bundle, by name."""
    character = run.constitution() if run else Library(settings).load(name).constitution
    clean = cleaner(settings, run, names=parts.reviewers)
    found = [*_character(settings, character, run)]
    if run is not None:
        found += run_sources(run, clean, parts)
        found += data_sources(settings, run, clean) if parts.run else ()
    if parts.training or parts.adapter:
        found += training_sources(settings, name, clean, parts)
    return sorted(found, key=lambda source: source.name)


def _character(settings: Settings, character: Constitution, run: Run | None) -> Iterator[Source]:
    yield text_source(f"constitution/{character.name}.json", pretty(character.as_dict()))
    prompts = _few_shot(settings, character, run)
    if any(prompts.values()):
        yield text_source("constitution/few-shot.jsonl", to_oct_few_shot(character, prompts))
    if added := lines_of_added(settings, character):
        yield text_source(ADDED, added)


def _few_shot(settings: Settings, character: Constitution, run: Run | None) -> dict[str, tuple[str, ...]]:
    """The prompts a model wrote for each trait: the shelf's, else those that the run was asked."""
    known = {trait.id for trait in character.traits}
    with suppress(CoreError):
        kept = Library(settings).additional(character.name).by_trait
        return {trait: texts for trait, texts in kept.items() if trait in known}
    asked: dict[str, tuple[str, ...]] = {}
    for prompt in run.prompts().values() if run else ():
        if prompt.source == "few-shot" and prompt.trait in known:
            asked[prompt.trait or ""] = (*asked.get(prompt.trait or "", ()), prompt.text)
    return asked


# ---- writing


def _measured(source: Source, secrets: Sequence[bytes]) -> File:
    digest, size = hashlib.sha256(), 0
    for piece in refuse_keys(source.name, source.chunks(), secrets):
        digest.update(piece)
        size += len(piece)
    return File(source.name, size, digest.hexdigest(), source.at)


def _member(source: Source, file: File) -> Member:
    def chunks() -> Iterator[bytes]:
        digest = hashlib.sha256()
        for piece in source.chunks():
            digest.update(piece)
            yield piece
        if digest.hexdigest() != file.sha256:
            raise RunError(
                f"{source.name} changed while the bundle was written, so none was made. Wait for the job "
                "that writes it, then try again."
            )

    return Member(source.name, file.bytes, chunks)


def _manifest_member(about: Manifest) -> Member:
    data = pretty(about.as_dict()).encode()
    return Member(MANIFEST, len(data), lambda: iter((data,)))


def _write(path: Path, members: Sequence[Member]) -> None:
    """Put the bundle in its place at the end, durable; a failure leaves what was there."""
    part = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        disk.make_folder(path.absolute().parent)
        with part.open("wb") as file:
            write_archive(cast(BinaryIO, file), members)
            file.flush()
            disk.fsync(file.fileno())
        disk.replace(part, path)
        disk.sync_folder(path.absolute().parent)
    except OSError as error:
        raise disk_trouble("write", path, error) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


# ---- what it says of itself


def _manifest(
    settings: Settings, name: str, run: Run | None, parts: Parts, files: Sequence[File]
) -> Manifest:
    character = run.constitution() if run else Library(settings).load(name).constitution
    return Manifest(
        character=name,
        constitution_sha256=character.content_hash,
        files=tuple(files),
        run=run.id if run else None,
        studio=_version(),
        parts=_parts_in(files),
        counts=_counts(character, run, files),
        models=_models(run),
        recipe=_recipe(settings, name),
        notes=tuple(_notes(settings, name, character, parts, files)),
    )


def _parts_in(files: Sequence[File]) -> tuple[str, ...]:
    heads = Counter(file.path.partition("/")[0] for file in files)
    there = {
        "constitution": True,
        "run": heads["run"] > 0,
        "evals": any(file.path.startswith("run/evals/") for file in files),
        "training": heads["training"] > 0 or any(file.path.startswith(KEPT) for file in files),
        "adapter": any(file.path.endswith(".safetensors") for file in files),
        "report": any(file.path.startswith("run/report/") for file in files),
    }
    return tuple(part for part, is_there in there.items() if is_there)


def _counts(character: Constitution, run: Run | None, files: Sequence[File]) -> dict[str, int]:
    counts = {"traits": len(character.traits), "exchanges": len(character.exchanges)}
    if run is None:
        return counts
    pairs = [row for path in sorted(run.folder.glob("pairs/*.jsonl")) for row in iter_rows(path)]
    found = {
        "prompts": len(_folder_of(run).prompts()),
        "teacher answers": _answers(run, "teacher"),
        "student answers": _answers(run, "student"),
        "pairs": len(pairs),
        "kept pairs": sum(not row.get("dropped") for row in pairs) or _pairs_of_trial(run),
        "decisions": _lines_in(run.folder / "decisions.jsonl"),
        "evaluations": len(results_of(run)) if any("/evals/" in file.path for file in files) else 0,
    }
    return counts | {what: count for what, count in found.items() if count}


def _pairs_of_trial(run: Run) -> int:
    about = read_json(run.folder / "trial" / "result.json")
    pairs = cast("Row", about).get("pairs") if isinstance(about, dict) else None
    return pairs if isinstance(pairs, int) else 0


def _answers(run: Run, role: str) -> int:
    return sum(len(answers.done_keys()) for answers in _folder_of(run).answer_sets(role))


def _folder_of(run: Run) -> Run:
    """The run itself, or its trial where only that has answers."""
    return run if (run.folder / "teacher").is_dir() else Run(run.folder / "trial")


def _lines_in(path: Path) -> int:
    return sum(1 for _ in iter_rows(path))


def _models(run: Run | None) -> dict[str, list[str]]:
    if run is None:
        return {}
    found = {role: _folder_of(run).answer_sets(role) for role in ("teacher", "student")}
    named = {role: sorted({one.model for one in sets if one.model}) for role, sets in found.items()}
    return {role: models for role, models in named.items() if models}


def _recipe(settings: Settings, name: str) -> dict[str, Any]:
    """The recipe of the adapter that was trained last."""
    places = [*settings.lora_path.glob(f"*/{name}/adapter/provenance.json")]
    places += settings.lora_path.glob(f"*/{name}/provenance.json")
    for path in sorted(places, key=lambda path: path.stat().st_mtime, reverse=True):
        about = read_json(path)
        recipe = cast("Row", about).get("recipe") if isinstance(about, dict) else None
        if isinstance(recipe, dict):
            return cast("dict[str, Any]", recipe)
    return {}


def _notes(
    settings: Settings, name: str, character: Constitution, parts: Parts, files: Sequence[File]
) -> Iterator[str]:
    with suppress(CoreError):
        if Library(settings).load(name).constitution != character:
            yield "The character as it was in this run; its author has changed it since."
    has_training = any(file.path.startswith("training/") for file in files)
    if has_training and not parts.adapter:
        yield "The adapter is not in it."
    if not parts.reviewers:
        yield "Names of reviewers and raters were replaced."


def _version() -> str:
    try:
        return version("character-studio")
    except PackageNotFoundError:
        return ""
