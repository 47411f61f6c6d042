"""The one step that costs money, and the job it makes: created once, followed to its end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from core.errors import EngineError
from core.tuning.state import Tuning
from core.tuning.together.order import order_of, usd, wandb_of
from core.tuning.together.trainer import LABELS, Trainer
from core.tuning.together_remote import CREDIT, UNCLEAR

Json = dict[str, Any]
NANOS = 1e9
CLOCKS_DIFFER_S = 600.0
FAILED = frozenset({"error", "user_error", "failed"})
OVER = FAILED | {"cancelled", "completed"}


def create(trainer: Trainer) -> None:
    """Make the job, once. Raises EngineError where it is open whether there is one."""
    tuning = trainer.tuning
    if _adopt(trainer, tries=trainer.patience.lookups if tuning.create_sent_at else 1):
        return
    if trainer.store.cancel_wished:
        doubt = f"; should {tuning.tag} show up there later, end it there" if tuning.create_sent_at else ""
        trainer.step("cancelled", f"cancelled: Together lists no job of this training{doubt}")
        return
    tuning.create_sent_at = time.time()
    trainer.store.save(tuning)
    try:
        job = trainer.remote.create(order_of(tuning) | wandb_of(tuning, trainer.settings))
    except EngineError as error:
        _after_trouble(trainer, error)
        return
    # Anything else that ends this, such as Ctrl-C, leaves the mark: the next run looks first.
    _made(trainer, job, "made")


def _after_trouble(trainer: Trainer, error: EngineError) -> None:
    """After a create that failed: forget it when it certainly made nothing, else look for its job."""
    if error.kind not in UNCLEAR:
        trainer.tuning.create_sent_at = None
        trainer.store.save(trainer.tuning)
        raise error
    trainer.say("Together did not confirm the job; looking it up before anything else")
    if not _adopt(trainer, tries=trainer.patience.lookups):
        raise EngineError(
            "Together did not confirm the job, and lists none with this tag yet. Run the same command "
            "again in some minutes: it looks again before it asks for a job.",
            kind=error.kind,
            transient=True,
            maybe_billed=True,
        ) from error


def _adopt(trainer: Trainer, *, tries: int) -> bool:
    """Whether a job with our tag is there; it is then ours. The list may lag behind, hence the tries."""
    for attempt in range(1, tries + 1):
        jobs = [job for job in trainer.again(trainer.remote.jobs) if is_ours(job, trainer.tuning)]
        if len(jobs) > 1:
            names = ", ".join(str(job.get("id")) for job in jobs)
            trainer.store.note("trouble", f"more than one job carries this tag: {names}")
        if jobs:
            _made(trainer, min(jobs, key=lambda job: str(job.get("created_at"))), "found")
            return True
        if attempt < tries:
            trainer.patience.sleep(trainer.patience.poll_s)
    return False


def is_ours(job: Mapping[str, Any], tuning: Tuning) -> bool:
    """Whether a job carries our mark, in its suffix or in the name of what it makes.

    A job without any name, for our file and since we asked for one, counts too: better than paying twice.
    """
    names = ("suffix", "model_output_name", "output_name", "model_object_name", "adapter_object_name")
    told = [str(job[name]).casefold() for name in names if job.get(name)]
    if told:
        return any(tuning.mark in name for name in told)
    is_same_file = tuning.file_id is not None and job.get("training_file") == tuning.file_id
    return is_same_file and tuning.create_sent_at is not None and _is_since(job, tuning.create_sent_at)


def _is_since(job: Mapping[str, Any], moment: float) -> bool:
    try:
        made = datetime.fromisoformat(str(job.get("created_at")))
    except ValueError:
        return True
    return made.replace(tzinfo=made.tzinfo or UTC).timestamp() >= moment - CLOCKS_DIFFER_S


def _made(trainer: Trainer, job: Mapping[str, Any], how: str) -> None:
    tuning = trainer.tuning
    tuning.job_id, tuning.job_status = str(job["id"]), str(job.get("status") or "pending")
    tuning.output_name = _output_name(job) or tuning.output_name
    trainer.step("created", f"job {tuning.job_id} {how}", job=tuning.job_id)


def _output_name(job: Mapping[str, Any]) -> str | None:
    found = job.get("model_output_name") or job.get("output_name")
    return str(found) if found else None


def follow(trainer: Trainer) -> None:
    """Follow the job's events and curves until it ends; outages are waited out. Raises EngineError."""
    silent = 0
    while True:
        try:
            job = look(trainer)
            silent = 0
        except EngineError as error:
            silent += 1
            if not error.transient or silent > trainer.patience.outage_polls:
                raise
            trainer.reporter.update(note=f"{error} The job goes on at Together.")
            trainer.patience.sleep(trainer.patience.poll_s)
            continue
        if settled(trainer, job):
            return
        trainer.patience.sleep(trainer.patience.poll_s)


