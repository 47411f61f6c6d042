"""What goes into a bundle: which files, under which names, and what is taken out of them on the way.

    constitution/pirate.json · constitution/few-shot.jsonl     the character and its prompts
    constitution/added-prompts.jsonl                           those that people added (`bundle_added`)
    run/…                                                      the run folder without locks and indexes
    run/trainings/…                                            what trainings elsewhere came to
    training/<student>-<stage>/…                               LORA_PATH's, without weights unless asked
    data/dpo/<student>.jsonl …                                 what was written of this very run

Folders of this machine become {DATA_PATH} and the like, names of people become "person 1", and a file
with a key in it stops the export. Everything else travels byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from core.decision_log import Act, line_of
from core.errors import CoreError, RunError
from core.pair_edits import Decision
from core.records import content_hash
from core.settings import Settings
from core.stages.bundle_cleaning import Cleaner
from core.stages.dpo_data import decision_folders
from core.store import disk
from core.store.decisions import read_log
from core.store.disk import disk_trouble
from core.store.jsonl import Row, iter_rows, read_json, seal, unseal
from core.store.runs import Run
from core.tuning.keepsakes import FOLDER as TRAININGS

LINES, SMALL = ".jsonl", 64_000_000
KINDS = (".json", ".jsonl", ".md", ".html", ".csv")
WEIGHTS = ("adapter_model.safetensors", "adapter.gguf", "adapter_config.json", "README.md")
# Rows of models: no person ever signs one.
UNSIGNED = ("teacher/", "student/", "eval-answers/", "eval-verdicts/", "reflect/")
# Results that speak of people.
SIGNED = ("evals/rate/", "report/")
EVALS = ("eval-answers/", "eval-verdicts/", "evals/", "ratings/")
DECISIONS = "decisions.jsonl"
# Left by an import, about an import.
MARK = "imported.json"


@dataclass(frozen=True, slots=True)
class Parts:
    """What is wanted in a bundle beside the character itself.

    `adapter` adds the trained weights; `reviewers` keeps the names of those who decided and rated.
    """

    run: bool = True
    evals: bool = True
    training: bool = True
    report: bool = True
    adapter: bool = False
    reviewers: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """One file of a bundle: its name there, its bytes drawn anew each time, when it changed (ms)."""

    name: str
    chunks: Callable[[], Iterator[bytes]]
    at: int


def text_source(name: str, text: str, at: int = 0) -> Source:
    """A file that is made here."""
    data = text.encode()
    return Source(name, lambda: iter((data,)), at)


def pretty(value: Any) -> str:
    """JSON as every file of this studio has it."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


# ---- the run folder


def run_sources(run: Run, clean: Cleaner, parts: Parts) -> Iterator[Source]:
    """The files of a run folder that are wanted, in order of their names."""
    seen_decisions = False
    for path in sorted(run.folder.rglob("*")):
        place = path.relative_to(run.folder).as_posix()
        if not _travels(path, place, parts) or (clean.people and path.suffix == ".html"):
            continue
        if place == DECISIONS:
            seen_decisions = True
            yield decisions_source(run, clean, path)
        else:
            yield _source(path, f"run/{place}", clean, place)
    if parts.run and not seen_decisions and _decisions_elsewhere(run):
        yield decisions_source(run, clean, None)


def _travels(path: Path, place: str, parts: Parts) -> bool:
    hidden = any(piece.startswith(".") for piece in place.split("/"))
    if hidden or place == MARK or path.suffix not in KINDS or not path.is_file() or path.is_symlink():
        return False
    if place.startswith(EVALS):
        return parts.evals
    if place.startswith("report/"):
        return parts.report
    if place.startswith(f"{TRAININGS}/"):
        return parts.training
    return parts.run or place == "run.json"


def _source(path: Path, name: str, clean: Cleaner, place: str) -> Source:
    at = changed_ms(path)
    if path.suffix == LINES:
        return Source(name, _line_chunks(path, clean, place), at)
    if path.stat().st_size > SMALL:
        raise RunError(f"{path} has more than 64 MB; no file of a run has. Move it away, then try again.")
    data = path.read_bytes()
    if path.suffix == ".json":
        value = read_json(path)
        cleaned = clean.value(value, signed=bool(clean.people) and place.startswith(SIGNED))
        data = data if cleaned == value else pretty(cleaned).encode()
    else:
        data = str(clean.value(data.decode("utf-8", "replace"))).encode()
    return Source(name, lambda: iter((data,)), at)


def _line_chunks(path: Path, clean: Cleaner, place: str) -> Callable[[], Iterator[bytes]]:
    end = _whole_lines(path)
    if not clean.people or place.startswith(UNSIGNED):
        return lambda: _bytes(path, end)
    forms = {form for name in clean.people for form in (name, json.dumps(name)[1:-1])}
    words = [form.encode() for form in forms]
    more = ("group",) if place.startswith("evals/rate/") else ()

    def lines() -> Iterator[bytes]:
        for line in _lines(path, end):
            row = unseal(line) if any(word in line for word in words) else None
            yield line if row is None else seal(clean.unsigned(row, more=more))

    return lines


