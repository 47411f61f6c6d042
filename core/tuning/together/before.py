"""From checked rows to an accepted price: limits, upload, Together's own check, the price, the yes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.errors import EngineError, JobError, RunError, SettingsError
from core.formats import problem_words
from core.names import ALIASES, ModelName
from core.tuning.convert import file_sha256
from core.tuning.recipe import fit, read_recipe
from core.tuning.state import Tuning
from core.tuning.together.order import order_of, price_words, usd
from core.tuning.together.trainer import Trainer
from core.tuning.together_remote import CREDIT

LINE = re.compile(r"\bline\s+(\d+)", re.IGNORECASE)


def check_limits(trainer: Trainer) -> None:
    """Fit the recipe to the model before anything is sent. Raises SettingsError with all that cannot be."""
    tuning = trainer.tuning
    _check_start(trainer)
    asked_of = tuning.from_checkpoint.split(":")[0] if tuning.from_checkpoint else tuning.model
    limits = trainer.again(lambda: trainer.remote.limits(asked_of))
    fitted = fit(tuning.kind, read_recipe(tuning.recipe), limits, tuning.rows, tuning.model)
    if fitted.problems:
        raise SettingsError(problem_words(f"The recipe for {tuning.model}", fitted.problems))
    tuning.limits, tuning.recipe = limits, fitted.recipe.as_dict()
    tuning.notes += [note for note in fitted.notes if note not in tuning.notes]
    for note in fitted.notes:
        trainer.say(note)
    trainer.step("checked", f"{tuning.model} takes these settings")


def _check_start(trainer: Trainer) -> None:
    """Refuse to go on from a job that is not finished, or that trained another student."""
    tuning = trainer.tuning
    job_id = (tuning.from_checkpoint or "").split(":")[0]
    if not job_id.startswith("ft-"):
        return
    job = trainer.again(lambda: trainer.remote.job(job_id))
    if job.get("status") != "completed":
        raise JobError(f"{job_id} is not finished ({job.get('status')}); go on from it when it is.")
    slug = ModelName("together", str(job.get("model") or "")).slug
    if slug in ALIASES and slug != tuning.student:
        raise SettingsError(
            f"{job_id} trained {slug}, and {tuning.student} is to be trained; choose its job."
        )


def upload(trainer: Trainer) -> None:
    """Send the rows as they were frozen; a file that Together has already is not sent again."""
    tuning = trainer.tuning
    tuning.file_id = _uploaded(trainer, tuning.training_file, tuning.training_sha256, tuning.file_id)
    trainer.store.save(tuning)
    tuning.validation_file_id = _uploaded(
        trainer, tuning.validation_file, tuning.validation_sha256, tuning.validation_file_id
    )
    trainer.step("uploaded", f"the rows are at Together ({tuning.file_id})", sha256=tuning.training_sha256)


def _uploaded(trainer: Trainer, name: str | None, sha256: str | None, file_id: str | None) -> str | None:
    if name is None or file_id is not None:
        return file_id
    path = trainer.store.folder / name
    if not path.exists() or file_sha256(path) != sha256:
        raise RunError(f"{path} was changed after it was checked; remove {path.parent} and begin again.")

    def report(done: int, size: int) -> None:
        trainer.reporter.update(done=done, planned=size)

    return trainer.again(lambda: trainer.remote.upload(path, report))


def await_processing(trainer: Trainer) -> None:
    """Wait until Together has checked the files. Raises RunError, with the row that it names."""
    tuning = trainer.tuning
    for file_id, name in (
        (tuning.file_id, tuning.training_file),
        (tuning.validation_file_id, tuning.validation_file),
    ):
        if file_id:
            _await_file(trainer, file_id, trainer.store.folder / name if name else None)
            if trainer.store.cancel_wished:
                return
    trainer.step("processed", "Together accepted the file")


def _await_file(trainer: Trainer, file_id: str, path: Path | None) -> None:
    for _ in range(trainer.patience.processing_polls):
        found = trainer.again(lambda: trainer.remote.file(file_id))
        status = found.get("processing_status")
        # Files from before Together checked them carry no status.
        if status in ("COMPLETED", None) or trainer.store.cancel_wished:
            return
        if status == "FAILED" and path is not None:
            _forget_upload(trainer, file_id)
        if status in ("INVALID_FORMAT", "FAILED"):
            raise RunError(_rejected(found, str(status), file_id, path))
        trainer.reporter.update(note=f"file {file_id}: {str(status).lower()}")
        trainer.patience.sleep(trainer.patience.poll_s)
    raise JobError(
        "Together has not finished checking the file; run the same command again to go on waiting."
    )


def _forget_upload(trainer: Trainer, file_id: str) -> None:
    """A file that Together could not process is sent again by the next run."""
    tuning = trainer.tuning
    tuning.state = "checked"
    tuning.file_id = None if tuning.file_id == file_id else tuning.file_id
    tuning.validation_file_id = None if tuning.validation_file_id == file_id else tuning.validation_file_id


def _rejected(found: Mapping[str, Any], status: str, file_id: str, path: Path | None) -> str:
    """Why Together does not take a file, with the row that it names beside it."""
    report = found.get("validation_report") or {}
    said = str(report.get("error") or "no reason given")
    if status == "FAILED":
        return f"Together could not process the file {file_id} ({said}); run again later."
    named = LINE.search(said)
    row = _row(path, int(named.group(1))) if named and path else ""
    beside = f"\n  line {named.group(1)}: {row}" if named and row else ""
    return f"Together rejects the file: {said}.{beside}\nMend that row where it was made, then train again."


def _row(path: Path, number: int) -> str:
    with path.open(encoding="utf-8") as file:
        for at, line in enumerate(file, 1):
            if at == number:
                return line.strip()[:300]
    return ""


def ask_price(trainer: Trainer) -> None:
    """Ask for the price, and stop where the balance does not allow the job. Raises EngineError."""
    tuning = trainer.tuning
    found = trainer.again(lambda: trainer.remote.estimate(order_of(trainer.tuning)))
    if found.get("estimation_available") is False:
        tuning.price_usd, tuning.price_tokens = None, None
        tuning.price_why = str(found.get("unavailable_reason") or "no reason given").replace("_", " ")
        if "valid" in tuning.price_why:
            raise RunError(f"Together does not accept the file yet ({tuning.price_why}); run again later.")
        trainer.step("priced", f"Together gives no price beforehand: {tuning.price_why}")
        return
    price, tokens = found.get("estimated_total_price"), found.get("estimated_train_token_count")
    tuning.price_usd = None if price is None else float(price)
    tuning.price_tokens = None if tokens is None else int(tokens)
    if found.get("allowed_to_proceed") is False:
        raise EngineError(_too_little(tuning, found.get("user_limit")), kind="credit", stops_job=True)
    trainer.step("priced", price_words(tuning), price_usd=tuning.price_usd)


def _too_little(tuning: Tuning, limit: Any) -> str:
    have = f", and the account's balance and limit come to ${float(limit):.2f}" if limit is not None else ""
    return f"This training costs {usd(tuning.price_usd)}{have}: no job was made. {CREDIT}"


def confirm(trainer: Trainer) -> None:
    """Go on where the price is within the limit or somebody agrees; stay where nobody did."""
    tuning, consent = trainer.tuning, trainer.consent
    price = tuning.price_usd
    within = consent.budget_usd is not None and price is not None and price <= consent.budget_usd
    if not (
        within or consent.yes or (consent.ask and consent.ask(f"{price_words(tuning)}. Start the job?"))
    ):
        return
    tuning.accepted_usd = price
    trainer.step("confirmed", f"agreed to {usd(price)}")
