"""The stand-in server as a program: prints its base URL as the first line, then serves until stopped.

python -m tests.load_server --port 0 --seed 1 --latency lognormal:0.2:0.8 --stragglers 0.01:20 \\
    --limit-concurrency 37 --limit-rate 200 --fault 503:0.05 --fault late/3:0.01
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import signal
from pathlib import Path

from tests.load_server.faults import parse
from tests.load_server.plan import Latency, Plan
from tests.load_server.server import State


def plan_of(options: argparse.Namespace) -> Plan:
    """The plan that the flags describe."""
    kind, _, rest = options.latency.partition(":")
    numbers = [float(part) for part in rest.split(":") if part]
    median, sigma, *_ = [*numbers, 0.0, 0.0]
    share, factor = (float(part) for part in options.stragglers.split(":"))
    return Plan(
        seed=options.seed,
        latency=Latency(median, sigma if kind == "lognormal" else 0.0, share, factor),
        concurrency=options.limit_concurrency,
        rate=options.limit_rate,
        burst=options.limit_burst,
        retry_after=options.retry_after,
        faults=tuple(parse(text) for text in options.fault),
        answer_chars=options.answer_chars,
        served_model=options.served_model,
        honours_n=not options.ignore_n,
        prefix_cache=options.prefix_cache,
        cost_usd=options.cost,
        keep_bodies=options.keep_bodies,
    )


def read_flags() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--latency", default="constant:0", help="constant:S or lognormal:MEDIAN:SIGMA")
    parser.add_argument("--stragglers", default="0:1", help="SHARE:FACTOR")
    parser.add_argument("--limit-concurrency", type=int)
    parser.add_argument("--limit-rate", type=float)
    parser.add_argument("--limit-burst", type=float)
    parser.add_argument("--retry-after", help="the text of Retry-After on a limit's 429")
    parser.add_argument("--fault", action="append", default=[], help="503:0.05, 429/7:0.02, late/3:0.01")
    parser.add_argument("--answer-chars", type=int, default=240)
    parser.add_argument("--served-model")
    parser.add_argument("--ignore-n", action="store_true")
    parser.add_argument("--prefix-cache", action="store_true")
    parser.add_argument("--cost", type=float)
    parser.add_argument("--keep-bodies", action="store_true", help="for GET /_bodies")
    parser.add_argument("--dump", type=Path, help="write the log here as JSONL at the end")
    return parser.parse_args()


async def serve(plan: Plan, port: int, dump: Path | None) -> None:
    """Serve until SIGTERM or SIGINT."""
    state, stopped = State(plan), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await state.listen(port)
    print(f"http://127.0.0.1:{state.port}/v1", flush=True)
    await stopped.wait()
    await state.refuse()
    if dump is not None:
        dump.write_bytes(state.log.jsonl())


def main() -> None:
    """Read the flags and serve."""
    options = read_flags()
    # Records live to the end: looking through them again and again would cost more than it frees.
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(plan_of(options), options.port, options.dump))


if __name__ == "__main__":
    main()
