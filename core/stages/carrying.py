"""Pairs that outlive an edit: the teacher's answers about traits that the edit did not touch.

The teacher's prompt holds every trait, so after an edit none of its old answers is an answer to the new
request. Those about traits that read as before may be carried over all the same, when a person wants
that: they keep the key that they were asked under, and say which version they were made with.

    {"key": <the old request's>, "prompt": "9f3a…", "trait": "wonder", "sample": 0, "text": "Aye …",
     "carried": {"run": "pirate-1f8a80d6", "version": "1f8a80d6…"}, …}

They stand in the new run's plan and rows, so that pairs are made of them like of any other; an answer
of the present version takes the place of a carried one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from core.constitution import Constitution
from core.engines import Engine
from core.lineage import affected_traits, affects_everything, changes, renamed
from core.prompts import Prompt
from core.records import content_hash
from core.settings import Settings
from core.stages.planning import AnswerJob, settings_of
from core.store.answer_set import AnswerSet
from core.store.atomic import replacing
from core.store.jsonl import Row, append_rows, compact_key, iter_rows, seal, write_json
from core.store.runs import Run, runs_of

CARRIED = "carried"
MARKER = "carried.json"
Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Source:
    """Earlier answers: the run and version that made them, what carries, what its traits are called now."""

    answers: AnswerSet
    run: str
    version: str
    places: set[Place]
    names: Mapping[str, str]


@dataclass(slots=True)
class Carry:
    """What can be carried over into a run: per earlier answer set its places, and how many by version."""

    sources: list[Source] = field(default_factory=list[Source])
    places: set[Place] = field(default_factory=set[Place])
    versions: Counter[str] = field(default_factory=Counter[str])

    def covers(self, prompt: Prompt, samples: int) -> bool:
        """Whether every sample of a prompt is there."""
        return all((prompt.id, sample) in self.places for sample in range(samples))


def what_carries(
    job: AnswerJob, constitution: Constitution, engine: Engine, settings: Settings, run: Run | None
) -> Carry:
    """The earlier answers of this teacher that the edit since left alone; reads, and writes nothing.

    An answer carries when its trait reads as it did, when exchanges and name do, and when the model and
    its settings are the same. The newest earlier version counts first.
    """
    found = Carry()
    wanted = {(prompt.id, sample): prompt for prompt in job.prompts for sample in range(job.samples)}
    for other in runs_of(settings, constitution.name):
        if run is not None and other.folder == run.folder:
            continue
        before = other.constitution()
        since = changes(before, constitution)
        if affects_everything(since):
            continue
        own = _same_settings(other, job, before, engine)
        source = Source(own, other.id, before.content_hash, set(), renamed(before, constitution))
        _add(found, source, affected_traits(since), wanted)
    return found


def _same_settings(other: Run, job: AnswerJob, before: Constitution, engine: Engine) -> AnswerSet:
    shared = content_hash(settings_of(job, before, engine))[:8]
    return AnswerSet(other.folder / job.role / f"{job.model.slug}-{shared}")


def _add(found: Carry, source: Source, affected: frozenset[str], wanted: Mapping[Place, Prompt]) -> None:
    for row in source.answers.iter_rows():
        place = (str(row.get("prompt")), int(row.get("sample") or 0))
        prompt = wanted.get(place)
        if prompt is None or place in found.places or prompt.trait != _trait_of(row, source.names):
            continue
        if prompt.trait in affected:
            continue
        source.places.add(place)
        found.places.add(place)
        found.versions[_version(row, source.version)] += 1
    if source.places:
        found.sources.append(source)


def _trait_of(row: Row, names: Mapping[str, str]) -> str | None:
    trait = row.get("trait")
    return names.get(trait, trait) if trait else trait


def _version(row: Row, own: str) -> str:
    """The version that an answer was made with: its own run's, or the one it was carried from."""
    return str((row.get(CARRIED) or {}).get("version") or own)


def left_to_ask(job: AnswerJob, carry: Carry, there: set[Place] | None = None) -> AnswerJob:
    """The job without the prompts that are carried over, or were before."""
    known = carry if not there else replace(carry, places=carry.places | there)
    return replace(job, prompts=tuple(one for one in job.prompts if not known.covers(one, job.samples)))


def carry_over(
    job: AnswerJob,
    run: Run,
    answers: AnswerSet,
    constitution: Constitution,
    engine: Engine,
    settings: Settings,
) -> AnswerJob:
    """Copy what carries into the run's answers; what is left to ask comes back. Under the set's lock.

    Doing it twice is harmless. Raises RunError.
    """
    carry = what_carries(job, constitution, engine, settings, run)
    answers.reopen()
    there, own = _places_in(answers)
    if carry.places:
        write_json(answers.folder / MARKER, {"versions": dict(carry.versions)})
    for source in carry.sources:
        fresh = source.places - there - own
        if fresh:
            answers.extend_plan(_planned(_copies(source, fresh)))
            append_rows(answers.rows_path, _copies(source, fresh))
    return left_to_ask(job, replace(carry, places=carry.places - own), there)


def narrowed(
    job: AnswerJob, constitution: Constitution, engine: Engine, settings: Settings, run: Run | None
) -> tuple[AnswerJob, Carry]:
    """What `carry_over` would leave to ask, and what it would carry; reads, and writes nothing."""
    carry = what_carries(job, constitution, engine, settings, run)
    there, own = set[Place](), set[Place]()
    if run is not None:
        there, own = _places_in(_same_settings(run, job, constitution, engine))
    kept = replace(carry, places=carry.places - own)
    return left_to_ask(job, kept, there), kept


def _places_in(answers: AnswerSet) -> tuple[set[Place], set[Place]]:
    """The places of carried answers in a set, and those of its own."""
    carried, own = set[Place](), set[Place]()
    for row in answers.iter_rows():
        (carried if CARRIED in row else own).add(_place(row))
    return carried, own


def _place(row: Row) -> Place:
    return str(row.get("prompt")), int(row.get("sample") or 0)


def _copies(source: Source, places: set[Place]) -> Iterator[Row]:
    came = {"run": source.run, "version": source.version}
    for row in source.answers.iter_rows():
        if _place(row) in places:
            own = {name: value for name, value in row.items() if name != "borrowed"}
            yield {**own, "trait": _trait_of(row, source.names), CARRIED: row.get(CARRIED) or came}


def _planned(rows: Iterable[Row]) -> Iterator[Row]:
    names = ("key", "prompt", "trait", "sample", CARRIED)
    return ({name: row[name] for name in names if name in row} for row in rows)


def give_way(answers: AnswerSet, job: AnswerJob) -> int:
    """Take carried answers out where the job asks the same prompts anew; returns how many.

    They stay in the run that they came from. Under the set's lock. Raises RunError.
    """
    if not (answers.folder / MARKER).exists():
        return 0
    asked = {(prompt.id, sample) for prompt in job.prompts for sample in range(job.samples)}
    gone = {
        compact_key(row["key"])
        for row in iter_rows(answers.plan_path)
        if CARRIED in row and _place(row) in asked
    }
    for path in (answers.rows_path, answers.plan_path) if gone else ():
        _without(path, gone)
    return len(gone)


def _without(path: Path, keys: set[bytes]) -> None:
    with replacing(path) as new:
        for row in iter_rows(path):
            if compact_key(row["key"]) not in keys:
                new.write(seal(row))


def carried_in(rows: Iterable[dict[str, Any]]) -> dict[str, int]:
    """How many rows, of pairs or answers, were made with which earlier version."""
    return dict(Counter(str(row[CARRIED]["version"]) for row in rows if row.get(CARRIED)))