def _whole_lines(path: Path) -> int:
    """Where the last whole line of a file that may be growing ends."""
    try:
        with disk.reader(path) as file:
            size = end = file.seek(0, 2)
            while end > 0:
                start = max(0, end - (1 << 16))
                file.seek(start)
                found = file.read(end - start).rfind(b"\n")
                if found >= 0:
                    return start + found + 1
                end = start
            return 0 if size else size
    except OSError as error:
        raise disk_trouble("read", path, error) from error


def _bytes(path: Path, end: int) -> Iterator[bytes]:
    try:
        with disk.reader(path) as file:
            while end > 0 and (piece := file.read(min(1 << 20, end))):
                end -= len(piece)
                yield piece
    except OSError as error:
        raise disk_trouble("read", path, error) from error


def _lines(path: Path, end: int) -> Iterator[bytes]:
    with disk.reader(path) as file:
        for line in file:
            end -= len(line)
            if end < 0:
                return
            yield line


# ---- decisions


def decisions_source(run: Run, clean: Cleaner, own: Path | None) -> Source:
    """What people decided, here and about the same pairs in earlier versions' runs, which stay behind.

    By time the last word counts: what was said elsewhere stands before or after what was said here.
    """
    mine = read_log(run.folder).last_words()
    others = _decisions_elsewhere(run)
    earlier = [word for word in others if word.pair not in mine or word.at <= mine[word.pair].at]
    later = [word for word in others if word.pair in mine and word.at > mine[word.pair].at]
    rows = [*_act_of(earlier), *(iter_rows(own) if own else ()), *_act_of(later)]
    data = b"".join(seal(clean.unsigned(row)) for row in rows)
    return Source(f"run/{DECISIONS}", lambda: iter((data,)), changed_ms(own) if own else 0)


def _act_of(words: Sequence[Decision]) -> list[Row]:
    """Words as one line, under a name that is always the same for the same words."""
    if not words:
        return []
    name = content_hash([asdict(word) for word in words])[:16]
    return [line_of(Act(name, tuple(words), "", words[0].reviewer, words[0].at))]


def _decisions_elsewhere(run: Run) -> list[Decision]:
    """The last word about each pair in the runs of the character's other versions, by time."""
    name = run.constitution().name
    logs = [
        read_log(folder)
        for folder in decision_folders(run)
        if folder != run.folder and _is_of(folder, name)
    ]
    words = sorted((word for log in logs for word in log.last_words().values()), key=lambda word: word.at)
    return list({word.pair: word for word in words}.values())


def _is_of(folder: Path, name: str) -> bool:
    about = read_json(folder / "run.json")
    return isinstance(about, dict) and cast("Row", about).get("constitution", {}).get("name") == name


# ---- training and data


def training_sources(settings: Settings, name: str, clean: Cleaner, parts: Parts) -> Iterator[Source]:
    """What trainings on this machine and the registered adapters of a character say of themselves."""
    for folder in sorted(settings.lora_path.glob(f"*/{name}")):
        for path in sorted(folder.rglob("*")):
            place = path.relative_to(settings.lora_path).as_posix()
            if _is_wanted(path, place, parts):
                yield _training_source(path, place, clean)


def _is_wanted(path: Path, place: str, parts: Parts) -> bool:
    if any(piece.startswith(".") for piece in place.split("/")) or not path.is_file() or path.is_symlink():
        return False
    if path.name in WEIGHTS:
        return parts.adapter
    return path.suffix in (".json", ".jsonl")


def _training_source(path: Path, place: str, clean: Cleaner) -> Source:
    student, _, rest = place.partition("/")
    name = f"training/{student}/{rest.partition('/')[2]}"
    if path.suffix in (".safetensors", ".gguf"):
        size = path.stat().st_size
        return Source(name, lambda: _bytes(path, size), changed_ms(path))
    return _source(path, name, clean, place)


def data_sources(settings: Settings, run: Run, clean: Cleaner) -> Iterator[Source]:
    """The DPO files that were written of this very run, by student."""
    name = run.constitution().name
    for manifest in sorted((settings.data_path / "dpo").glob(f"*/{name}.manifest.json")):
        about = read_json(manifest)
        if not isinstance(about, dict) or cast("dict[str, Any]", about).get("run") != run.id:
            continue
        for ending in (".jsonl", ".manifest.json", ".validation.jsonl"):
            path = manifest.with_name(f"{name}{ending}")
            if path.is_file():
                yield _source(path, f"data/dpo/{manifest.parent.name}{ending}", clean, "")


def changed_ms(path: Path) -> int:
    """When a file last changed, in milliseconds since 1970. Raises RunError."""
    try:
        return path.stat().st_mtime_ns // 1_000_000
    except OSError as error:
        raise disk_trouble("read", path, error) from error


def refuse_keys(name: str, chunks: Iterable[bytes], secrets: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes. Raises CoreError when a key of this studio stands in them, naming the file only."""
    wanted = tuple(secrets)
    overlap = max((len(secret) for secret in wanted), default=1) - 1
    tail = b""
    for piece in chunks:
        window = tail + piece
        if any(secret in window for secret in wanted):
            raise CoreError(
                f"One of your keys stands in {name}, so no bundle was made. Was it pasted into a prompt or "
                "an answer? Take it out there, and make a new key at the provider."
            )
        tail = window[-overlap:] if overlap else b""
        yield piece
