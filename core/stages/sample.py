"""`character sample make`: a finished, measured trial becomes the sample that a clone brings along.

It takes `pirate`'s run and its trial as they stand, gives them the sample's name, makes the pair file
again from the same answers, and packs the text of it. Weights stay out. Nothing is generated here:
every answer in the archive was made by the model that the run names.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.constitution import Constitution, parse_json
from core.embedded.adapters import PROVENANCE
from core.errors import RunError
from core.sample import MADE_FROM, SAMPLE, marked, renamed
from core.settings import Settings
from core.stages.dpo_data import PairJob, make_pairs
from core.stages.trial import MODEL, read_trial, trial_folder
from core.store.datasets import RECORD
from core.store.jsonl import read_json, read_rows, seal, write_atomic, write_json
from core.store.library import Library
from core.store.runs import Run, run_folder

KINDS = ("data", "traits", "preferences", "robustness", "prefill", "coherence", "capability")
TRAINING = ("training.json", "result.json", "metrics.jsonl")


def make_sample(settings: Settings, output: Path) -> Path:
    """Pack the sample from `pirate`'s finished run. Raises RunError naming everything that is missing."""
    original = Library(settings).load(MADE_FROM).constitution
    run = Run(run_folder(settings, original.run_id))
    _check(settings, original, run)
    with tempfile.TemporaryDirectory(prefix="character-sample-") as folder:
        where = replace(settings, data_path=Path(folder) / "data", lora_path=Path(folder) / "loras")
        fresh = _character(settings, where, original)
        names = {original.content_hash: fresh.content_hash, run.id: fresh.run_id}
        _run(settings, where, run, fresh, names)
        _training(settings, where, names)
        made = Run(run_folder(where, fresh.run_id))
        make_pairs(made, where, PairJob())
        _date_pairs(where, made)
        _forget_folders(where, folder)
        return _pack(Path(folder), output)


def _check(settings: Settings, original: Constitution, run: Run) -> None:
    missing = [f"eval {kind}" for kind in KINDS if not any(run.folder.glob(f"evals/{kind}/*/result.json"))]
    if read_trial(settings, original) is None:
        missing.insert(0, f"trial {MADE_FROM}")
    if not any(run.folder.glob("report/*.html")):
        missing.append("report")
    if missing:
        verbs = ", ".join(f"character {verb}" for verb in missing)
        raise RunError(f"The sample wants a finished run of {MADE_FROM}; run first: {verbs}.")


def _character(settings: Settings, where: Settings, original: Constitution) -> Constitution:
    """The character under the sample's name, with the prompts that a model wrote for it."""
    shelf = Library(where)
    fresh = replace(original, name=SAMPLE)
    data = json.dumps(fresh.as_dict(), indent=2, ensure_ascii=False) + "\n"
    write_atomic(shelf.shelf.own_path("hand-written", SAMPLE), data.encode())
    few_shot = settings.constitution_path / "few-shot" / f"{MADE_FROM}.jsonl"
    if few_shot.exists():
        write_atomic(shelf.shelf.own_path("few-shot", SAMPLE, ".jsonl"), few_shot.read_bytes())
    return parse_json(data.encode(), source=SAMPLE)


def _run(
    settings: Settings, where: Settings, run: Run, fresh: Constitution, names: Mapping[str, str]
) -> None:
    """The run, its trial, and the trial's answers as the run's own: the sample's pairs are the trial's."""
    target = run_folder(where, fresh.run_id)
    trial = Run(trial_folder(settings, Library(settings).load(MADE_FROM).constitution))
    _copy(run.folder / "run.json", target / "run.json", names)
    for part in ("run.json", "result.json", "pairs.jsonl", "prompts.jsonl"):
        _copy(trial.folder / part, target / "trial" / part, names)
    _copy(trial.folder / "prompts.jsonl", target / "prompts.jsonl", names)
    for role in ("teacher", "student"):
        _answers(trial, role, target)
    for kind in KINDS:
        _newest_result(run.folder / "evals" / kind, target / "evals" / kind, names)
    for path in run.folder.glob("evals/judges/*.json"):
        _copy(path, target / "evals" / "judges" / path.name, names)
    for ending in (".html", ".json"):
        report = run.folder / "report" / f"{MADE_FROM}{ending}"
        _copy(report, target / "report" / f"{SAMPLE}{ending}", names)


