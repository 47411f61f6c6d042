"""What our client costs: CPU per request beside other clients, and whether many slots slow it down."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.bulk.lines import Line, at_least, at_most
from bench.bulk.measures import SLOTS, median, spread
from bench.bulk.rig import ClientFailed, Rig, Server
from bench.bulk.wanted import Wanted

# As small as keeps all slots busy: what is measured is the client, not the waiting.
LATENCY = ("--latency", "constant:0.005")
PACKAGES = {
    "together": ["together"],
    "curator": ["bespokelabs-curator"],
    # distilabel 1.5 imports requests without asking for it.
    "distilabel": ["distilabel[openai]", "requests"],
}
SHOWN = {
    "openai": "openai SDK",
    "together": "together SDK",
    "curator": "curator (stores rows too)",
    "distilabel": "distilabel (batches of 50)",
}


def peer_python(peers: Path | None, kind: str) -> Path | None:
    """The interpreter that has a peer's package, or None."""
    if kind in ("bare", "openai"):
        return Path(sys.executable)
    python = peers / kind / "bin" / "python" if peers else None
    return python if python is not None and (python.parent / "installed").exists() else None


def install(peers: Path) -> None:
    """Give every peer an environment of its own, so that none of them touches the project's."""
    for kind, packages in PACKAGES.items():
        folder = peers / kind
        if (folder / "bin" / "installed").exists():
            continue
        print(f"installing {packages[0]} …", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        python = str(folder / "bin" / "python")
        done = subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=False)
        if done.returncode == 0:
            (folder / "bin" / "installed").touch()


def bodies_of(rig: Rig, rows: int) -> Path:
    """A file with the bodies that our client sends for a job of `rows`."""
    path = rig.folder / f"bodies-{rows}.jsonl"
    if not path.exists():
        with rig.server(*LATENCY, "--keep-bodies") as server:
            rig.ours(Wanted(server.url, rig.fresh(), rows, concurrency=SLOTS))
            path.write_bytes(server.fetch("/_bodies"))
    return path


def cpu(rig: Rig) -> list[Line]:
    """All clients in turn, on the bodies that ours sends."""
    rows = rig.size(5000)
    bodies = bodies_of(rig, rows)
    costs: dict[str, list[float]] = {kind: [] for kind in ("ours", "bare", *SHOWN)}
    rates: dict[str, float] = {}
    failed: dict[str, str] = {}
    with rig.server(*LATENCY) as server:
        for _ in range(rig.rounds):
            for kind in [kind for kind in costs if kind not in failed]:
                server.reset()
                try:
                    found = once(rig, server, kind, bodies, rows, SLOTS)
                except (ClientFailed, LookupError) as error:
                    failed[kind] = str(error)
                    continue
                costs[kind].append(found["cpu_s"] / rows * 1e6)
                rates[kind] = rows / found["wall_s"]
    if "ours" in failed or "bare" in failed:
        raise ClientFailed(str(failed))
    return _lines(costs, rates, failed, rows)


def retention(rig: Rig) -> list[Line]:
    """Requests a second with many slots and with few, ours and the floor in turn."""
    rows = rig.size(10_000)
    bodies = bodies_of(rig, rows)
    rates: dict[tuple[str, int], list[float]] = {
        (kind, slots): [] for kind in ("ours", "bare") for slots in (16, 512)
    }
    with rig.server() as server:
        for _ in range(rig.rounds):
            for (kind, slots), found in rates.items():
                server.reset()
                run = once(rig, server, kind, bodies, rows, slots)
                found.append(rows / run.get("asking_s", run["wall_s"]))
    middle = {case: median(found) for case, found in rates.items()}
    kept, floor = (middle[kind, 512] / middle[kind, 16] for kind in ("ours", "bare"))
    beside = f"{middle['ours', 512]:.0f} and {middle['ours', 16]:.0f} requests/s, {rows} rows, no latency; "
    beside += f"bare aiohttp {floor:.2f} ({middle['bare', 512]:.0f} and {middle['bare', 16]:.0f})"
    return [at_least("requests/s at C=512 ÷ C=16", kept, 0.90, 0.98, beside=beside)]


def once(rig: Rig, server: Server, kind: str, bodies: Path, rows: int, slots: int) -> dict[str, Any]:
    """One client's figures. Raises LookupError when it is not installed."""
    if kind == "ours":
        return rig.ours(Wanted(server.url, rig.fresh(), rows, concurrency=slots))
    python = peer_python(rig.peers, kind)
    if python is None:
        raise LookupError("not installed: add --peers")
    job = {"kind": kind, "url": server.url, "bodies": str(bodies), "concurrency": slots}
    return rig.peer(str(python), job)


def _lines(
    costs: dict[str, list[float]], rates: dict[str, float], failed: dict[str, str], rows: int
) -> list[Line]:
    floor, ours = median(costs["bare"]), median(costs["ours"])
    ratios = [mine / bare for mine, bare in zip(costs["ours"], costs["bare"], strict=True)]
    beside = f"{ours:.0f} and {floor:.0f} µs; {rows} rows, C={SLOTS}, 5 ms; {spread(ratios, '.2f')}"
    name = "client CPU a request, build to durable row, ÷ bare aiohttp"
    lines = [at_most(name, median(ratios), 2.5, 1.5, form=".2f", beside=beside)]
    for kind, label in SHOWN.items():
        name = f"the same for {label}"
        if kind in failed:
            reason = " ".join(failed[kind].split())[-160:]
            lines.append(Line(name, "not installed" if "--peers" in reason else "failed", beside=reason))
            continue
        cost = median(costs[kind])
        beside = f"{cost:.0f} µs, {rates[kind]:.0f} requests/s"
        lines.append(Line(name, f"{cost / floor:.2f}", beside=beside))
    return lines
