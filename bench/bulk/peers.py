"""Other clients on the same bodies, each in a fresh process; imports nothing of ours, so runs anywhere.

    echo '{"kind": "bare", "url": "…/v1", "bodies": "bodies.jsonl", "concurrency": 64}' | python peers.py

bare        aiohttp, bytes made beforehand, parsed, nothing stored: the floor
openai      AsyncOpenAI without retries      together   AsyncTogether, the same
curator     bespokelabs-curator's LLM        distilabel its OpenAI task in batches of 50
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

Ask = Callable[[Any], Awaitable[None]]

PACKAGES = {
    "bare": "aiohttp",
    "openai": "openai",
    "together": "together",
    "curator": "bespokelabs.curator",
    "distilabel": "distilabel.models",
}


async def pool(ask: Ask, bodies: Sequence[Any], concurrency: int) -> None:
    """`concurrency` workers share the bodies."""
    waiting = iter(bodies)

    async def work() -> None:
        for body in waiting:
            await ask(body)

    await asyncio.gather(*[work() for _ in range(concurrency)])


async def bare(url: str, bodies: Sequence[Any], concurrency: int) -> None:
    """The floor: post, read, parse."""
    import aiohttp

    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), headers=headers) as session:

        async def ask(body: bytes) -> None:
            async with session.post(f"{url}/chat/completions", data=body) as response:
                json.loads(await response.read())["choices"][0]["message"]["content"]

        await pool(ask, bodies, concurrency)


async def openai(url: str, bodies: Sequence[Any], concurrency: int) -> None:
    """The openai SDK."""
    from openai import AsyncOpenAI

    async with AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:

        async def ask(body: dict[str, Any]) -> None:
            answer = await client.chat.completions.create(**body)
            assert answer.choices[0].message.content

        await pool(ask, bodies, concurrency)


async def together(url: str, bodies: Sequence[Any], concurrency: int) -> None:
    """The together SDK."""
    from together import AsyncTogether

    client = AsyncTogether(base_url=url, api_key="none", max_retries=0)

    async def ask(body: dict[str, Any]) -> None:
        answer = await client.chat.completions.create(**body)
        assert answer.choices[0].message.content

    await pool(ask, bodies, concurrency)


def curator(url: str, bodies: Sequence[Any], concurrency: int) -> None:
    """bespokelabs-curator, which stores rows as well; its cache goes to the working folder."""
    from bespokelabs import curator as made

    spare_tokeniser()

    class Asking(made.LLM):
        def prompt(self, row: dict[str, Any]) -> list[dict[str, str]]:
            return row["messages"]

        def parse(self, row: dict[str, Any], answer: str) -> dict[str, str]:
            return {"text": answer}

    params = {
        "base_url": url,
        "api_key": "none",
        "max_concurrent_requests": concurrency,
        "max_requests_per_minute": 10_000_000,
        "max_tokens_per_minute": 10_000_000_000,
        "max_retries": 1,
    }
    llm = Asking(model_name="test-model", backend="openai", backend_params=params)
    rows = llm([{"messages": body["messages"]} for body in bodies])
    found = getattr(rows, "dataset", rows)
    assert len(found) == len(bodies), f"{len(found)} of {len(bodies)} rows"


def spare_tokeniser() -> None:
    """Where tiktoken's table cannot be fetched, count four letters a token: in curator's favour."""
    import tiktoken

    class Letters:
        def encode(self, text: str, **more: Any) -> range:
            return range(len(text) // 4)

    try:
        tiktoken.get_encoding("cl100k_base")
    except Exception:
        tiktoken.get_encoding = tiktoken.encoding_for_model = lambda name: Letters()  # type: ignore[assignment]


def distilabel(url: str, bodies: Sequence[Any], concurrency: int) -> None:
    """distilabel's OpenAI model, a batch at a time as its steps do."""
    from distilabel.models import OpenAILLM

    llm = OpenAILLM(model="test-model", base_url=url, api_key="none", max_retries=0)
    llm.load()
    inputs = [body["messages"] for body in bodies]
    for start in range(0, len(inputs), 50):
        found = llm.generate(inputs=inputs[start : start + 50])
        assert all(answer["generations"][0] for answer in found)


def main() -> None:
    """Read the job, run it, print CPU and seconds."""
    wanted = json.loads(sys.stdin.read())
    kind = wanted["kind"]
    lines = Path(wanted["bodies"]).read_bytes().splitlines()
    os.environ |= {"CURATOR_DISABLE_CACHE": "1", "TELEMETRY_ENABLED": "0", "HF_DATASETS_OFFLINE": "1"}
    os.environ["CURATOR_CACHE_DIR"] = str(Path.cwd() / "curator")
    # Neither imports nor what only this script needs count against a client.
    importlib.import_module(PACKAGES[kind])
    bodies = lines if kind == "bare" else [json.loads(line) for line in lines]
    run = {
        "bare": bare,
        "openai": openai,
        "together": together,
        "curator": curator,
        "distilabel": distilabel,
    }[kind]
    began, cpu = time.monotonic(), _cpu()
    result = run(wanted["url"], bodies, wanted["concurrency"])
    if asyncio.iscoroutine(result):
        asyncio.run(result)
    print(json.dumps({"requests": len(bodies), "cpu_s": _cpu() - cpu, "wall_s": time.monotonic() - began}))


def _cpu() -> float:
    """Seconds of processor time of this process and of children that ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


if __name__ == "__main__":
    main()
