"""The one button: from checked rows to a registered adapter, one paid job and never two.

    validated → checked → uploaded → processed → priced → confirmed
              → created → trained → downloaded → registered

Every arrow is a step below; the state is on disk before the next one begins, so a kill costs at most the
step that was under way. The one step that costs money twice if it is done twice is `create`: the time of
asking and the tag that the job will carry are on disk first, and while it is open whether there is a job,
Together's list is searched for the tag. Nothing found is no proof at once: a person runs it again.
"""

from __future__ import annotations

from collections.abc import Callable

from core.errors import CoreError, JobError
from core.settings import Settings
from core.tuning.state import Tuning, read_tuning, store_of
from core.tuning.together.after import download, put_in_place
from core.tuning.together.before import ask_price, await_processing, check_limits, confirm, upload
from core.tuning.together.job import OVER, create, follow, is_ours, look, settled
from core.tuning.together.trainer import LABELS, Trainer
from core.tuning.together_remote import Remote

STEPS: dict[str, Callable[[Trainer], None]] = {
    "validated": check_limits,
    "checked": upload,
    "uploaded": await_processing,
    "processed": ask_price,
    "priced": confirm,
    "confirmed": create,
    "created": follow,
    "trained": download,
    "downloaded": put_in_place,
}


def drive(trainer: Trainer) -> Tuning:
    """The tuning when it ended, or when it waits for somebody to agree to its price.

    Raises CoreError in words; the state on disk is the one to go on from.
    """
    while not trainer.tuning.ended:
        if trainer.is_to_end():
            break
        before = trainer.tuning.state
        trainer.reporter.update(stage=LABELS[before], note="", done=0, planned=0, figures={})
        try:
            STEPS[before](trainer)
        except CoreError as error:
            trainer.remember(error)
            raise
        if trainer.tuning.state == before and not trainer.store.cancel_wished:
            break
    trainer.reporter.flush()
    return trainer.tuning


def cancel(tuning_id: str, settings: Settings, remote: Callable[[], Remote]) -> Tuning:
    """Ask for a tuning to end, here and at Together; the wish outlives this process.

    Raises JobError for one that ended, EngineError when Together does not answer: the wish stays.
    """
    tuning, store = read_tuning(settings, tuning_id), store_of(settings, tuning_id)
    if tuning.ended or tuning.state in ("trained", "downloaded"):
        raise JobError(f"Training {tuning_id} is over ({tuning.state}); there is nothing to cancel.")
    store.wish_cancel()
    if tuning.job_id or tuning.create_sent_at:
        client = remote()
        try:
            for job_id in _jobs_of(tuning, client):
                client.cancel(job_id)
        finally:
            client.close()
    return tuning


def _jobs_of(tuning: Tuning, remote: Remote) -> list[str]:
    if tuning.job_id:
        return [tuning.job_id]
    return [str(job["id"]) for job in remote.jobs() if is_ours(job, tuning)]


def settle(trainer: Trainer) -> Tuning:
    """One look at a tuning that is to end and that nobody drives: the state follows what is so already."""
    if not trainer.is_to_end() and trainer.tuning.state == "created":
        job = look(trainer)
        if str(job.get("status")) in OVER:
            settled(trainer, job)
    return trainer.tuning
