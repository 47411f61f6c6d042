"""`character export pairs`: the pairs that people accepted, as a file for wherever they go next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from core.errors import RunError
from core.exports import Destination, Encoder, Group, PairSource, file_name, told_counts
from core.settings import Settings
from core.store.atomic import replacing


@dataclass(frozen=True, slots=True)
class Exported:
    """A file written: how many pairs are in it, and what it had to leave out, by reason."""

    path: Path
    rows: int
    left_out: Mapping[str, int]
    told: str = ""


@dataclass(frozen=True, slots=True)
class ExportJob:
    """What is to leave and where to; without `output` a file under DATA_PATH/exports, named by its day."""

    character: str
    destination: Destination
    groups: frozenset[Group]
    output: Path | None = None
    overwrite: bool = False


def planned_name(job: ExportJob, source: PairSource, day: date) -> str:
    """What the file will be called."""
    counts = source.counts()
    return file_name(job.character, job.destination, sum(counts.get(group, 0) for group in job.groups), day)


def export_pairs(job: ExportJob, source: PairSource, settings: Settings, day: date) -> Exported:
    """Write the file, whole or not at all. Raises RunError when nothing would be in it, with what to do,
    and when a file stands at `output` that nobody said to replace.
    """
    _refuse_nothing(job, source)
    path = job.output or settings.data_path / "exports" / planned_name(job, source, day)
    if job.output is not None and path.exists() and not job.overwrite:
        raise RunError(f"{path} is there already; choose another --output, or replace it with --overwrite.")
    encoder = Encoder(job.destination)
    with replacing(path, mode=0o600) as new:
        for line in encoder.lines(source.rows(job.groups)):
            new.write(line)
        if not encoder.rows:
            raise RunError(f"Nothing was written: {encoder.told_left_out()}")
    return Exported(path, encoder.rows, dict(encoder.left_out), encoder.told_left_out())


def _refuse_nothing(job: ExportJob, source: PairSource) -> None:
    counts = source.counts()
    if any(counts.get(group) for group in job.groups):
        return
    if counts.get("undecided") and "undecided" not in job.groups:
        raise RunError(
            f"Nobody has accepted a pair of {job.character} yet. {counts['undecided']:,} pass the checks: "
            f"add --undecided to export them, or review them first: character review {job.character}"
        )
    have = told_counts(counts, frozenset(counts)) if counts else "no pairs"
    raise RunError(f"No pair of {job.character} fits: there are {have}.")
