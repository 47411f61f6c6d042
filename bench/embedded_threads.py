"""How long should the embedded server's waiting threads spin before they sleep?

    python -m bench.embedded_threads [--rounds 5] [--tokens 16]

Three servers answer in turn, first with this computer as it is, then beside a busy program: threads
that sleep at once, ours, and the OpenMP library's own default. It prints each median over ours.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.embedded_quant import MODEL, measure, serving
from core.embedded.fetch import pull
from core.embedded.serve import SPIN_COUNT
from core.settings import load_settings

SPINS = {"asleep": "0", "ours": SPIN_COUNT, "default": "300000"}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=16)
    options = parser.parse_args()
    weights = pull(load_settings(), MODEL.name, report=print)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        servers = {
            name: stack.enter_context(serving(weights, Path(folder) / name, GOMP_SPINCOUNT=spins))
            for name, spins in SPINS.items()
        }
        report("as it is", measure(servers, options.rounds, options.tokens))
        with busy_programs(1):
            report("beside a busy program", measure(servers, options.rounds, options.tokens))


def report(when: str, rates: dict[str, list[float]]) -> None:
    """Print every median as a multiple of ours."""
    medians = {name: statistics.median(values) for name, values in rates.items()}
    shares = ", ".join(f"{name} {median / medians['ours']:.2f}" for name, median in medians.items())
    print(f"{when} ({os.cpu_count()} CPUs): {shares}; ours is {medians['ours']:.0f} tokens/s")


@contextmanager
def busy_programs(count: int) -> Iterator[None]:
    """Programs that use a processor each, for as long as the block runs."""
    programs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


if __name__ == "__main__":
    main()
