"""Start a job from a page: one click, one job, whatever the mouse does."""

from __future__ import annotations

from collections.abc import Sequence

from app import state
from app.commands import job_argv, job_words
from app.reads import settings
from app.rights import NOBODYS, bounded, may_stop, refusal
from app.state.person import person
from core.errors import CoreError
from core.jobs import Job, Jobs
from core.sample import UNCHANGED, about_sample

# What a job that does not listen is given before it is killed.
GRACE_S = 3.0


def active_job(subject: str) -> Job | None:
    """The job that now runs for a subject, such as "pairs:pirate"; None when there is none."""
    jobs = Jobs(settings()).list(limit=20, active_only=True)
    return next((job for job in jobs if job.subject == subject), None)


def last_job(subject: str) -> Job | None:
    """The newest job of a subject, running or ended."""
    jobs = Jobs(settings()).list(limit=100)
    return next((job for job in jobs if job.subject == subject), None)


def launch(words: Sequence[str], *, title: str, subject: str, token: str, page: str) -> None:
    """Start the verb as a job; for callbacks. A failure stays on the page as a sentence.

    `token` is the button's: two clicks on one drawn button are one job. A job of another tab with
    the same words is shown instead of started twice.
    """
    why_not = UNCHANGED if about_sample(words) else refusal(words)
    state.complain(page, why_not)
    if why_not:
        return
    try:
        jobs = Jobs(settings())
        argv = job_argv(bounded(words))
        running = active_job(subject)
        if running is not None and list(running.argv) == argv:
            state.say_once("It already runs.", ":material/info:")
            return
        jobs.start(
            argv,
            verb=words[0],
            title=title,
            subject=subject,
            token=token,
            page={"page": page, "by": person()},
        )
    except CoreError as error:
        state.complain(page, str(error))


def cancel(job_id: str, page: str) -> None:
    """End a job within five seconds; finished rows stay. In a shared studio, only one's own."""
    try:
        jobs = Jobs(settings())
        if not_ours := owned_by_another(jobs.get(job_id)):
            state.complain(page, not_ours)
            return
        jobs.cancel(job_id, grace_s=GRACE_S)
        state.say_once("Stopped. What is finished is kept.", ":material/stop_circle:")
    except CoreError as error:
        state.complain(page, str(error))


def resume(job_id: str, token: str, page: str) -> None:
    """Run a job's command again; it does only what is missing. In a shared studio, only one's own."""
    try:
        jobs = Jobs(settings())
        job = jobs.get(job_id)
        if why_not := owned_by_another(job) or refusal(job_words(job.argv)):
            state.complain(page, why_not)
            return
        jobs.resume(job_id, token=token)
    except CoreError as error:
        state.complain(page, str(error))


def owned_by_another(job: Job) -> str | None:
    """Why the person here may not stop, go on with or remove a job; None when they may."""
    owner = job.page.get("by", "")
    if may_stop(owner):
        return None
    if not owner:
        return NOBODYS
    return f"{owner} started this job; ask them, or whoever runs this studio."
