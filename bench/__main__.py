"""How well bulk generation goes, against a scripted server on the same machine.

python -m bench                    every line of the table, as markdown
python -m bench --only cpu         one of them: see --help
python -m bench --quick            a tenth of the size, one round
python -m bench --write            put the table into bench/README.md, with machine and versions
python -m bench --peers            first install the SDKs to compare with, in folders of their own
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from bench.bulk import measures
from bench.bulk.cpu import cpu, install, retention
from bench.bulk.embedded import embedded
from bench.bulk.lines import Line, machine, table, written
from bench.bulk.rig import PROJECT, ClientFailed, Cores, Rig

MEASURES: dict[str, measures.Measure] = {
    "makespan": measures.makespan,
    "cpu": cpu,
    "retention": retention,
    "memory": measures.memory,
    "concurrency": measures.concurrency,
    "rate": measures.rate,
    "resume": measures.resume,
    "fsync": measures.fsync,
    "embedded": embedded,
}
PEERS = PROJECT / "data" / "bench-peers"
README = PROJECT / "bench" / "README.md"


def read_flags() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", action="append", choices=MEASURES, help="may be given more than once")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--peers-folder", type=Path, default=PEERS)
    return parser.parse_args()


def taken(rig: Rig, names: list[str]) -> list[Line]:
    """The lines of these measures; one that fails says why."""
    lines: list[Line] = []
    for name in names:
        began = time.monotonic()
        try:
            found = MEASURES[name](rig)
        except ClientFailed as error:
            found = [Line(name, "failed", beside=" ".join(str(error).split())[-200:])]
        lines += found
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    return lines


def main() -> None:
    """Measure, print, and write if asked."""
    options = read_flags()
    if options.peers:
        install(options.peers_folder)
    rounds, shrink = (1, 10) if options.quick else (options.rounds, 1)
    cores = Cores.here()
    note = "Server and client pinned to different cores." if cores.client is not None else "Not pinned."
    taken_on = machine(note + (" A quick look, a tenth of the size." if options.quick else ""))
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(Path(folder), cores, rounds, shrink, options.peers_folder)
        lines = taken(rig, options.only or list(MEASURES))
    print(f"{taken_on}\n\n{table(lines)}")
    if options.write:
        taken_on = f"Last run ({', '.join(options.only or ['all'])}): {taken_on}"
        README.write_text(written(README.read_text(encoding="utf-8"), lines, taken_on), encoding="utf-8")


if __name__ == "__main__":
    main()