def _answers(trial: Run, role: str, target: Path) -> None:
    """The answers that pairs were made of; the plain model was asked again later, for the comparison."""
    sets = trial.answer_sets(role)
    plain = [one for one in sets if not (one.settings.get("engine") or {}).get("adapter")]
    chosen = min(plain, key=lambda one: one.used_at)
    shutil.copytree(chosen.folder, target / role / chosen.folder.name)


def _newest_result(source: Path, target: Path, names: Mapping[str, str]) -> None:
    newest = max(source.glob("*/result.json"), key=lambda path: float((read_json(path) or {})["made_at"]))
    for name in ("result.json", "rows.jsonl"):
        _copy(newest.with_name(name), target / newest.parent.name / name, names)


def _training(settings: Settings, where: Settings, names: Mapping[str, str]) -> None:
    """What the training left, without its weights; it stands where a training on pairs does."""
    source = settings.lora_path / f"{MODEL.slug}-trial" / MADE_FROM
    target = where.lora_path / f"{MODEL.slug}-dpo" / SAMPLE
    for name in TRAINING:
        _copy(source / name, target / name, names)
    # What it was trained on, without the adapter: the lineage knows the model, and nobody loads it.
    about = renamed(read_json(source / "adapter" / PROVENANCE), names)
    write_json(target / PROVENANCE, about)


def _date_pairs(where: Settings, run: Run) -> None:
    """Give the pair file the date of the trial's: the training and the checks came after those pairs."""
    trained = read_json(where.lora_path / f"{MODEL.slug}-dpo" / SAMPLE / "training.json") or {}
    at = float(trained["began"]) - 1
    for path in where.data_path.glob(f"dpo/*/{SAMPLE}.manifest.json"):
        write_json(path, {**(read_json(path) or {}), "created": at})
    record = run.folder / RECORD
    rows = [{**row, "made_at": at} for row in read_rows(record).rows]
    write_atomic(record, b"".join(seal(row) for row in rows))


def _copy(source: Path, target: Path, names: Mapping[str, str]) -> None:
    if source.suffix == ".json":
        write_json(target, renamed(read_json(source), names))
    elif source.suffix == ".html":
        write_atomic(target, marked(source.read_text(encoding="utf-8")).encode())
    else:
        # Rows carry a checksum of what was said: they travel as they are.
        write_atomic(target, source.read_bytes())


def _forget_folders(where: Settings, folder: str) -> None:
    """Take the temporary folder's name out of what was written into it."""
    for path in Path(folder).rglob("*.json"):
        value: Any = read_json(path)
        if folder in json.dumps(value):
            write_json(path, renamed(value, {}))
    for path in where.data_path.rglob(".*.lock"):
        path.unlink()


def _made_at(folder: Path) -> float:
    """When the last result was measured, rounded up to what an archive can say: two seconds."""
    results = [read_json(path) or {} for path in folder.rglob("result.json")]
    return max(float(one.get("made_at") or 0) for one in results) + 2


def _pack(folder: Path, output: Path) -> Path:
    """Every file in one archive, in order of name, so that the same sample is the same archive."""
    made = time.gmtime(_made_at(folder))[:6]
    output.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for path in sorted(one for one in folder.rglob("*") if one.is_file()):
            member = zipfile.ZipInfo(path.relative_to(folder).as_posix(), made)
            member.compress_type, member.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            packed.writestr(member, path.read_bytes())
    return output
