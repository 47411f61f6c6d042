"""How quick the studio feels: from the command to a usable page, and from a click to the page drawn anew.

python -m bench.pages --data DIR --character pirate     real data: a finished trial makes it honest

A page is drawn when its script has finished, seen by a client that speaks Streamlit's protocol; the
browser's own drawing comes on top and is measured once, in Chromium, for the cold start.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.bulk.lines import machine
from bench.studio_client import Run, Tab
from core.cli.studio import free_port
from core.settings import PROJECT

STARTS, RERUNS = 5, 15
COLD_S, RERUN_S, SENT = 3.0, 0.150, 1_000_000


@contextmanager
def studio(data: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`character studio`, as a person starts it."""
    words = [sys.executable, "-m", "core", "studio", "--no-browser", f"--port={port}", f"--data={data}"]
    with subprocess.Popen(
        words, cwd=PROJECT, env={**os.environ}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def wait_until_up(url: str, process: subprocess.Popen[bytes]) -> None:
    """Return once the studio answers. Raises ConnectionError when it ended instead."""
    while process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=1):
                return
        except OSError:
            time.sleep(0.02)
    raise ConnectionError("The studio ended: start it by hand to see why.")


async def first_page(url: str, query: str) -> Run:
    """The first page of a new tab."""
    async with Tab.open(url) as tab:
        return await tab.run("", query)


def cold_start(data: Path, query: str) -> float:
    """Seconds from the command to the first page drawn."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    began = time.perf_counter()
    with studio(data, port) as process:
        wait_until_up(url, process)
        found = asyncio.run(first_page(url, query))
        assert not found.exceptions, found.exceptions
        return time.perf_counter() - began


def cold_start_in_browser(data: Path, query: str, chromium: str) -> float:
    """Seconds from the command to a heading that can be seen in Chromium, which is running already."""
    from playwright.sync_api import sync_playwright

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        began = time.perf_counter()
        with studio(data, port) as process:
            wait_until_up(url, process)
            page.goto(f"{url}/?{query}")
            page.locator("h1").first.wait_for()
            return time.perf_counter() - began


async def reruns(url: str, page: str, query: str) -> list[Run]:
    """The same page drawn again and again in one tab; the first time warms it up and is not counted."""
    async with Tab.open(url) as tab:
        await tab.run(page, query)
        return [await tab.run(page, query) for _ in range(RERUNS)]


def pages() -> list[str]:
    """Every page there is, by its address."""
    return sorted(path.stem for path in (PROJECT / "app" / "views").glob("*.py") if path.stem != "__init__")


def line(page: str, runs: list[Run]) -> tuple[str, float]:
    """One row of the table, and the median seconds."""
    middle = statistics.median(run.seconds for run in runs)
    sent = max(run.bytes for run in runs)
    wrong = next((run.exceptions[0] for run in runs if run.exceptions), "")
    holds = "holds" if middle <= RERUN_S and sent <= SENT and not wrong else "misses"
    worst = max(run.seconds for run in runs)
    times = f"{middle * 1000:.0f} ms | {worst * 1000:.0f} ms"
    return f"| {page} | {times} | {sent / 1000:.0f} kB | {holds} {wrong}|", middle


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--character", default="pirate")
    parser.add_argument("--chromium", help="measure the cold start in this browser as well")
    parser.add_argument("--only", action="append", help="this page only; may be given more than once")
    options = parser.parse_args()
    query = f"character={options.character}"
    print(machine("Client on the same machine."), "\n")
    if not options.only:
        starts = [cold_start(options.data, query) for _ in range(STARTS)]
        spread = f"{min(starts):.2f} to {max(starts):.2f}"
        print(f"Cold start to the page drawn: {statistics.median(starts):.2f} s (bar {COLD_S} s; {spread})")
    if options.chromium:
        seen = cold_start_in_browser(options.data, query, options.chromium)
        print(f"Cold start to a heading seen in Chromium: {seen:.2f} s")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    print("\n| page | drawn again, median | worst | sent, most | verdict |\n|---|---|---|---|---|")
    middles: list[float] = []
    with studio(options.data, port) as process:
        wait_until_up(url, process)
        for page in options.only or pages():
            row, middle = line(page, asyncio.run(reruns(url, page, query)))
            middles.append(middle)
            print(row, flush=True)
    print(f"\nMedian over pages: {statistics.median(middles) * 1000:.0f} ms (bar {RERUN_S * 1000:.0f} ms)")


if __name__ == "__main__":
    main()
