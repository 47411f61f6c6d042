"""The versions of a constitution that something was made of, numbered as its history numbers them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from core.constitution import Constitution, parse, parse_json
from core.errors import CoreError
from core.lineage import Version
from core.stages.lineage_files import kept, object_in
from core.store.library import Library, Loaded
from core.store.shelf import revision_of


def versions_of(library: Library, loaded: Loaded, runs: list[Path]) -> dict[str, Version]:
    """Every version that something was made of, and the present one, by hash."""
    frozen = [one for run in runs if (one := kept(run / "run.json", frozen_in)) is not None]
    numbers = _numbers(library, loaded.constitution.name)
    shipped = _shipped(library, loaded.constitution.name)
    return {one.content_hash: _numbered(one, numbers, shipped) for one in (*frozen, loaded.constitution)}


def version_now(library: Library, loaded: Loaded) -> Version:
    """The version that is saved now."""
    name = loaded.constitution.name
    return _numbered(loaded.constitution, _numbers(library, name), _shipped(library, name))


def frozen_in(path: Path) -> Constitution | None:
    """The constitution that a run.json has frozen, None where it cannot be read."""
    try:
        return parse(object_in(path).get("constitution"), source=path.parent.name)
    except CoreError:
        return None


def _numbers(library: Library, name: str) -> dict[str, tuple[int, float]]:
    """The number and time of every saved state, by revision; of equal ones the last counts."""
    try:
        saved = list(reversed(library.history(name, limit=10_000)))
    except CoreError:
        return {}
    return {one.revision: (number, one.saved_at) for number, one in enumerate(saved, 1)}


def _shipped(library: Library, name: str) -> tuple[str, str]:
    """(content hash, revision) of the file as it is shipped; empty texts where it is not."""
    path = library.shelf.shipped_path("hand-written", name)
    return kept(path, _hash_and_revision)


def _hash_and_revision(path: Path) -> tuple[str, str]:
    try:
        data = path.read_bytes()
        return parse_json(data, source=path.name).content_hash, revision_of(data)
    except (OSError, CoreError):
        return "", ""


def _numbered(
    one: Constitution, numbers: Mapping[str, tuple[int, float]], shipped: tuple[str, str]
) -> Version:
    """A version with its place among the saved states: a shipped character is version 1."""
    saved = (json.dumps(one.as_dict(), indent=2, ensure_ascii=False) + "\n").encode()
    known = numbers.get(revision_of(saved))
    if known is None and one.content_hash == shipped[0]:
        known = numbers.get(shipped[1], (1, 0.0))
    if known is None:
        # Written by hand or by another program: it is in use, but was never saved here.
        return Version(one.content_hash, one, None if numbers else 1)
    return Version(one.content_hash, one, known[0], known[1] or None)
