"""Files for trainers: rows read and checked, whose they are, and the converted file with its manifest.

    convert_file(Path("data/dpo/llama-3.1-8b-it/humor.jsonl"), "dpo", "together", settings)
    → data/together/dpo/humor.jsonl, humor.manifest.json

A file is converted whole or not at all: a bad line is named, never dropped in silence. What other
students' files or strangers left at the place of the output stays there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from core.errors import CoreError, Problem, RunError
from core.formats import (
    MOST_FILE_BYTES,
    Kind,
    Read,
    Row,
    Target,
    dataset_info,
    problem_words,
    read_lines,
    student_problem,
)
from core.names import parse_model, safe_slug
from core.settings import Settings
from core.store.disk import disk_trouble, reader
from core.store.jsonl import read_json, write_atomic, write_json
from core.store.locks import held

MADE_BY = "character convert"
# OpenCharacterTraining's own converter leaves these beside its input.
LEFTOVER = "_together"


class Owner(NamedTuple):
    """Whose a file is, as its manifest or its folder says; None where neither does."""

    student: str | None
    constitution: str
    is_changed: bool = False


@dataclass(frozen=True, slots=True)
class Converted:
    """One file converted: where it is, how many rows, and what was left out of them."""

    source: Path
    output: Path
    rows: int
    left_out: tuple[str, ...]
    files: tuple[Path, ...]
    notes: tuple[str, ...]


def read_training_file(path: Path, kind: Kind, target: Target) -> Read:
    """The rows of a file for a target. Raises RunError with every bad line at once."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise RunError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}.") from error
    if size > MOST_FILE_BYTES:
        raise RunError(f"{path} is {size / 1e9:.0f} GB, and 50.1 are allowed; make it smaller.")
    found = read_lines(_numbered(path), kind, target)
    if found.problems:
        raise RunError(problem_words(str(path), found.problems))
    return found


def numbered_problems(path: Path, kind: Kind, target: Target) -> list[tuple[Problem, str]]:
    """What is wrong with a file's lines, each with the line. Raises RunError for an unreadable file."""
    problems = read_lines(_numbered(path), kind, target).problems
    wanted = {_line_of(problem) for problem in problems}
    lines = {number: line for number, line in _numbered(path) if number in wanted} if problems else {}
    texts = {number: line.decode("utf-8", "replace").strip() for number, line in lines.items()}
    return [(problem, texts.get(_line_of(problem), "")) for problem in problems]


def _line_of(problem: Problem) -> int:
    number = problem.place.rpartition(" ")[2]
    return int(number) if number.isdigit() else 0


