"""Long work as subprocesses that outlive the page which started them.

    jobs = Jobs(settings)
    job = jobs.start([sys.executable, "-m", "core.cli", "teacher", "pirate"], verb="teacher",
                     title="Teacher answers for pirate", token=click_id)
    jobs.get(job.id).progress

A job is a folder, DATA_PATH/jobs/<id>/, and its state is what the files and the process table say:
job.json what was asked · process.json who runs it · progress.json how far it is · log.txt what it
printed · cancel.json somebody asked to stop · exit.json how it ended. The table jobs.sqlite finds jobs
and lets a click start only one; without it, it is made again from the folders.

No key goes into an argv, where `ps` shows it: keys travel in the environment, and `start` refuses
a command that carries one. In the child, `ProgressReporter.from_environment()` says how far it is.
"""

from core.jobs.job import Job, JobState, Progress
from core.jobs.progress import ProgressReporter
from core.jobs.supervisor import Jobs

__all__ = ["Job", "JobState", "Jobs", "Progress", "ProgressReporter"]
