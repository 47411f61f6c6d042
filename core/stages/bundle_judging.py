"""A bundle judged before anything of it is written: its list, every byte, and what it says of itself."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.constitution import Constitution, parse
from core.errors import RunError
from core.interchange import from_oct_few_shot
from core.stages.bundle_added import PLACE as ADDED
from core.stages.bundle_added import read_added
from core.store.added_prompts import Added
from core.store.bundle import MOST_MANIFEST_BYTES, File, Manifest, manifest_of
from core.store.bundle_check import MOST_JSON_BYTES, checked, strict_json
from core.store.bundle_zip import MANIFEST, Archive, opened
from core.strict_json import MAX_LINES_BYTES

_RUN = r"run/(?!.*\.html$).+\.(?:json|jsonl|md|csv)|run/report/[^/]+\.(?:html|json)"
_TRAINING = r"training/[^/]+/(?:[^/]+/){0,3}[^/]+\.(?:json|jsonl|md)"
_WEIGHTS = r"training/[^/]+/(?:adapter/)?(?:adapter_model\.safetensors|adapter\.gguf)"
_DATA = r"data/dpo/[^/]+\.(?:jsonl|manifest\.json)"
_PLACES = re.compile(rf"constitution/[^/]+\.jsonl?|{_RUN}|{_TRAINING}|{_WEIGHTS}|{_DATA}")


@dataclass(frozen=True, slots=True)
class Checked:
    """A bundle whose every byte was judged: what it says, its character, and the prompts beside it."""

    manifest: Manifest
    character: Constitution
    prompts: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    added: tuple[Added, ...] = ()
    id: str = ""


def listed(path: Path) -> Manifest:
    """What a bundle says of itself; of its files nothing is read. Raises RunError."""
    with opened(path) as archive:
        return _listed(archive, path.name)


def _listed(archive: Archive, source: str) -> Manifest:
    about = manifest_of(strict_json(archive.read(MANIFEST, MOST_MANIFEST_BYTES), MANIFEST), source)
    _check_list(archive, about, source)
    return about


def check_bundle(path: Path) -> Checked:
    """Judge every byte of a bundle; nothing is written. Raises RunError, ConstitutionError."""
    with opened(path) as archive:
        data = archive.read(MANIFEST, MOST_MANIFEST_BYTES)
        about = _listed(archive, path.name)
        for file in about.files:
            for _ in verified(archive, file):
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


def verified(archive: Archive, file: File) -> Iterator[bytes]:
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
