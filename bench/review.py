"""A review of 100,000 pairs: from nothing to the first page, a page turn, a decision, bytes and memory.

python -m bench.review                 100,000 pairs of about 1.85 KB an answer, in a folder of its own
python -m bench.review --pairs 5000    a quick look
python -m bench.review --keep DIR      keep the run, or use the one that is there
python -m bench.review --write         put the table into bench/README.md

Pages are drawn by a real studio for a client that speaks Streamlit's protocol: seconds from the question to
"finished", and every byte of every message. The browser's own drawing comes on top.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

from bench.bulk.lines import Line, machine, table
from bench.pages import studio, wait_until_up
from bench.studio_client import Run, Tab
from core.cli.studio import free_port
from core.pair_filter import PairFilter
from core.prompts import prompt_of
from core.records import content_hash
from core.settings import PROJECT, Settings, load_settings
from core.stages.dpo_data import PairJob, sources_of
from core.stages.pair_indexing import index_of
from core.stages.reviewing import Review, Saying
from core.store.decisions import Decision, decide, undo
from core.store.jsonl import append_rows
from core.store.library import Library
from core.store.pair_index import PairIndex
from core.store.runs import Run as RunFolder
from core.store.runs import open_run

MODEL = "local/smollm2-135m"
SAMPLES = 5
TURNS = 40
README = PROJECT / "bench" / "README.md"
BEGIN, END = "<!-- review: begin -->", "<!-- review: end -->"
LONG = 5_000_000


def make_run(settings: Settings, pairs: int) -> RunFolder:
    """A run of the pirate with so many pairs; words of the shipped files in a seeded order."""
    character = Library(settings).load("pirate").constitution
    run = open_run(settings, character)
    words = (PROJECT / "README.md").read_text(encoding="utf-8").split()
    rng = random.Random(7)
    traits = [trait.id for trait in character.traits]
    prompts = [
        prompt_of(f"{spoken(rng, words, 8)} ({n})?", trait=traits[n % len(traits)], source="file")
        for n in range(pairs // SAMPLES)
    ]
    append_rows(run.folder / "prompts.jsonl", (prompt.as_dict() for prompt in prompts))
    for role in ("teacher", "student"):
        answers = run.answer_set(role, "smollm2-135m", {"model": MODEL})
        append_rows(answers.plan_path, (planned(role, prompt, n) for n, prompt in every(prompts)))
        rows = (answer(role, prompt, n, rng, words) for n, prompt in every(prompts))
        append_rows(answers.rows_path, rows)
    return run


def every(prompts: list[Any]) -> Iterator[tuple[int, Any]]:
    return ((n, prompt) for prompt in prompts for n in range(SAMPLES))


def planned(role: str, prompt: Any, n: int) -> dict[str, Any]:
    key = content_hash([role, prompt.id, n])
    return {"key": key, "prompt": prompt.id, "trait": prompt.trait, "sample": n}


def answer(role: str, prompt: Any, n: int, rng: random.Random, words: list[str]) -> dict[str, Any]:
    voice = "Arr, matey! " if role == "teacher" else ""
    text = f"{voice}{spoken(rng, words, rng.randint(150, 300))}."
    usage = {"prompt": 40, "completion": 300}
    row = planned(role, prompt, n) | {"text": text, "finish_reason": "stop", "usage": usage}
    return row | {"cost": 0.0, "attempts": 1, "served": "smollm2-135m"}


def spoken(rng: random.Random, words: list[str], count: int) -> str:
    return " ".join(rng.choices(words, k=count))


# ---- the index alone


def first_build(run: RunFolder, settings: Settings) -> tuple[float, float]:
    """(seconds of a build from nothing as the job does it, its peak memory in MB)."""
    index = index_here(run, settings)
    index.close()
    for path in index.path.parent.glob("*.index.sqlite*"):
        path.unlink()
    words = [sys.executable, "-m", "core", "pairs-index", "--constitution", "pirate"]
    data = run.folder.parents[1]
    began, peak = time.monotonic(), 0.0
    with subprocess.Popen([*words, "--data", str(data)], cwd=PROJECT, stdout=subprocess.DEVNULL) as job:
        while job.poll() is None:
            peak = max(peak, memory_mb(job.pid))
            time.sleep(0.2)
    assert job.returncode == 0
    return time.monotonic() - began, peak


def index_here(run: RunFolder, settings: Settings) -> PairIndex:
    return index_of(run, sources_of(run, PairJob(MODEL, MODEL)), PairJob(MODEL, MODEL), settings)


def timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def index_lines(run: RunFolder, settings: Settings) -> list[Line]:
    """What the index takes in a process that has just begun."""
    index = index_here(run, settings)
    opened = timed(lambda: (index.refresh(0.3), index.view(PairFilter()).page(0)))
    view = index.view(PairFilter())
    pages = max(1, len(view) // 50)
    places = [round(turn * (pages - 1) / TURNS) for turn in range(TURNS + 1)]
    turns = [timed(lambda place=place: index.view(PairFilter()).page(place)) for place in places]
    found = PairFilter(search="provider")
    search = timed(lambda: index.view(found).page(0))
    searched = [timed(lambda place=place: index.view(found).page(place)) for place in range(10)]
    chips = timed(lambda: index.view(PairFilter(show="undecided", trait=view.page(0)[0].trait or "")))
    return [
        Line("open the index: 100 % built, first page", f"{opened:.2f} s"),
        Line(
            "turn a page, median (worst)",
            f"{ms(statistics.median(turns))} ({ms(max(turns))})",
            "≤ 50 ms",
            holds=max(turns) <= 0.05,
        ),
        Line("first page, last page", f"{ms(turns[0])}, {ms(turns[-1])}"),
        Line(
            "first search for a word", f"{search:.2f} s", beside=f"{len(index.view(found)):,} pairs found"
        ),
        within("turn a page of what was found", statistics.median(searched), 0.05),
        Line("another filter, with all counts", ms(chips)),
    ]


def within(measure: str, seconds: float, bar: float, beside: str = "") -> Line:
    """A line whose time must not be above the bar."""
    whole = bar >= 1
    told, limit = (f"{seconds:.2f} s", f"≤ {bar:g} s") if whole else (ms(seconds), f"≤ {1000 * bar:g} ms")
    return Line(measure, told, limit, holds=seconds <= bar, beside=beside)


def ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f} ms"


def bulk_lines(run: RunFolder, settings: Settings) -> list[Line]:
    """One decision about every pair and its undo: until they are on disk, and until the list shows them."""
    review = Review(run, index_here(run, settings))
    everything, kept = PairFilter(), PairFilter(show="kept")
    review.refresh()
    before = review.find(kept)
    acts: list[str] = []
    view = review.index.view(everything)
    numbers = view.places.tolist()
    dropping = timed(lambda: acts.append(review.decide_alike(view, numbers, Saying("drop")).act))
    first = timed(lambda: review.index.refresh(0.4))
    dropped = timed(review.refresh)
    assert not review.find(kept)
    undoing = timed(lambda: undo(run.folder, acts[0]))
    restored = timed(review.refresh)
    assert review.find(kept) == before
    shown = f"the list shows all of it after {first + dropped:.1f} s more, the first {first:.1f} s at once"
    return [
        within(f"drop all {len(numbers):,} at once: on disk", dropping, 3.0, shown),
        within("undo it: on disk", undoing, 3.0, f"all as before after {restored:.1f} s more"),
    ]


# ---- the page


async def page_lines(run: RunFolder, port: int, process: subprocess.Popen[bytes]) -> list[Line]:
    """What the page takes: cold, a next pair, a list page, a decision, a row of 5 MB."""
    url = f"http://127.0.0.1:{port}"
    ids = await asyncio.to_thread(some_ids, run)
    async with Tab.open(url) as warm:
        await warm.run("jobs", "character=pirate")
        before = memory_mb(process.pid)
    async with Tab.open(url) as tab:
        cold = await tab.run("pairs", "character=pirate")
        again = [await tab.run("pairs", f"character=pirate&pair={pair}") for pair in ids]
        lists = [await tab.run("pairs", f"character=pirate&view=list&page={n}") for n in pages_of(ids)]
        decided = [await after_decision(tab, run, pair) for pair in ids[:10]]
        searched = await tab.run("pairs", "character=pirate&search=provider")
        after = memory_mb(process.pid)
    everything = [cold, *again, *lists, *decided, searched]
    assert not any(one.exceptions for one in everything), everything[0].exceptions
    sent = max(one.bytes for one in everything)
    return [
        within("first page of a new tab, whole page drawn", cold.seconds, 1.0, in_sight(cold)),
        within("next pair, whole page drawn, median", middle(again), 0.15),
        within("list page of 50, whole page drawn, median", middle(lists), 0.15),
        within("a decision, taken in and drawn, median", middle(decided), 0.15),
        Line("a new search, whole page drawn", f"{searched.seconds:.2f} s"),
        Line("most bytes sent for one run", f"{sent:,}", "≤ 1,000,000", holds=sent <= 1_000_000),
        Line(
            "memory of the studio: before, growth",
            f"{before:.0f} MB, {after - before:+.0f} MB",
            "≤ 250 MB",
            holds=after - before <= 250,
        ),
    ]


def in_sight(cold: Run) -> str:
    """When the first pair stood there, before what more of them takes was counted."""
    return f"the first pair in sight after {cold.until('1 of '):.2f} s"


def some_ids(run: RunFolder) -> list[str]:
    view = index_here(run, load_settings(data=run.folder.parents[1])).view(PairFilter())
    step = max(1, len(view) // TURNS)
    return [view.ids(place, place + 1)[0] for place in range(0, len(view), step)][:TURNS]


def pages_of(ids: list[str]) -> list[int]:
    return [1, 2, 3, 500, 1000, 1500, 1999, 2000][: len(ids)]


async def after_decision(tab: Tab, run: RunFolder, pair: str) -> Run:
    await asyncio.to_thread(decide, run.folder, Decision(pair, "keep", reviewer="bench"))
    return await tab.run("pairs", f"character=pirate&pair={pair}&show=undecided")


async def long_row_line(run: RunFolder, port: int) -> Line:
    """A row of 5 MB comes: the page stays quick while it is taken in, and shows it."""
    prompt = prompt_of("Tell me everything?", trait=None, source="file")
    append_rows(run.folder / "prompts.jsonl", [prompt.as_dict()])
    for role in ("teacher", "student"):
        answers = run.answer_set(role, "smollm2-135m", {"model": MODEL})
        append_rows(answers.plan_path, [planned(role, prompt, 0)])
        text = ("Arr " if role == "teacher" else "well ") + "so it goes on and on " * (LONG // 21)
        row = planned(role, prompt, 0) | {"text": text, "finish_reason": "stop"}
        append_rows(answers.rows_path, [row | {"usage": {"prompt": 9, "completion": 9}}])
    runs: list[Run] = []
    async with Tab.open(f"http://127.0.0.1:{port}") as tab:
        for _ in range(12):
            runs.append(await tab.run("pairs", "character=pirate&search=so+it+goes+on"))
            await asyncio.sleep(1)
    worst = max(runs, key=lambda one: one.seconds)
    sent = max(one.bytes for one in runs)
    told = f"shown: {'so it goes' in str(runs[-1].messages)}; sent {sent:,} bytes"
    return within("a row of 5 MB a side: slowest page while it comes", worst.seconds, 1.0, told)


def middle(runs: list[Run]) -> float:
    return statistics.median(one.seconds for one in runs)


def memory_mb(pid: int) -> float:
    """What a process holds, in MB."""
    try:
        return psutil.Process(pid).memory_info().rss / 1e6
    except psutil.Error:
        return 0.0


# ---- together


async def measured(data: Path, pairs: int) -> list[Line]:
    settings = load_settings(data=data)
    there = list(settings.runs_path.glob("pirate-*"))
    run = RunFolder(there[0]) if there else make_run(settings, pairs)
    size = sum(path.stat().st_size for path in run.folder.rglob("rows.jsonl")) / 1e6
    seconds, peak = await asyncio.to_thread(first_build, run, settings)
    index = size_mb(run)
    lines = [
        Line("pairs, rows on disk, index", f"{pairs:,}, {size:.0f} MB, {index:.0f} MB"),
        Line("first build, as a job with progress", f"{seconds:.0f} s", beside=f"its peak {peak:.0f} MB"),
        *await asyncio.to_thread(index_lines, run, settings),
    ]
    lines += await asyncio.to_thread(bulk_lines, run, settings)
    port = free_port()
    with studio(data, port) as process:
        await asyncio.to_thread(wait_until_up, f"http://127.0.0.1:{port}", process)
        lines += await page_lines(run, port, process)
        lines.append(await long_row_line(run, port))
    return lines


def size_mb(run: RunFolder) -> float:
    return sum(path.stat().st_size for path in run.folder.glob("pairs/*.index.sqlite*")) / 1e6


def main() -> None:
    """Measure, print, and write if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pairs", type=int, default=100_000)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    os.environ.setdefault("MODEL_PATH", str(PROJECT / "data" / "models"))
    folder = options.keep or Path(tempfile.mkdtemp())
    try:
        lines = asyncio.run(measured(folder, options.pairs))
    finally:
        if options.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    text = f"{machine('Studio and client on one machine.')}\n\n{table(lines)}"
    print(text)
    if options.write:
        whole = README.read_text(encoding="utf-8")
        head, rest = whole.split(BEGIN)
        README.write_text(f"{head}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
