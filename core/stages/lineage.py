"""Reads a character's lineage from disk: which version, which pairs, which model, which results.

    lineage = lineage_of(settings, "pirate")
    chain_words(lineage)    "Model ← 48 pairs ← version 1"

Everything is looked at by name, size and time first; only what looks different is read again, so that
a page may ask at every click.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from core.errors import CoreError
from core.lineage import Adapter, Chain, Check, DataKind, DataSet, Lineage, Report, marked
from core.settings import Settings
from core.stages.lineage_files import (
    PROVENANCE,
    SUFFIXES,
    as_number,
    as_object,
    kept,
    manifests_of,
    object_in,
    provenances_of,
    results_in,
    runs_named,
)
from core.stages.lineage_versions import frozen_in, version_now, versions_of
from core.store.datasets import RECORD
from core.store.jsonl import read_rows
from core.store.library import Library
from core.store.looks import Look, look
from core.store.runs import file_hash

Object = Mapping[str, Any]
MOST_KEPT = 64

# Whole lineages by what all files looked like.
_made: dict[tuple[str, ...], tuple[tuple[Look, ...], Lineage]] = {}


def lineage_of(settings: Settings, name: str) -> Lineage:
    """The lineage of a character as it is saved now. Raises ConstitutionError where it cannot be read."""
    places = (settings.data_path, settings.lora_path, settings.constitution_path)
    key = (*(str(place) for place in places), name)
    stamp = stamp_of(settings, name)
    before = _made.get(key)
    if before is not None and before[0] == stamp:
        return before[1]
    found = marked(chain_of(settings, name))
    while len(_made) >= MOST_KEPT:
        _made.pop(next(iter(_made)), None)
    _made[key] = stamp, found
    return found


def stamp_of(settings: Settings, name: str) -> tuple[Look, ...]:
    """What every file that lineage is read from looks like: name, size, time."""
    return tuple(look(path) for path in _files(settings, name))


def _files(settings: Settings, name: str) -> Iterator[Path]:
    shelf = Library(settings).shelf
    yield shelf.own_path("hand-written", name)
    yield shelf.shipped_path("hand-written", name)
    yield shelf.own_path(".history", name, ".jsonl")
    for run in runs_named(settings, name):
        yield from (run / "run.json", run / RECORD, run / "trial" / "result.json")
        yield run / "report" / f"{name}.json"
        yield from results_in(run)
    yield from manifests_of(settings, name)
    for _, _, path in provenances_of(settings, name):
        yield path


# ---- the chain


def chain_of(settings: Settings, name: str) -> Chain:
    """Everything on disk that was made of a character. Raises ConstitutionError."""
    library = Library(settings)
    loaded = library.load(name)
    runs = runs_named(settings, name)
    standing = [*_standing(settings, name), *_trials(runs)]
    shas = {one.sha256 for one in standing}
    return Chain(
        name=name,
        now=version_now(library, loaded),
        versions=versions_of(library, loaded, runs),
        data=tuple(standing),
        earlier=tuple(one for one in _recorded(runs) if one.sha256 not in shas),
        adapters=tuple(_adapters(settings, name)),
        replaced=frozenset(_replaced(settings, name)),
        checks=tuple(_checks(runs)),
        report=_report(runs, name),
    )


# ---- data sets


def _standing(settings: Settings, name: str) -> Iterator[DataSet]:
    for path in manifests_of(settings, name):
        about = kept(path, object_in)
        sha = str(as_object(about.get("sha256")).get(f"{name}.jsonl") or "")
        if not sha or not path.with_name(f"{name}.jsonl").exists():
            continue
        kind: DataKind = "dpo" if path.parent.parent.name == "dpo" else "sft"
        yield DataSet(
            kind=kind,
            student=path.parent.name,
            sha256=sha,
            version=about.get("constitution_sha256"),
            rows=int(as_number(about.get("train"))),
            held_out=int(as_number(about.get("validation"))),
            run=str(about.get("run") or ""),
            made_at=as_number(about.get("created")),
            carried=_counts(about.get("carried")),
        )


def _counts(value: Any) -> dict[str, int]:
    return {name: int(as_number(count)) for name, count in as_object(value).items()}


def _recorded(runs: list[Path]) -> Iterator[DataSet]:
    for run in runs:
        for row in kept(run / RECORD, _rows):
            yield DataSet(
                kind="sft" if row.get("kind") == "sft" else "dpo",
                student=str(row.get("student") or ""),
                sha256=str(row.get("sha256") or ""),
                version=row.get("constitution_sha256"),
                rows=int(as_number(row.get("rows"))),
                held_out=int(as_number(row.get("held_out"))),
                run=run.name,
                made_at=as_number(row.get("made_at")),
                carried=_counts(row.get("carried")),
            )


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        return read_rows(path).rows
    except CoreError:
        return []


def _trials(runs: list[Path]) -> Iterator[DataSet]:
    for run in runs:
        about = kept(run / "trial" / "result.json", object_in)
        pairs = run / "trial" / "pairs.jsonl"
        if not about or not pairs.exists():
            continue
        yield DataSet(
            kind="trial",
            student=str(about.get("model") or "").rsplit("/", 1)[-1],
            sha256=kept(pairs, file_hash),
            version=about.get("constitution_sha256"),
            rows=int(as_number(about.get("pairs"))),
            run=run.name,
            made_at=as_number(about.get("made_at")),
        )


# ---- adapters


def _adapters(settings: Settings, name: str) -> Iterator[Adapter]:
    for kind, student, path in provenances_of(settings, name):
        about = kept(path, object_in)
        fingerprint = _fingerprint(about)
        if fingerprint:
            yield _adapter(cast("Any", kind), student, fingerprint, about, path)


def _fingerprint(about: Object) -> str:
    """The hash of an adapter's weights, as trainers of every place write it."""
    weights = as_object(about.get("sha256")).get("adapter_model.safetensors")
    return str(about.get("adapter_sha256") or weights or "")


