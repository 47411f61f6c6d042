"""Reads a character's lineage from disk: which version, which pairs, which model, which results.

    lineage = lineage_of(settings, "pirate")
    chain_words(lineage)    "Model ← 48 pairs ← version 1"

Everything is looked at by name, size and time first; only what looks different is read again, so that
a page may ask at every click.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from core.constitution import Constitution, parse, parse_json
from core.errors import CoreError
from core.evaluation.results import KINDS
from core.lineage import Adapter, Chain, Check, DataKind, DataSet, Lineage, Report, Version, marked
from core.settings import Settings
from core.store.datasets import RECORD
from core.store.jsonl import read_json, read_rows
from core.store.library import Library, Loaded
from core.store.runs import file_hash
from core.store.shelf import revision_of

Look = tuple[str, int, int]
Object = Mapping[str, Any]
SUFFIXES = ("dpo", "sft", "merged", "trial")
PROVENANCE = "provenance.json"
MOST_KEPT = 64

# What was read of a file while it looked like that; and whole lineages by what all files looked like.
_read: dict[Look, Any] = {}
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
        _made.pop(next(iter(_made)))
    _made[key] = stamp, found
    return found


def stamp_of(settings: Settings, name: str) -> tuple[Look, ...]:
    """What every file that lineage is read from looks like: name, size, time."""
    return tuple(look(path) for path in _files(settings, name))


def look(path: Path) -> Look:
    """A file's name, size and time; zeros where there is none."""
    try:
        found = path.stat()
    except OSError:
        return str(path), 0, 0
    return str(path), found.st_size, found.st_mtime_ns


def _files(settings: Settings, name: str) -> Iterator[Path]:
    shelf = Library(settings).shelf
    yield shelf.own_path("hand-written", name)
    yield shelf.shipped_path("hand-written", name)
    yield shelf.own_path(".history", name, ".jsonl")
    for run in _runs(settings, name):
        yield from (run / "run.json", run / RECORD, run / "trial" / "result.json")
        yield run / "report" / f"{name}.json"
        yield from _results(run)
    yield from _manifests(settings, name)
    for _, _, path in _provenances(settings, name):
        yield path


# ---- where things are


def _runs(settings: Settings, name: str) -> list[Path]:
    """The run folders of a character, found by what their run.json says."""
    return [
        path.parent
        for path in sorted(settings.runs_path.glob("*/run.json"))
        if _kept(path, _name_in) == name
    ]


def _name_in(path: Path) -> str:
    return str(_dict(_object(path).get("constitution")).get("name") or "")


def _results(run: Path) -> list[Path]:
    return [path for kind in KINDS for path in sorted(run.glob(f"evals/{kind}/*/result.json"))]


def _manifests(settings: Settings, name: str) -> list[Path]:
    return [
        path
        for folder in ("dpo", "sft_data")
        for path in sorted((settings.data_path / folder).glob(f"*/{name}.manifest.json"))
    ]


def _provenances(settings: Settings, name: str) -> list[tuple[str, str, Path]]:
    """(kind, student, file) of every adapter that stands at its place."""
    found: list[tuple[str, str, Path]] = []
    for kind in SUFFIXES:
        for place in sorted(settings.lora_path.glob(f"*-{kind}/{name}")):
            inside = place / "adapter" / PROVENANCE
            path = inside if inside.exists() else place / PROVENANCE
            found.append((kind, place.parent.name.removesuffix(f"-{kind}"), path))
    return found


def _kept(path: Path, read: Any) -> Any:
    """What `read` finds in a file, read once for each state of it."""
    key = look(path)
    name = (f"{read.__name__}:{key[0]}", key[1], key[2])
    if name not in _read:
        if len(_read) > 4096:
            _read.clear()
        _read[name] = read(path)
    return _read[name]


def _object(path: Path) -> dict[str, Any]:
    """A JSON object; empty where there is none or it is damaged: lineage is told as far as it is known."""
    try:
        return _dict(read_json(path))
    except CoreError:
        return {}


