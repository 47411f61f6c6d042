"""`Jobs`: start, find, stop and resume."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.errors import JobError, RunError
from core.job_wrapper import JOB_VARIABLE, SECRETS_VARIABLE, boot_id, ending
from core.jobs import processes, progress
from core.jobs.job import JOB_ID, Job
from core.jobs.logs import log_tail
from core.jobs.states import read_exit, read_job, read_process, read_quietly
from core.jobs.table import Table
from core.records import canonical_json
from core.settings import Settings, redact, subprocess_environment
from core.store.jsonl import write_json

SHORTEST_SECRET = 8
BEGIN_ANEW = "--again"
LOOK_AGAIN_S = 0.02
# What a cancel waits for after the grace: the wrapper's kill, then its own.
WRAPPER_LIMIT_S = 1.0
KILL_LIMIT_S = 2.0


class Jobs:
    """The jobs of one data folder. Cheap to make; any thread or process may have its own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folders = settings.data_path / "jobs"
        self._table = Table(settings.data_path / "jobs.sqlite", self._folders)

    def start(
        self,
        argv: Sequence[str],
        *,
        verb: str,
        title: str,
        subject: str = "",
        token: str,
        page: dict[str, str] | None = None,
    ) -> Job:
        """The token's job, started now unless it was before; an empty token always starts one.

        A double click, a second tab and a rerun carry the same token and get the same job. Raises
        JobError when it cannot be started.
        """
        asked = {"verb": verb, "title": title, "subject": subject, "argv": list(argv), "page": page or {}}
        return self._start(asked | {"cwd": str(Path.cwd()), "resumes": None}, token)

    def resume(self, job_id: str, *, token: str) -> Job:
        """A new job with the same command, which goes on where the old one stopped.

        Where another click has already resumed it, the job that runs. Raises JobError while the old
        one runs or when it is done.
        """
        old = self.get(job_id)
        if old.active:
            raise JobError(f"{old.title} is still running; wait for it or cancel it first.")
        if old.state == "done":
            raise JobError(f"{old.title} is finished; there is nothing to resume.")
        running = [job for job in self.list(active_only=True) if job.resumes == job_id]
        if running:
            return running[0]
        asked = read_quietly(old.folder / "job.json") or {}
        names = ("verb", "title", "subject", "page", "cwd")
        # What began anew goes on when it is resumed: a second new job may even be paid twice.
        argv = [word for word in asked["argv"] if word != BEGIN_ANEW]
        kept = {name: asked[name] for name in names}
        return self._start({**kept, "argv": argv, "resumes": job_id}, token)

    def list(self, *, limit: int = 100, active_only: bool = False) -> list[Job]:
        """Jobs as they are now, newest first; none is kept back because another is damaged."""
        if not self._folders.is_dir():
            return []
        processes.collect_ended()
        rows = self._table.newest(limit=limit, active_only=active_only)
        jobs = [job for job_id, was_ended in rows if (job := self._look(job_id, was_ended))]
        return [job for job in jobs if job.active or not active_only]

    def get(self, job_id: str) -> Job:
        """The job as it is now. Raises JobError when there is none."""
        known = JOB_ID.fullmatch(job_id) and (self._folders / job_id / "job.json").exists()
        job = self._look(job_id, self._table.was_ended(job_id)) if known else None
        if job is None:
            raise JobError(f"There is no job {job_id!r}; see the list of jobs.")
        return job

    def cancel(self, job_id: str, *, grace_s: float = 5.0) -> Job:
        """The job after it was stopped with all that it started; one that had ended, as it was.

        It is asked to end (SIGTERM), and killed after `grace_s` seconds.
        """
        job = self.get(job_id)
        if not job.active:
            return job
        grace_s = max(0.0, grace_s)
        self._ask_to_stop(job, grace_s)
        for stop, patience_s in (
            (self._tell_wrapper, grace_s + WRAPPER_LIMIT_S),
            (self._kill_job, KILL_LIMIT_S),
            (self._kill_wrapper, KILL_LIMIT_S),
        ):
            stop(job.folder)
            job = self._wait_for_end(job_id, patience_s)
            if not job.active:
                return job
        raise JobError(f"{job.title} does not end, even when killed; restart the computer to be rid of it.")

    def log_tail(self, job_id: str, *, lines: int = 200) -> str:
        """The last lines that the job printed."""
        return log_tail(self.get(job_id).log_path, lines)

    def forget(self, job_id: str) -> None:
        """Remove a job that has ended, with its folder; what it made stays."""
        job = self.get(job_id)
        if job.active:
            raise JobError(f"{job.title} is still running; cancel it before removing it from the list.")
        # Renamed first: a wrapper that is only now coming up must not find half of a job.
        hidden = job.folder.with_name(f".{job_id}")
        try:
            job.folder.rename(hidden)
        except OSError as error:
            raise _cannot_write(job.folder, error) from error
        self._table.remove(job_id)
        shutil.rmtree(hidden, ignore_errors=True)

    def _start(self, asked: dict[str, Any], token: str) -> Job:
        self._check(asked)
        folder = self._new_folder()
        asked |= {"token": token, "started": time.time(), "boot": boot_id()}

        def write() -> None:
            write_json(folder / "job.json", asked, mode=0o600)

        owner = self._claim(folder, token, asked["started"], write)
        if owner == folder.name:
            self._launch(folder)
        return self.get(owner)

    def _check(self, asked: dict[str, Any]) -> None:
        """Refuse a command that cannot be one, or that would put a key where `ps` and files show it."""
        argv = asked["argv"]
        if not argv or not argv[0] or any("\0" in word for word in argv):
            raise JobError("A job needs a command: a program and its arguments, without null bytes.")
        texts = "\n".join([*argv, asked["title"], asked["subject"], *asked["page"].values()])
        if redact(texts, self._settings.secrets()) != texts:
            raise JobError(
                "A key must not be part of a command; save it under Engines and keys, where jobs find it."
            )

    def _new_folder(self) -> Path:
        """A fresh folder that only its owner can enter; its name is the job's id."""
        try:
            self._folders.mkdir(parents=True, exist_ok=True, mode=0o700)
            while True:
                now = datetime.now(UTC)
                folder = self._folders / f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
                try:
                    folder.mkdir(mode=0o700)
                    return folder
                except FileExistsError:
                    continue
        except OSError as error:
            raise _cannot_write(self._folders, error) from error

    def _claim(self, folder: Path, token: str, started: float, write: Callable[[], None]) -> str:
        try:
            owner = self._table.claim(folder.name, token, started, write)
        except (JobError, RunError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise JobError(str(error)) from error
        if owner != folder.name:
            folder.rmdir()
        return owner

    def _launch(self, folder: Path) -> None:
        private = [secret for secret in self._settings.secrets() if len(secret) >= SHORTEST_SECRET]
        environment = subprocess_environment(self._settings) | {
            JOB_VARIABLE: folder.name,
            progress.VARIABLE: str(folder / "progress.json"),
            SECRETS_VARIABLE: canonical_json(private),
        }
        try:
            processes.start_wrapper(folder, environment)
        except OSError as error:
            write_json(folder / "exit.json", ending(None, error=str(error)), mode=0o600)

    def _look(self, job_id: str, was_ended: bool) -> Job | None:
        """The job as it is now; the first to see that it lost its wrapper ends what that left behind."""
        job = read_job(self._folders / job_id)
        if job and not job.active and not was_ended:
            if not read_exit(job.folder):
                self._kill_job(job.folder)
            self._table.mark_ended(job_id)
        return job

    def _ask_to_stop(self, job: Job, grace_s: float) -> None:
        """Leave the wish in a file: the wrapper finds it however early or late it looks."""
        try:
            fd = os.open(job.folder / "cancel.json", os.O_WRONLY | os.O_CREAT, 0o600)
            with os.fdopen(fd, "w") as file:
                file.write(str(grace_s))
        except OSError as error:
            raise _cannot_write(job.folder, error) from error

    def _tell_wrapper(self, folder: Path) -> None:
        # A stopped process does not act on SIGTERM until it is continued.
        self._signal_wrapper(folder, signal.SIGTERM)
        self._signal_wrapper(folder, signal.SIGCONT)

    def _kill_wrapper(self, folder: Path) -> None:
        self._signal_wrapper(folder, signal.SIGKILL)

    def _signal_wrapper(self, folder: Path, number: int) -> None:
        who = read_process(folder)
        if who and processes.is_this_boot(who["boot"]):
            processes.send(who, number, since=who["started_at"])

    def _kill_job(self, folder: Path) -> None:
        who = read_process(folder)
        if who and processes.is_this_boot(who["boot"]):
            processes.kill_remains(folder.name, who)

    def _wait_for_end(self, job_id: str, patience_s: float) -> Job:
        deadline = time.monotonic() + patience_s
        while (job := self.get(job_id)).active and time.monotonic() < deadline:
            time.sleep(LOOK_AGAIN_S)
        return job


def _cannot_write(folder: Path, error: OSError) -> JobError:
    reason = (error.strerror or str(error)).lower()
    return JobError(f"Could not write to {folder}: {reason}. Choose another DATA_PATH, then try again.")