def _adapter(kind: Any, student: str, fingerprint: str, about: Object, path: Path) -> Adapter:
    data, recipe = as_object(about.get("data")), as_object(about.get("recipe"))
    # Together's training goes on from a job, not from a file of ours: its parent has no fingerprint here.
    parents = [str(one) for one in about.get("on_top_of") or ()]
    parents += [str(as_object(one).get("sha256")) for one in about.get("parents") or ()]
    learned = data.get("sha256") or about.get("source_sha256") or about.get("training_sha256")
    rows = data.get("rows") or about.get("rows")
    return Adapter(
        kind=kind,
        student=student,
        fingerprint=fingerprint,
        data_sha256=str(learned) if learned else None,
        parents=tuple(parents),
        rows=int(as_number(rows)) if rows else None,
        recipe=str(recipe.get("name") or ("" if kind == "merged" else "paper")),
        where=str(about.get("backend") or "local"),
        made_at=as_number(about.get("created") or about.get("made_at")) or look(path)[2] / 1e9,
    )


def _replaced(settings: Settings, name: str) -> Iterator[str]:
    """Fingerprints of adapters that stood here once."""
    for kind in SUFFIXES:
        for place in settings.lora_path.glob(f"*-{kind}/{name}"):
            for path in place.glob("earlier/*/result.json"):
                yield str(kept(path, object_in).get("adapter_sha256") or "")
        for path in settings.lora_path.glob(f"*-{kind}/{name}.before-*/**/{PROVENANCE}"):
            yield _fingerprint(kept(path, object_in))


# ---- results


def _checks(runs: list[Path]) -> Iterator[Check]:
    """The newest result of each kind, in whichever run it stands."""
    newest: dict[str, Check] = {}
    for run in runs:
        for path in results_in(run):
            one = kept(path, _check)
            before = newest.get(one.kind)
            if one.kind and (before is None or before.made_at < one.made_at):
                newest[one.kind] = one
    return iter(newest.values())


def _check(path: Path) -> Check:
    about = object_in(path)
    speakers = [as_object(one) for one in as_object(about.get("speakers")).values()]
    prints = dict.fromkeys(str(one["adapter"]) for one in speakers if one.get("adapter"))
    return Check(
        kind=str(about.get("kind") or ""),
        version=about.get("constitution_sha256") or None,
        adapters=tuple(prints),
        run=str(about.get("run") or ""),
        made_at=as_number(about.get("made_at")),
    )


def _report(runs: list[Path], name: str) -> Report | None:
    found = [
        (look(path)[2] / 1e9, run) for run in runs if (path := run / "report" / f"{name}.json").exists()
    ]
    if not found:
        return None
    at, run = max(found)
    frozen = kept(run / "run.json", frozen_in)
    return Report(frozen.content_hash if frozen else None, run.name, at)