def _dict(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _number(value: Any) -> float:
    usable = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if usable else 0.0


# ---- the chain


def chain_of(settings: Settings, name: str) -> Chain:
    """Everything on disk that was made of a character. Raises ConstitutionError."""
    library = Library(settings)
    loaded = library.load(name)
    runs = _runs(settings, name)
    standing = [*_standing(settings, name), *_trials(runs)]
    shas = {one.sha256 for one in standing}
    return Chain(
        name=name,
        now=_version_now(library, loaded),
        versions=_versions(library, loaded, runs),
        data=tuple(standing),
        earlier=tuple(one for one in _recorded(runs) if one.sha256 not in shas),
        adapters=tuple(_adapters(settings, name)),
        replaced=frozenset(_replaced(settings, name)),
        checks=tuple(_checks(runs)),
        report=_report(runs, name),
    )


# ---- versions


def _versions(library: Library, loaded: Loaded, runs: list[Path]) -> dict[str, Version]:
    """Every version that something was made of, and the present one, by hash."""
    frozen = [one for run in runs if (one := _kept(run / "run.json", _frozen)) is not None]
    numbers = _numbers(library, loaded.constitution.name)
    shipped = _shipped(library, loaded.constitution.name)
    return {one.content_hash: _numbered(one, numbers, shipped) for one in (*frozen, loaded.constitution)}


def _version_now(library: Library, loaded: Loaded) -> Version:
    name = loaded.constitution.name
    return _numbered(loaded.constitution, _numbers(library, name), _shipped(library, name))


def _frozen(path: Path) -> Constitution | None:
    try:
        return parse(_object(path).get("constitution"), source=path.parent.name)
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
    return _kept(path, _hash_and_revision)


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


# ---- data sets


def _standing(settings: Settings, name: str) -> Iterator[DataSet]:
    for path in _manifests(settings, name):
        about = _kept(path, _object)
        sha = str(_dict(about.get("sha256")).get(f"{name}.jsonl") or "")
        if not sha or not path.with_name(f"{name}.jsonl").exists():
            continue
        kind: DataKind = "dpo" if path.parent.parent.name == "dpo" else "sft"
        yield DataSet(
            kind=kind,
            student=path.parent.name,
            sha256=sha,
            version=about.get("constitution_sha256"),
            rows=int(_number(about.get("train"))),
            held_out=int(_number(about.get("validation"))),
            run=str(about.get("run") or ""),
            made_at=_number(about.get("created")),
            carried=_counts(about.get("carried")),
        )


def _counts(value: Any) -> dict[str, int]:
    return {name: int(_number(count)) for name, count in _dict(value).items()}


def _recorded(runs: list[Path]) -> Iterator[DataSet]:
    for run in runs:
        for row in _kept(run / RECORD, _rows):
            yield DataSet(
                kind="sft" if row.get("kind") == "sft" else "dpo",
                student=str(row.get("student") or ""),
                sha256=str(row.get("sha256") or ""),
                version=row.get("constitution_sha256"),
                rows=int(_number(row.get("rows"))),
                held_out=int(_number(row.get("held_out"))),
                run=run.name,
                made_at=_number(row.get("made_at")),
                carried=_counts(row.get("carried")),
            )


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        return read_rows(path).rows
    except CoreError:
        return []


def _trials(runs: list[Path]) -> Iterator[DataSet]:
    for run in runs:
        about = _kept(run / "trial" / "result.json", _object)
        pairs = run / "trial" / "pairs.jsonl"
        if not about or not pairs.exists():
            continue
        yield DataSet(
            kind="trial",
            student=str(about.get("model") or "").rsplit("/", 1)[-1],
            sha256=_kept(pairs, file_hash),
            version=about.get("constitution_sha256"),
            rows=int(_number(about.get("pairs"))),
            run=run.name,
            made_at=_number(about.get("made_at")),
        )


# ---- adapters


def _adapters(settings: Settings, name: str) -> Iterator[Adapter]:
    for kind, student, path in _provenances(settings, name):
        about = _kept(path, _object)
        fingerprint = _fingerprint(about)
        if fingerprint:
            yield _adapter(cast("Any", kind), student, fingerprint, about, path)


def _fingerprint(about: Object) -> str:
    """The hash of an adapter's weights, as trainers of every place write it."""
    weights = _dict(about.get("sha256")).get("adapter_model.safetensors")
    return str(about.get("adapter_sha256") or weights or "")


def _adapter(kind: Any, student: str, fingerprint: str, about: Object, path: Path) -> Adapter:
    data, recipe = _dict(about.get("data")), _dict(about.get("recipe"))
    # Together's training goes on from a job, not from a file of ours: its parent has no fingerprint here.
    parents = [str(one) for one in about.get("on_top_of") or ()]
    parents += [str(_dict(one).get("sha256")) for one in about.get("parents") or ()]
    learned = data.get("sha256") or about.get("source_sha256") or about.get("training_sha256")
    rows = data.get("rows") or about.get("rows")
    return Adapter(
        kind=kind,
        student=student,
        fingerprint=fingerprint,
        data_sha256=str(learned) if learned else None,
        parents=tuple(parents),
        rows=int(_number(rows)) if rows else None,
        recipe=str(recipe.get("name") or ("" if kind == "merged" else "paper")),
        where=str(about.get("backend") or "local"),
        made_at=_number(about.get("created") or about.get("made_at")) or look(path)[2] / 1e9,
    )


def _replaced(settings: Settings, name: str) -> Iterator[str]:
    """Fingerprints of adapters that stood here once."""
    for kind in SUFFIXES:
        for place in settings.lora_path.glob(f"*-{kind}/{name}"):
            for path in place.glob("earlier/*/result.json"):
                yield str(_kept(path, _object).get("adapter_sha256") or "")
        for path in settings.lora_path.glob(f"*-{kind}/{name}.before-*/**/{PROVENANCE}"):
            yield _fingerprint(_kept(path, _object))


# ---- results


def _checks(runs: list[Path]) -> Iterator[Check]:
    """The newest result of each kind, in whichever run it stands."""
    newest: dict[str, Check] = {}
    for run in runs:
        for path in _results(run):
            one = _kept(path, _check)
            before = newest.get(one.kind)
            if one.kind and (before is None or before.made_at < one.made_at):
                newest[one.kind] = one
    return iter(newest.values())


def _check(path: Path) -> Check:
    about = _object(path)
    speakers = [_dict(one) for one in _dict(about.get("speakers")).values()]
    prints = dict.fromkeys(str(one["adapter"]) for one in speakers if one.get("adapter"))
    return Check(
        kind=str(about.get("kind") or ""),
        version=about.get("constitution_sha256") or None,
        adapters=tuple(prints),
        run=str(about.get("run") or ""),
        made_at=_number(about.get("made_at")),
    )


def _report(runs: list[Path], name: str) -> Report | None:
    found = [
        (look(path)[2] / 1e9, run) for run in runs if (path := run / "report" / f"{name}.json").exists()
    ]
    if not found:
        return None
    at, run = max(found)
    frozen = _kept(run / "run.json", _frozen)
    return Report(frozen.content_hash if frozen else None, run.name, at)
