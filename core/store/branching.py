"""A new character from a version of another: "grumpier", from Tuesday's pirate.

The new one begins with a history of one state, whose note says where it came from.
"""

from __future__ import annotations

from dataclasses import replace

from core.store.history import Version
from core.store.library import Library, Loaded


def branch(library: Library, name: str, version: Version, new_name: str, *, who: str = "") -> Loaded:
    """The new character as saved, with the prompts of the traits that both have word for word.

    Raises ConflictError when the name is taken, ConstitutionError when the version cannot be used.
    """
    original = library.version(name, version.revision)
    note = branch_note(name, version)
    saved = library.save(replace(original, name=new_name), base_revision=None, note=note, who=who)
    prompts = _prompts_of(library, name, {trait.trait: trait.id for trait in original.traits})
    if prompts:
        library.add_additional(saved.constitution, prompts)
    return saved


def branch_note(name: str, version: Version) -> str:
    """Where a branch came from, in words."""
    called = f" “{version.name}”" if version.name else ""
    return f"branched from {name}, version {version.revision[:8]}{called}"


def _prompts_of(library: Library, name: str, ids: dict[str, str]) -> dict[str, tuple[str, ...]]:
    """The prompts written for the sentences of a version, by the trait ids of that version."""
    now = library.load(name).constitution
    written = library.additional(name).by_trait
    return {
        ids[trait.trait]: written[trait.id]
        for trait in now.traits
        if trait.trait in ids and written.get(trait.id)
    }
