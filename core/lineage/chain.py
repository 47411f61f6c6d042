"""The chain as it was found on disk: versions, data sets, adapters, results. Pure, and unjudged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from core.constitution import Constitution

DataKind = Literal["dpo", "sft", "trial"]
AdapterKind = Literal["dpo", "sft", "merged", "trial"]


@dataclass(frozen=True, slots=True)
class Version:
    """One state of a constitution. `number` is None where its history does not hold it any more."""

    sha256: str
    constitution: Constitution | None = None
    number: int | None = None
    saved_at: float | None = None

    @property
    def title(self) -> str:
        """ "version 4", or by its hash where it has no number."""
        return f"version {self.number}" if self.number else f"version {self.sha256[:6] or 'unknown'}"


@dataclass(frozen=True, slots=True)
class DataSet:
    """A file that is trained on. `carried` counts pairs that were made with earlier versions, by version.

    `sha256` is that of the file as it was written; `version` the hash of the constitution it shows.
    """

    kind: DataKind
    student: str
    sha256: str
    version: str | None
    rows: int = 0
    held_out: int = 0
    run: str = ""
    made_at: float = 0.0
    carried: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def pairs(self) -> int:
        """All rows, those held out to measure on included."""
        return self.rows + self.held_out


@dataclass(frozen=True, slots=True)
class Adapter:
    """What a training made. `parents` are the fingerprints of adapters that it stands on or joins."""

    kind: AdapterKind
    student: str
    fingerprint: str
    data_sha256: str | None = None
    parents: tuple[str, ...] = ()
    rows: int | None = None
    recipe: str = ""
    where: str = ""
    made_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Check:
    """The newest result of one kind of evaluation. `adapters` are the fingerprints that it measured."""

    kind: str
    version: str | None
    adapters: tuple[str, ...] = ()
    run: str = ""
    made_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """The newest report of a character."""

    version: str | None
    run: str = ""
    made_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Chain:
    """Everything that was made of a character, unjudged.

    `earlier` holds data sets that a later one has replaced, `replaced` the fingerprints of adapters that
    stood here once: both are known, and no longer what stands.
    """

    name: str
    now: Version
    versions: Mapping[str, Version] = field(default_factory=dict[str, Version])
    data: tuple[DataSet, ...] = ()
    earlier: tuple[DataSet, ...] = ()
    adapters: tuple[Adapter, ...] = ()
    replaced: frozenset[str] = frozenset()
    checks: tuple[Check, ...] = ()
    report: Report | None = None
