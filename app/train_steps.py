"""Where a training stands, step by step, as lines that never move: from a job's and a tuning's files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from app.reads import settings
from core.errors import CoreError
from core.jobs import Job
from core.jobs.logs import log_tail
from core.tuning.state import Tuning, read_tuning, tunings

Standing = Literal["done", "now", "asks", "open", "stopped"]
ICONS: dict[Standing, str] = {
    "done": ":green[:material/check_circle:]",
    "now": ":blue[:material/progress_activity:]",
    "asks": ":orange[:material/help:]",
    "open": ":gray[:material/radio_button_unchecked:]",
    "stopped": ":red[:material/error:]",
}
NAMED = re.compile(r"^training (\S+)$", re.MULTILINE)

# A tuning's state → what is done next. "registered" has no next.
TOGETHER = (
    ("validated", "Ask what the model takes"),
    ("checked", "Upload the rows"),
    ("uploaded", "Together checks the file"),
    ("processed", "Ask for the price"),
    ("priced", "Your yes to the price"),
    ("confirmed", "Start the job, once"),
    ("created", "Train at Together"),
    ("trained", "Download the adapter"),
    ("downloaded", "Check it and put it in its place"),
)
HERE = (
    ("load", "Open the model"),
    ("reference", "Note how it answers now"),
    ("train", "Train"),
    ("write", "Write the adapter"),
    ("done", "Ask the same questions before and after"),
)

# OpenRLHF names its parts in words.
OPENRLHF = {"Loading the model": "load", "Training with OpenRLHF": "train"}
TRIAL = (
    ("teacher", "The teacher plays the character"),
    ("student", "The student answers as it always does"),
    ("train", "The student learns the difference"),
    ("proof", "Check that its answers changed"),
    ("before", "New questions, before"),
    ("after", "New questions, after"),
    ("report", "Count how often the voice is there"),
)
# The trainer tells its own parts.
PARTS = {"load": "train", "reference": "train", "write": "train", "done": "report"}


@dataclass(frozen=True, slots=True)
class Step:
    """One line: how it stands, what it is, and what is known of it."""

    standing: Standing
    label: str
    detail: str = ""


def steps_at_together(tuning: Tuning | None, *, active: bool, detail: str = "") -> list[Step]:
    """Every step of the one button; the present one with its detail."""
    names = [name for name, _ in TOGETHER]
    state = tuning.state if tuning else "validated"
    at = names.index(state) if state in names else len(names)
    if tuning and tuning.state in ("failed", "cancelled"):
        at = names.index("created") if tuning.job_id else names.index("priced")
    now: Standing = "now" if active else ("stopped" if tuning and tuning.error else "open")
    if tuning and tuning.waits_for_yes and not active and not tuning.error:
        now = "asks"
    if tuning and tuning.state in ("failed", "cancelled"):
        now = "stopped"
    return _lines(TOGETHER, at, now, detail)


def steps_here(stage: str, detail: str = "") -> list[Step]:
    """The steps of a training on this computer."""
    names = [name for name, _ in HERE]
    stage = OPENRLHF.get(stage, stage)
    at = names.index(stage) if stage in names else 0
    return _lines(HERE, at, "now", detail)


def steps_of_trial(stage: str, detail: str = "") -> list[Step]:
    """The steps of a trial."""
    names, now = [name for name, _ in TRIAL], PARTS.get(stage, stage)
    return _lines(TRIAL, names.index(now) if now in names else 0, "now", detail)


def _lines(table: Sequence[tuple[str, str]], at: int, now: Standing, detail: str) -> list[Step]:
    def standing(place: int) -> Standing:
        return "done" if place < at else (now if place == at else "open")

    return [
        Step(standing(place), label, detail if place == at else "")
        for place, (_, label) in enumerate(table)
    ]


def tuning_of(job: Job) -> Tuning | None:
    """The tuning that a job drives: named by its command, or in its first lines."""
    words = list(job.argv)
    named = words[words.index("resume") + 1] if "resume" in words else _named_in_log(job)
    try:
        return read_tuning(settings(), named) if named else None
    except CoreError:
        return None


def _named_in_log(job: Job) -> str:
    found = NAMED.search(log_tail(job.log_path, 500))
    return found[1] if found else ""


def open_tuning(name: str) -> Tuning | None:
    """A character's newest tuning that is neither over nor to be ended: somebody must go on with it."""
    every = [tuning for tuning in tunings(settings()) if tuning.constitution == name]
    return next((tuning for tuning in every if not tuning.ended), None)


def backend_of(job: Job) -> str:
    """Where a job trains; a resumed or cancelled tuning is at Together."""
    words = list(job.argv)
    return words[words.index("--backend") + 1] if "--backend" in words else "together"
