"""Experiments in blocks; each finished block is one row of a file, so that a killed bench goes on."""

from __future__ import annotations

import ast
import hashlib
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.bulk.lines import Line
from bench.bulk.rig import PROJECT
from core.store.jsonl import Appender, iter_rows, open_for_append

# Sums over experiments; `Measure.lines` divides by their number.
Tally = Counter[str]


@dataclass(frozen=True, slots=True)
class Measure:
    """One kind of experiment: how to do one, in what blocks, at most how many, what to say of the sums."""

    once: Callable[[np.random.Generator], Tally]
    lines: Callable[[Tally, int], list[Line]]
    block: int = 20
    most: int = 1_000_000


def code() -> str:
    """A mark of the code that made a block: blocks of other code are not counted."""
    folders = (PROJECT / "core" / "evaluation" / "stats", PROJECT / "bench" / "evaluation")
    made_by = hashlib.sha256()
    for path in sorted(path for folder in folders for path in folder.glob("*.py")):
        if path.name not in ("__main__.py", "table.py"):
            made_by.update(_without_words(path.read_text(encoding="utf-8")).encode())
    return made_by.hexdigest()[:12]


def _without_words(source: str) -> str:
    """The code without comments and docstrings: a reworded sentence must not cost an hour of runs."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            node.body = node.body[1:]
    return ast.dump(tree)


def tallied(name: str, measure: Measure, experiments: int, path: Path) -> tuple[Tally, int]:
    """The sums over this many experiments, and how many there are; done blocks come from the file."""
    wanted = -(-min(experiments, measure.most) // measure.block)
    kind = {"measure": name, "code": code(), "size": measure.block}
    open_for_append(path)
    done = {row["block"]: row["sums"] for row in iter_rows(path) if kind.items() <= row.items()}
    with Appender(path) as rows:
        for block in (number for number in range(wanted) if number not in done):
            done[block] = dict(_block(name, measure, block))
            rows.append({"key": f"{kind}:{block}", **kind, "block": block, "sums": done[block]})
            print(f"\r{name}: {len(done)} of {wanted} blocks", end="", file=sys.stderr)
    print(file=sys.stderr)
    return sum((Counter(done[block]) for block in range(wanted)), Counter()), wanted * measure.block


def _block(name: str, measure: Measure, block: int) -> Tally:
    sums: Tally = Counter()
    for rng in _streams(name, block, measure.block):
        sums.update(measure.once(rng))
    return sums


def _streams(name: str, block: int, size: int) -> Iterator[np.random.Generator]:
    for seed in np.random.SeedSequence([zlib.crc32(name.encode()), block]).spawn(size):
        yield np.random.default_rng(seed)
