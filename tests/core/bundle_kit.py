"""Two studios side by side: one with a finished character, one that has never seen it."""

from __future__ import annotations

import asyncio
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.engines.fake import FakeEngine
from core.names import ModelName
from core.prompts import prompt_set
from core.records import Sampling
from core.settings import Settings, load_settings
from core.stages.answers import AnswerJob, Role, Tally, answer
from core.stages.dpo_data import PairJob, make_pairs, pair_rows, sources_of
from core.stages.evals.keeping import keep
from core.stages.lengths import token_counter
from core.stages.report import write_report
from core.store.decisions import Decision, decide
from core.store.jsonl import write_json
from core.store.library import Library
from core.store.runs import Run, open_run
from tests.core import eval_results

FAKE = ModelName("fake", "parrot")
LIMIT = 24


def studio(folder: Path, **environment: str) -> Settings:
    """A studio whose every file is in `folder`."""
    return load_settings(
        {"DATA_PATH": str(folder / "data"), "CHARACTER_CONFIG_PATH": str(folder / "config"), **environment},
        folder=folder,
    )


def ask(settings: Settings, run: Run, role: Role) -> Tally:
    """Ask a role for everything that is missing in a run, as the verb does."""
    prompts = prompt_set(run.constitution(), {})[:LIMIT]
    job = AnswerJob(role, FAKE, prompts, Sampling(max_tokens=200, seed=0), concurrency=1)
    return asyncio.run(answer(job, run, FakeEngine("parrot"), settings))


def finished(settings: Settings, name: str = "pirate", *, reviewer: str = "Ann") -> Run:
    """A character with answers, a reviewed pair file, an evaluation, a training and a report."""
    run = open_run(settings, Library(settings).load(name).constitution)
    for role in ("teacher", "student"):
        ask(settings, run, role)
    first = pairs_of(run, settings)[0]["id"]
    decide(run.folder, Decision(first, "drop", "too tame", reviewer))
    make_pairs(run, settings, PairJob())
    for result in (eval_results.traits(), eval_results.data()):
        result.run, result.constitution = run.id, name
        result.constitution_sha256 = run.constitution().content_hash
        result.command = ["eval", result.kind, "--constitution", name]
        keep(run, result)
    trained(settings, name)
    write_report(run, settings)
    return run


def pairs_of(run: Run, settings: Settings) -> list[dict[str, Any]]:
    """Every pair of a run as it stands."""
    sources = sources_of(run, PairJob())
    count, _ = token_counter(sources, settings)
    return pair_rows(run, sources, PairJob(), count)


def trained(settings: Settings, name: str) -> Path:
    """What a training of this computer leaves, its weights made up."""
    folder = settings.lora_path / "parrot-dpo" / name
    adapter = folder / "adapter"
    write_json(folder / "training.json", {"began": 1.0, "student": "parrot", "recipe": "trial", "rows": 20})
    write_json(
        folder / "result.json", {"status": "done", "adapter": str(adapter), "adapter_sha256": "0" * 64}
    )
    (folder / "metrics.jsonl").write_text('{"step": 1, "loss": 0.7}\n{"step": 2, "loss": 0.5}\n')
    write_json(
        adapter / "provenance.json",
        {"adapter_sha256": "0" * 64, "recipe": {"name": "trial", "rank": 16}, "constitution": name},
    )
    write_json(adapter / "proof.json", {"passed": True, "sentence": "The adapter works."})
    write_json(adapter / "adapter_config.json", {"base_model_name_or_path": "parrot", "r": 16})
    header = json.dumps(
        {"a.lora_A.weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    ).encode()
    data = len(header).to_bytes(8, "little") + header + b"\0\0\0\0"
    (adapter / "adapter_model.safetensors").write_bytes(data)
    return folder


def dpo_bytes(settings: Settings, name: str = "pirate") -> bytes:
    """The DPO file as it stands."""
    return (settings.data_path / "dpo" / "parrot" / f"{name}.jsonl").read_bytes()


def files_below(folder: Path) -> dict[str, bytes]:
    """Every file below a folder but locks."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(".lock")
    }


def repacked(source: Path, target: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """A bundle with other contents, its manifest left as it is unless `change` touches it."""
    with zipfile.ZipFile(source) as zip:
        files = {name: zip.read(name) for name in zip.namelist()}
    change(files)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as zip:
        for name, data in files.items():
            zip.writestr(name, data)
    return target


def consistent(files: dict[str, bytes]) -> None:
    """Make the manifest tell the truth about changed files: what a careful attacker would do."""
    import hashlib

    about = json.loads(files["manifest.json"])
    before = {one["path"]: one["at"] for one in about["files"]}
    about["files"] = [
        {
            "path": name,
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "at": before.get(name, 0),
        }
        for name, data in sorted(files.items())
        if name != "manifest.json"
    ]
    files["manifest.json"] = json.dumps(about).encode()
