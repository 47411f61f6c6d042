"""What a training is, on disk from its first moment; and earlier trainings, kept to be compared.

OUTPUT/training.json             identity, began, stage, recipe, settings, student, rows, steps
OUTPUT/earlier/<began>-<id>/     training.json, metrics.jsonl and result.json of one before
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.errors import RunError
from core.store.jsonl import read_json, write_json

ABOUT, EARLIER = "training.json", "earlier"
CURVES = ("metrics.jsonl", "result.json")
MOST_KEPT = 20


def begin(output: Path, about: Mapping[str, Any], *, fresh: bool) -> None:
    """Say what now begins; what stood there is kept, unless it is the same training going on."""
    before = _read(output / ABOUT)
    if before and before.get("identity") == about["identity"] and not fresh:
        return
    if before or (output / "metrics.jsonl").exists():
        with contextlib.suppress(OSError):
            _keep(output, before)
    write_json(output / ABOUT, {"began": time.time(), **about})


def _keep(output: Path, before: Mapping[str, Any]) -> None:
    began = int(before.get("began") or (output / "metrics.jsonl").stat().st_mtime)
    folder = output / EARLIER / f"{began}-{str(before.get('identity') or 'unknown')[:8]}"
    folder.mkdir(parents=True, exist_ok=True)
    for name in (ABOUT, *CURVES):
        if (output / name).exists():
            shutil.copyfile(output / name, folder / name)
    # Its figures are no figures of the one that begins; the adapter stays until there is a new one.
    for name in CURVES:
        (output / name).unlink(missing_ok=True)
    for old in sorted((output / EARLIER).iterdir())[:-MOST_KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def _read(path: Path) -> dict[str, Any]:
    try:
        value = read_json(path)
    except RunError:
        return {}
    return value if isinstance(value, dict) else {}
