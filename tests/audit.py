"""Fail on packages with known critical advisories: `python -m tests.audit`.

Two looks: a table of floors below which a package of ours was open to attack, which works offline;
and pip-audit against the public advisories, where they can be reached. A look that could not be
taken is said, never counted as clean.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from packaging.version import Version


class Floor(NamedTuple):
    """The first version in which an advisory is mended."""

    package: str
    mended_in: str
    advisory: str


FLOORS = (
    Floor("aiohttp", "3.12.14", "CVE-2025-53643: request smuggling"),
    Floor("streamlit", "1.54.0", "CVE-2026-33682: a path resolved before it is checked"),
    Floor("tornado", "6.5.0", "CVE-2025-47287: log flooding"),
    Floor("jinja2", "3.1.6", "CVE-2025-27516: sandbox break-out"),
    Floor("pillow", "11.3.0", "CVE-2025-48379: overflow while writing"),
    Floor("pyarrow", "14.0.1", "CVE-2023-47248: code in a file that is read"),
    Floor("requests", "2.32.4", "CVE-2024-47081: a key sent to another host"),
    Floor("urllib3", "2.5.0", "CVE-2025-50181: redirects not switched off"),
    Floor("h11", "0.16.0", "CVE-2025-43859: request smuggling"),
    Floor("setuptools", "78.1.1", "CVE-2025-47273: files written outside the folder"),
    Floor("torch", "2.6.0", "CVE-2025-32434: code in weights that are loaded"),
    Floor("starlette", "0.49.1", "CVE-2025-62727: a header that stops the server"),
)


def below_floor() -> list[str]:
    """Every installed package that is older than its floor, with the advisory."""
    return [found for floor in FLOORS if (found := _finding(floor))]


def _finding(floor: Floor) -> str | None:
    try:
        installed = version(floor.package)
    except PackageNotFoundError:
        return None
    if Version(installed) >= Version(floor.mended_in):
        return None
    return f"{floor.package} {installed} is open to {floor.advisory}; install {floor.mended_in} or newer"


def public_advisories() -> tuple[list[str], str]:
    """(advisories that pip-audit found with no mend ignored, a word on how much it could look at)."""
    command = [sys.executable, "-m", "pip_audit", "--local", "--skip-editable", "--format", "json"]
    try:
        done = subprocess.run(
            [*command, "--progress-spinner", "off"],
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        packages = json.loads(done.stdout)["dependencies"]
    except subprocess.TimeoutExpired:
        return [], "the public advisories did not answer within four minutes, so they were not looked at"
    except (ValueError, KeyError):
        return (
            [],
            f"pip-audit could not look ({(done.stderr.strip().splitlines() or ['no reason'])[-1][:200]})",
        )
    looked = [package for package in packages if "skip_reason" not in package]
    found = [
        f"{package['name']} {package['version']}: {advisory['id']}"
        for package in looked
        for advisory in package["vulns"]
        if package["name"] != "pip"
    ]
    return found, f"pip-audit looked at {len(looked)} of {len(packages)} packages"


def main() -> None:
    """Print what was looked at; exit 1 when a package must be replaced."""
    findings, said = public_advisories()
    findings = below_floor() + findings
    print(f"Dependency audit: {len(FLOORS)} floors checked; {said}.")
    for finding in findings:
        print(f"  {finding}")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