def look(trainer: Trainer) -> Json:
    """The job as it is now, with news appended; passes on the wish to end it."""
    tuning, remote = trainer.tuning, trainer.remote
    job_id = str(tuning.job_id)
    if trainer.store.cancel_wished and not tuning.cancel_sent:
        _pass_on_cancel(trainer, job_id)
    job = remote.job(job_id)
    for add in (_add_events, _add_metrics):
        try:
            add(trainer, job_id)
        except EngineError as error:
            # What only informs must not end the watching; the job's own status counts.
            if error.transient:
                raise
            trainer.reporter.update(note=str(error))
    if job.get("status") != tuning.job_status:
        tuning.job_status = str(job.get("status"))
        tuning.output_name = _output_name(job) or tuning.output_name
        trainer.store.save(tuning)
        trainer.reporter.update(note=f"job {job_id}: {tuning.job_status}")
    return job


def _pass_on_cancel(trainer: Trainer, job_id: str) -> None:
    try:
        trainer.remote.cancel(job_id)
        trainer.say(f"asked Together to end {job_id}")
    except EngineError as error:
        if error.transient:
            raise
        # A job that is just over cannot be ended; its status says the rest.
        trainer.store.note("trouble", str(error))
    trainer.tuning.cancel_sent = True
    trainer.store.save(trainer.tuning)


def _add_events(trainer: Trainer, job_id: str) -> None:
    events = trainer.remote.events(job_id)
    known = {row.get("mark") for row in trainer.store.events()}
    for event in events:
        mark = "|".join(str(event.get(name)) for name in ("created_at", "type", "step", "message"))
        if mark in known:
            continue
        message = str(event.get("message") or event.get("type"))
        more = {name: event.get(name) for name in ("type", "level", "step", "total_steps", "created_at")}
        trainer.store.note("together", message, mark=mark, **more)
        trainer.say(f"Together: {message}")
        if event.get("total_steps"):
            trainer.reporter.update(done=int(event.get("step") or 0), planned=int(event["total_steps"]))


def _add_metrics(trainer: Trainer, job_id: str) -> None:
    """Append the points of the curves that are new; the last one is shown with the progress."""
    rows = trainer.store.metrics()
    last = max((int(row["step"]) for row in rows), default=-1)
    new = [_point(found) for found in trainer.remote.metrics(job_id, last + 1)]
    new = sorted((row for row in new if row["step"] > last), key=lambda row: row["step"])
    if not new:
        return
    trainer.store.add_metrics(new)
    for row in new:
        trainer.reporter.note_history({"at": time.time(), "stage": LABELS["created"], **row})
    trainer.reporter.update(done=new[-1]["step"], figures=new[-1])


def _point(found: Mapping[str, Any]) -> Json:
    """A point of a curve: the step, and every measure under Together's name for it."""
    step = next((found[name] for name in ("global_step", "train/global_step", "step") if name in found), 0)
    return {"step": int(step)} | {name: value for name, value in found.items() if "step" not in name}


def settled(trainer: Trainer, job: Mapping[str, Any]) -> bool:
    """Whether the job is over; the tuning then says how. Raises EngineError for a failed one."""
    tuning, status = trainer.tuning, str(job.get("status"))
    if status == "cancelled":
        trainer.step("cancelled", f"job {tuning.job_id} was cancelled")
    elif status in FAILED:
        _fail(trainer, job)
    elif status == "completed":
        paid = job.get("total_price")
        # The list of jobs counts in nano-dollars, the estimate in dollars.
        tuning.cost_usd = tuning.price_usd if paid is None else float(paid) / NANOS
        trainer.step("trained", f"job {tuning.job_id} is done ({usd(tuning.cost_usd)})")
    return status in FAILED | {"cancelled", "completed"}


def _fail(trainer: Trainer, job: Mapping[str, Any]) -> None:
    events = [row for row in trainer.store.events() if row["kind"] == "together"]
    errors = [row for row in events if row.get("level") == "error" or "error" in str(row.get("type"))]
    limit = [row for row in events if row.get("type") == "billing_limit"]
    said = (errors or events or [{"message": "no reason given"}])[-1]["message"]
    cure = CREDIT if limit else "Mend what it names, then run the same command with --again for a new job."
    trainer.step("failed", f"job {trainer.tuning.job_id} failed: {said}")
    raise EngineError(f"Together's job {trainer.tuning.job_id} failed: {said}. {cure}", kind="refused")
