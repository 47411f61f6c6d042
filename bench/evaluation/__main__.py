"""Whether the statistics of evaluation keep their promises, on simulated experiments with known truth.

python -m bench.evaluation                            every line of the table, as markdown
python -m bench.evaluation --only coverage-win-rate   one of them: see --help
python -m bench.evaluation --experiments 100          a quick look
python -m bench.evaluation --write                    put the table into bench/README.md

Finished blocks of experiments are kept in a file (--file): a bench that was killed goes on where it was.
Blocks that other code made are not counted.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.bulk.lines import Line
from bench.bulk.rig import PROJECT
from bench.evaluation.blocks import Measure, tallied
from bench.evaluation.coverage import COVERAGE
from bench.evaluation.ranking import RANKING
from bench.evaluation.table import machine, table, written

MEASURES: dict[str, Measure] = COVERAGE | RANKING
FILE = PROJECT / "data" / "bench-evaluation" / "blocks.jsonl"
README = PROJECT / "bench" / "README.md"


def read_flags() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", action="append", choices=MEASURES, help="may be given more than once")
    parser.add_argument("--experiments", type=int, default=1000)
    parser.add_argument("--file", type=Path, default=FILE)
    parser.add_argument("--write", action="store_true")
    return parser.parse_args()


def main() -> None:
    """Simulate, print, and write if asked."""
    options = read_flags()
    options.file.parent.mkdir(parents=True, exist_ok=True)
    lines: list[Line] = []
    for name in options.only or list(MEASURES):
        lines += MEASURES[name].lines(*tallied(name, MEASURES[name], options.experiments, options.file))
    print(f"{machine()}\n\n{table(lines)}")
    if options.write:
        README.write_text(written(README.read_text(encoding="utf-8"), lines, machine()), encoding="utf-8")


if __name__ == "__main__":
    main()
