"""From a finished job to a registered adapter: fetched whole, checked, unpacked safely."""

from __future__ import annotations

from contextlib import suppress

from core.store import disk
from core.tuning.convert import file_sha256
from core.tuning.download import Source, fetch
from core.tuning.recipe import not_deployable
from core.tuning.register import register
from core.tuning.together.trainer import Trainer


def download(trainer: Trainer) -> None:
    """Fetch the adapter's archive, going on after every break."""
    tuning, remote = trainer.tuning, trainer.remote
    source = Source(
        f"{remote.root}/v1/finetune/download",
        remote.key,
        {"ft_id": str(tuning.job_id), "checkpoint": "adapter"},
    )

    def report(done: int, size: int) -> None:
        trainer.reporter.update(done=done, planned=size, note=f"{done / 1e6:.1f} of {size / 1e6:.1f} MB")

    def rest(breaks: int) -> None:
        trainer.patience.sleep(trainer.patience.poll_s * min(breaks, 6) / 5)

    got = fetch(source, trainer.store.folder / "adapter.archive", report, rest)
    tuning.archive = {"size": got.size, "sha256": got.sha256, "content_type": got.content_type}
    trainer.step("downloaded", f"the adapter is here ({got.size / 1e6:.1f} MB)", sha256=got.sha256)


def put_in_place(trainer: Trainer) -> None:
    """Check the archive once more, unpack it safely and register the adapter."""
    tuning, archive = trainer.tuning, trainer.store.folder / "adapter.archive"
    if not archive.exists() or file_sha256(archive) != (tuning.archive or {}).get("sha256"):
        tuning.archive = None
        trainer.step("trained", "the downloaded file was damaged; it is fetched again")
        return
    folder, notes = register(tuning, archive, trainer.settings)
    tuning.adapter = str(folder)
    tuning.notes += [note for note in notes if note not in tuning.notes]
    trainer.step("registered", f"the adapter is in {folder}")
    if not not_deployable(tuning.model):
        trainer.say(
            f"Together can also serve it, by the minute: character serve together --tuning {tuning.id}"
        )
    # Its files are in place with their hashes; the archive would only take the room once more.
    with suppress(OSError):
        disk.unlink(archive)
