"""How much of the system prompt the embedded engine serves from its cache, cold start included."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.bulk.lines import Line, at_least
from bench.bulk.rig import PROJECT, Rig
from bench.bulk.wanted import Wanted

MODEL = "local/smollm2-135m"


def own_weights(folder: Path) -> None:
    """The weights under another folder, so that the server that is started is ours alone, and cold."""
    shelf = Path(os.environ.get("MODEL_PATH") or PROJECT / "data" / "models")
    name = MODEL.partition("/")[2]
    (folder / "models" / name).mkdir(parents=True, exist_ok=True)
    for path in (*shelf.glob(f"{name}/*.gguf"), *shelf.glob(f"{name}/weights.json")):
        link = folder / "models" / name / path.name
        if not link.exists():
            link.symlink_to(path.resolve())


def embedded(rig: Rig) -> list[Line]:
    """200 teacher requests; the student's tell how many tokens each question has without its prefix.

    The teacher goes first: the shared prefix must be cold.
    """
    own_weights(rig.folder)
    count = rig.size(200)
    data = rig.fresh()
    usages: dict[str, list[dict[str, Any]]] = {}
    for role in ("teacher", "student"):
        wanted = Wanted("", data, count, concurrency=8, role=role, model=MODEL, max_tokens=8)
        wanted = replace(wanted, usages=True, stops=role == "student")
        usages[role] = rig.ours(wanted, anywhere=True)["usages"]
    alone = {row["id"]: row["prompt"] or 0 for row in usages["student"]}
    system = cached = 0
    for row in usages["teacher"]:
        prefix = (row["prompt"] or 0) - alone[row["id"]]
        system += prefix
        cached += min(prefix, row["cached"] or 0)
    beside = f"{count} requests, prefix of {system / count:.0f} tokens, 8 at once"
    name = "embedded engine: share of the system prompt served from cache"
    return [at_least(name, cached / system, 0.95, None, form=".1%", beside=beside)]
