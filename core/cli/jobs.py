"""`character jobs list·show·cancel·resume·forget`: the long work that pages and shells started."""

from __future__ import annotations

import json
import shlex
import time
import uuid
from pathlib import Path
from typing import Any

import click

from core.cli.options import data_option, json_option
from core.cli.output import say
from core.jobs import Job, Jobs
from core.settings import load_settings


@click.group("jobs")
def jobs() -> None:
    """See, stop and continue long work."""


@jobs.command("list")
@click.option("--active", is_flag=True, help="Only those that run.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
@data_option
@json_option
def list_jobs(active: bool, limit: int, data: Path | None, as_json: bool) -> None:
    """Jobs, newest first."""
    found = Jobs(load_settings(data=data)).list(limit=limit, active_only=active)
    if as_json:
        click.echo(json.dumps({"verb": "jobs list", "jobs": [as_dict(job) for job in found]}))
        return
    if not found:
        say("No jobs yet. The Pairs page starts one, and so does any verb you run here.")
    for job in found:
        say(line_of(job))


def line_of(job: Job) -> str:
    """A job on one line: id, state, progress, title."""
    progress = f"{job.progress.done}/{job.progress.planned}" if job.progress else ""
    return f"{job.id}  {job.state:<11}  {progress:>9}  {job.title}"


def as_dict(job: Job) -> dict[str, Any]:
    """A job as JSON."""
    progress = job.progress
    return {
        "id": job.id,
        "verb": job.verb,
        "title": job.title,
        "state": job.state,
        "started": job.started,
        "ended_at": job.ended_at,
        "exit_code": job.exit_code,
        "message": job.message,
        "command": shlex.join(job.argv),
        "progress": None
        if progress is None
        else {
            "stage": progress.stage,
            "done": progress.done,
            "planned": progress.planned,
            "failed": progress.failed,
        },
    }


@jobs.command("show")
@click.argument("job_id")
@click.option(
    "--lines", type=click.IntRange(min=0), default=40, show_default=True, help="How much of the log."
)
@data_option
@json_option
def show(job_id: str, lines: int, data: Path | None, as_json: bool) -> None:
    """One job: state, command, progress and the end of its log."""
    supervisor = Jobs(load_settings(data=data))
    job = supervisor.get(job_id)
    if as_json:
        click.echo(json.dumps({"verb": "jobs show", **as_dict(job)}))
        return
    say(line_of(job))
    say(f"command  {shlex.join(job.argv)}")
    say(f"started  {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(job.started))}")
    if job.message:
        say(f"ended    {job.message}")
    say(supervisor.log_tail(job_id, lines=lines))


@jobs.command("cancel")
@click.argument("job_id")
@data_option
def cancel(job_id: str, data: Path | None) -> None:
    """End a job and everything it started; finished rows stay."""
    say(line_of(Jobs(load_settings(data=data)).cancel(job_id)))


@jobs.command("resume")
@click.argument("job_id")
@data_option
def resume(job_id: str, data: Path | None) -> None:
    """Run a job's command again; it does only what is missing."""
    supervisor = Jobs(load_settings(data=data))
    say(line_of(supervisor.resume(job_id, token=uuid.uuid4().hex)))


@jobs.command("forget")
@click.argument("job_id")
@data_option
def forget(job_id: str, data: Path | None) -> None:
    """Remove an ended job from the list; its rows stay."""
    Jobs(load_settings(data=data)).forget(job_id)


COMMANDS = (jobs,)