def _numbered(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with reader(path) as file:
            yield from enumerate(file, 1)
    except OSError as error:
        raise disk_trouble("read", path, error) from error


def as_lines(rows: list[Row]) -> bytes:
    """Rows as JSON lines, without a checksum: trainers refuse columns they do not know."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def owner_of(path: Path) -> Owner:
    """Whose rows a file holds: its manifest says so, else the folder …/dpo/<student>/<name>.jsonl."""
    name = path.stem.removesuffix(".validation")
    manifest = _manifest(path.with_name(f"{name}.manifest.json"))
    recorded = manifest.get("sha256")
    wanted = recorded.get(path.name) if isinstance(recorded, dict) else None
    is_changed = wanted is not None and path.exists() and file_sha256(path) != wanted
    told = manifest.get("student")
    if isinstance(told, str) and told:
        return Owner(_slug(told), str(manifest.get("constitution") or name), is_changed)
    is_ours = path.absolute().parent.parent.name in ("dpo", "sft_data")
    return Owner(path.absolute().parent.name if is_ours else None, name, is_changed)


def _manifest(path: Path) -> dict[str, Any]:
    try:
        value = read_json(path)
    except RunError:
        return {}
    return value if isinstance(value, dict) else {}


def _slug(model: str) -> str:
    try:
        return parse_model(model).slug
    except CoreError:
        return safe_slug(model)


def file_sha256(path: Path) -> str:
    """Hex sha256 of a file. Raises RunError."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise disk_trouble("read", path, error) from error


def default_output(source: Path, kind: Kind, target: Target, settings: Settings) -> Path:
    """Where a converted file goes when nobody says: `DATA_PATH/together/dpo/<name>.jsonl`."""
    return settings.data_path / target / kind / source.name


def inputs_in(folder: Path) -> tuple[list[Path], list[tuple[Path, str]]]:
    """The files of a folder to convert, in order, and those passed over with the reason.

    What this command or OpenCharacterTraining's converter made earlier is never taken for input.
    Raises RunError for a folder without any.
    """
    if not folder.is_dir():
        raise RunError(f"{folder} is no folder; give the one that holds the .jsonl files.")
    chosen: list[Path] = []
    passed: list[tuple[Path, str]] = []
    for path in sorted(folder.glob("*.jsonl")):
        reason = _why_not(path)
        if reason:
            passed.append((path, reason))
        else:
            chosen.append(path)
    if not chosen:
        raise RunError(f"{folder} holds no .jsonl file to convert; give the folder of a student's files.")
    return chosen, passed


def _why_not(path: Path) -> str:
    if _manifest(path.with_suffix(".manifest.json")).get("made_by") == MADE_BY:
        return "was converted already"
    if path.stem.endswith(LEFTOVER):
        return "is what another converter made"
    if path.stem.endswith(".validation") and not path.stat().st_size:
        return "is empty: nothing was held out"
    return ""


def convert_file(
    source: Path, kind: Kind, target: Target, settings: Settings, output: Path | None = None
) -> Converted:
    """Convert one file whole, with a manifest beside it.

    Raises RunError for bad lines, all at once, and for an output that holds something else.
    """
    output = output or default_output(source, kind, target, settings)
    found = read_training_file(source, kind, target)
    owner = owner_of(source)
    with held(output.with_name(f".{output.stem}.convert.lock"), str(output)):
        _refuse_strangers(source, output, owner)
        data = as_lines(found.rows)
        write_atomic(output, data)
        manifest = output.with_suffix(".manifest.json")
        write_json(manifest, _manifest_of(source, output, owner, kind, target, found, data))
        files = [output, manifest, *_beside(output, kind, target)]
    notes = (f"{source.name} was changed after it was made",) if owner.is_changed else ()
    return Converted(source, output, len(found.rows), tuple(sorted(found.left_out)), tuple(files), notes)


def _refuse_strangers(source: Path, output: Path, owner: Owner) -> None:
    """Keep what is at the output unless it is an earlier conversion for the same student."""
    if output.resolve() == source.resolve():
        raise RunError(f"{output} is the input itself; choose another --output.")
    if not output.exists():
        return
    before = _manifest(output.with_suffix(".manifest.json"))
    if before.get("made_by") != MADE_BY:
        raise RunError(f"{output} was not made by this command, and stays; choose another --output.")
    whose = before.get("student")
    same_source = before.get("source") == str(source.absolute())
    if whose != owner.student or (whose is None and not same_source):
        raise RunError(
            f"{output} holds rows of {whose or 'another file'}, and stays; choose another --output, "
            f"such as {output.with_name(f'{output.stem}-{owner.student or source.parent.name}.jsonl')}"
        )


def _manifest_of(
    source: Path, output: Path, owner: Owner, kind: Kind, target: Target, found: Read, data: bytes
) -> Row:
    return {
        "made_by": MADE_BY,
        "format": kind,
        "to": target,
        "student": owner.student,
        "constitution": owner.constitution,
        "rows": len(found.rows),
        "left_out": sorted(found.left_out),
        "source": str(source.absolute()),
        "source_sha256": file_sha256(source),
        "source_changed_since_made": owner.is_changed,
        "sha256": {output.name: hashlib.sha256(data).hexdigest()},
    }


def _beside(output: Path, kind: Kind, target: Target) -> list[Path]:
    """LLaMA-Factory reads dataset_info.json in its data folder: ours is added, others' entries stay."""
    if target != "llamafactory":
        return []
    path = output.with_name("dataset_info.json")
    value = read_json(path)
    if value is not None and not isinstance(value, dict):
        raise RunError(f"{path} is no list of data sets; move it away, then convert again.")
    write_json(path, (value or {}) | {output.stem: dataset_info(output.name, kind)})
    return [path]


def require_student(path: Path, student: str) -> tuple[Owner, Problem | None]:
    """Whose a file is, and what is wrong when it is another student's than the one to train."""
    owner = owner_of(path)
    return owner, student_problem(owner.student, student, str(path))
