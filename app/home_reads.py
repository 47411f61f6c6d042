"""What the home page knows of a character: counted from files, cheap enough for every visit."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from app.reads import library, settings
from core.errors import CoreError
from core.first_steps import Standing
from core.jobs import Job, Jobs
from core.settings import Settings
from core.store.runs import run_folder

SHOWN_JOBS = 3


def standing_of(name: str) -> Standing:
    """How far the present version of a character is; nothing of it where it cannot be read."""
    where = settings()
    try:
        character = library().load(name).constitution
        folder = run_folder(where, character.run_id)
    except CoreError:
        return Standing()
    return Standing(
        ready=library().draft_revision(name) is None,
        pairs=_lines(folder),
        trained=is_trained(where, name) or (folder / "trial" / "result.json").exists(),
        measured=len({path.parent.parent.name for path in folder.glob("evals/*/*/result.json")}),
        reported=any(folder.glob("report/*.html")),
        unheard=not character.exchanges,
    )


def _lines(folder: Path) -> int:
    """The teacher's answers, in the run or its trial. Bytes are counted, nothing is parsed."""
    places = (folder, folder / "trial")
    counts = [_count(path) for place in places for path in place.glob("teacher/*/rows.jsonl")]
    return max(counts, default=0)


def _count(path: Path) -> int:
    try:
        with path.open("rb") as file:
            return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
    except OSError:
        return 0


def is_trained(where: Settings, name: str) -> bool:
    """Whether anything was trained to be this character."""
    return any(any(where.lora_path.glob(f"*/{name}/{file}")) for file in ("result.json", "adapter"))


def jobs() -> tuple[list[Job], list[Job]]:
    """The jobs that run, and the last ones that ended, newest first."""
    with suppress(CoreError):
        newest = Jobs(settings()).list(limit=12)
        running = [job for job in newest if job.active]
        return running, [job for job in newest if not job.active][:SHOWN_JOBS]
    return [], []
