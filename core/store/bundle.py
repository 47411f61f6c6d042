"""What a bundle says about itself: `manifest.json`, the first file in it.

    {"format": "character-studio-bundle", "version": 1, "studio": "0.1.0", "character": "pirate",
     "constitution_sha256": "1f8a…", "run": "pirate-1f8a80d6", "parts": ["constitution", "run", …],
     "counts": {"traits": 10, …}, "models": {"teacher": ["local/smollm2-135m"], …}, "recipe": {…},
     "notes": […], "files": [{"path": "run/run.json", "bytes": 812, "sha256": "…", "at": 1795706285220}]}

There is no key, no user name and no folder of the machine in it, and no date of its own: the same
character gives the same bytes. `at` is when a file last changed, in milliseconds since 1970: which answers
were made last decides which ones pairs are made of.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, cast

from core.errors import RunError
from core.slugs import check_name
from core.store.bundle_zip import MOST_BYTES, MOST_FILES, name_trouble

FORMAT, VERSION = "character-studio-bundle", 1
PARTS = ("constitution", "run", "evals", "training", "adapter", "report")
MOST_MANIFEST_BYTES = 16_000_000
_HASH = re.compile(r"[0-9a-f]{64}")
_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


@dataclass(frozen=True, slots=True)
class File:
    """One file of a bundle: where it stands in it, its size, its hash, and when it last changed (ms)."""

    path: str
    bytes: int
    sha256: str
    at: int = 0


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that a bundle says about itself."""

    character: str
    constitution_sha256: str
    files: tuple[File, ...]
    run: str | None = None
    studio: str = ""
    parts: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    models: Mapping[str, list[str]] = field(default_factory=dict[str, list[str]])
    recipe: Mapping[str, Any] = field(default_factory=dict[str, Any])
    notes: tuple[str, ...] = ()

    @property
    def bytes(self) -> int:
        """How much it unpacks to."""
        return sum(file.bytes for file in self.files)

    def as_dict(self) -> dict[str, Any]:
        """The manifest as it stands in the bundle."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "studio": self.studio,
            "character": self.character,
            "constitution_sha256": self.constitution_sha256,
            "run": self.run,
            "parts": list(self.parts),
            "counts": dict(self.counts),
            "models": dict(self.models),
            "recipe": dict(self.recipe),
            "notes": list(self.notes),
            "files": [asdict(file) for file in self.files],
        }


def manifest_of(value: object, source: str) -> Manifest:
    """The manifest in a plain JSON value from anywhere. Raises RunError with everything that is wrong."""
    fields = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    if fields.get("format") != FORMAT:
        raise RunError(f"{source} is no bundle of this studio: its manifest does not say so.")
    if fields.get("version") != VERSION:
        raise RunError(
            f"{source} was written in form {fields.get('version')!r}, and this studio reads form "
            f"{VERSION}. Update the studio, then try again."
        )
    wrong = [*_head_troubles(fields), *_file_troubles(fields.get("files"))]
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise RunError(f"{source} was refused: {'; '.join(wrong[:5])}{more}. Nothing was imported.")
    return Manifest(
        character=fields["character"],
        constitution_sha256=fields["constitution_sha256"],
        files=tuple(File(**one) for one in fields["files"]),
        run=fields.get("run"),
        studio=str(fields.get("studio") or "")[:40],
        parts=tuple(part for part in PARTS if part in _strings(fields.get("parts"))),
        counts=_counts(fields.get("counts")),
        models={str(role)[:40]: _strings(models) for role, models in _dict(fields.get("models")).items()},
        recipe=_dict(fields.get("recipe")),
        notes=tuple(note[:500] for note in _strings(fields.get("notes"))[:50]),
    )


def _head_troubles(fields: Mapping[str, Any]) -> list[str]:
    name, run = fields.get("character"), fields.get("run")
    wrong: list[str] = []
    if not isinstance(name, str) or check_name(name):
        wrong.append(f"{str(name)[:60]!r} cannot be a character's name")
    if run is not None and not (isinstance(run, str) and _RUN.fullmatch(run)):
        wrong.append(f"{str(run)[:60]!r} cannot be a run's name")
    if not _is_hash(fields.get("constitution_sha256")):
        wrong.append("it does not say which constitution it holds")
    return wrong


def _file_troubles(value: object) -> list[str]:
    if not isinstance(value, list) or not value or len(cast("list[Any]", value)) > MOST_FILES:
        return ["its list of files is missing or too long"]
    files = cast("list[Any]", value)
    wrong = [
        f"file {number} is described wrongly" for number, one in enumerate(files, 1) if not _is_file(one)
    ]
    if not wrong and len({one["path"].lower() for one in files}) != len(files):
        wrong.append("a file is listed twice")
    if not wrong and sum(one["bytes"] for one in files) > MOST_BYTES:
        wrong.append("it would unpack to more than any bundle does")
    return wrong


def _is_file(value: object) -> bool:
    one = _dict(value)
    return (
        set(one) == {"path", "bytes", "sha256", "at"}
        and isinstance(one["path"], str)
        and not name_trouble(one["path"])
        and _is_count(one["bytes"])
        and _is_count(one["at"])
        and _is_hash(one["sha256"])
    )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 60


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


def _dict(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _strings(value: object) -> list[str]:
    found = cast("list[object]", value) if isinstance(value, list) else []
    return [one[:200] for one in found if isinstance(one, str)]


def _counts(value: object) -> dict[str, int]:
    return {str(name)[:40]: count for name, count in _dict(value).items() if _is_count(count)}
