"""The one button: from checked rows to a registered adapter, one paid job and never two.

    validated → checked → uploaded → processed → priced → confirmed
              → created → trained → downloaded → registered

Every arrow is a step below; the state is on disk before the next one begins, so a kill costs at most the
step that was under way. The one step that costs money twice if it is done twice is `create`: the time of
asking and the tag that the job will carry are on disk first, and while it is open whether there is a job,
Together's list is searched for the tag. Nothing found is no proof at once: a person runs it again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from core.errors import CoreError, EngineError, JobError, RunError, SettingsError
from core.formats import problem_words
from core.jobs import ProgressReporter
from core.names import ALIASES, ModelName
from core.settings import Secret, Settings, redact
from core.store import disk
from core.tuning.convert import file_sha256
from core.tuning.download import Source, fetch
from core.tuning.recipe import INHERITED, fit, flag, not_deployable, read_recipe
from core.tuning.register import register
from core.tuning.state import State, Store, Tuning, read_tuning, store_of
from core.tuning.together_remote import CREDIT, UNCLEAR, Remote

T = TypeVar("T")
Json = dict[str, Any]

NANOS = 1e9
CLOCKS_DIFFER_S = 600.0
FAILED = frozenset({"error", "user_error", "failed"})
LABELS: dict[str, str] = {
    "validated": "Asking what the model takes",
    "checked": "Uploading",
    "uploaded": "Together checks the file",
    "processed": "Asking for the price",
    "priced": "Waiting for your yes",
    "confirmed": "Starting the job",
    "created": "Training at Together",
    "trained": "Downloading the adapter",
    "downloaded": "Registering the adapter",
}
LINE = re.compile(r"\bline\s+(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Patience:
    """How often Together is asked, how long trouble is borne; tests give a `sleep` that returns at once."""

    sleep: Callable[[float], None] = time.sleep
    poll_s: float = 10.0
    processing_polls: int = 2_000
    lookups: int = 6
    tries: int = 5
    outage_polls: int = 720


@dataclass(frozen=True, slots=True)
class Consent:
    """What may be spent without asking: up to `budget_usd`, anything with `yes`, else `ask` is asked."""

    budget_usd: float | None = None
    yes: bool = False
    ask: Callable[[str], bool] | None = None


def _silent(text: str) -> None:
    return None


@dataclass(slots=True)
class Trainer:
    """Drives one tuning until it ends, waits for a yes, or cannot go on. Hold `store.locked()`."""

    tuning: Tuning
    store: Store
    remote: Remote
    settings: Settings
    consent: Consent = field(default_factory=Consent)
    patience: Patience = field(default_factory=Patience)
    say: Callable[[str], None] = _silent
    reporter: ProgressReporter = field(default_factory=lambda: ProgressReporter(None))

    def run(self) -> Tuning:
        """The tuning when it ended, or when it waits for somebody to agree to its price.

        Raises CoreError in words; the state on disk is the one to go on from.
        """
        while not self.tuning.ended:
            if self.is_to_end():
                break
            before = self.tuning.state
            self.reporter.update(stage=LABELS[before], note="", done=0, planned=0, figures={})
            try:
                STEPS[before](self)
            except CoreError as error:
                self._remember(error)
                raise
            if self.tuning.state == before and not self.store.cancel_wished:
                break
        self.reporter.flush()
        return self.tuning

    def _remember(self, error: CoreError) -> None:
        """Keep the last trouble where pages find it."""
        self.tuning.error = redact(str(error), self.settings.secrets())
        self.store.save(self.tuning)
        self.store.note("trouble", self.tuning.error)

    def is_to_end(self) -> bool:
        """End a tuning whose job was never asked for, when somebody wished that."""
        if not self.store.cancel_wished or self.tuning.create_sent_at or self.tuning.job_id:
            return False
        self.step("cancelled", "cancelled before a job was made: nothing was spent")
        return True

    def step(self, state: State, message: str, **more: Any) -> None:
        """Go on to a state, on disk before this returns, and say so."""
        self.tuning.state, self.tuning.error = state, ""
        self.store.save(self.tuning)
        self.store.note("step", message, state=state, **more)
        self.say(message)

    def again(self, ask: Callable[[], T]) -> T:
        """What `ask` returns, asked again a few times over short troubles. Only for harmless calls."""
        for attempt in range(1, self.patience.tries + 1):
            try:
                return ask()
            except EngineError as error:
                if not error.transient or attempt == self.patience.tries:
                    raise
                self.patience.sleep(self.patience.poll_s * min(attempt, 6))
        raise AssertionError("unreachable")

    def order(self) -> Json:
        """The job as it is asked for, in the SDK's words; no key is in it."""
        tuning, recipe = self.tuning, read_recipe(self.tuning.recipe)
        order: Json = {
            "training_file": tuning.file_id,
            "validation_file": tuning.validation_file_id or "",
            "training_method": tuning.kind,
            "n_epochs": recipe.n_epochs,
            "n_checkpoints": recipe.n_checkpoints,
            "n_evals": recipe.n_evals,
            "batch_size": recipe.batch_size,
            "learning_rate": recipe.learning_rate,
            "lr_scheduler_type": "cosine",
            "min_lr_ratio": recipe.min_lr_ratio,
            "warmup_ratio": recipe.warmup_ratio,
            "max_seq_length": recipe.max_seq_length,
            "packing": recipe.packing,
            "random_seed": recipe.random_seed,
            "suffix": tuning.tag,
            "model_limits": tuning.limits or {},
        }
        return order | self._start() | self._method(recipe)

    def _start(self) -> Json:
        """Where the job begins: at a base with its kind of training, or at an earlier job with both."""
        if self.tuning.from_checkpoint:
            return {"from_checkpoint": self.tuning.from_checkpoint}
        recipe = read_recipe(self.tuning.recipe)
        begun: Json = {"model": self.tuning.model, "lora": not recipe.full}
        if recipe.full:
            return begun
        names = ("lora_r", "lora_alpha", "lora_dropout", "lora_trainable_modules")
        return begun | {name: getattr(recipe, name) for name in names}

    def _method(self, recipe: Any) -> Json:
        names = (
            ("dpo_beta", "rpo_alpha", "simpo_gamma") if self.tuning.kind == "dpo" else ("train_on_inputs",)
        )
        chosen = {name: getattr(recipe, name) for name in names if getattr(recipe, name) is not None}
        if self.tuning.kind == "dpo":
            chosen["dpo_normalize_logratios_by_length"] = recipe.dpo_normalize_logratios_by_length
        return chosen


# ---- the steps, each from one state to the next


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
    found = trainer.again(lambda: trainer.remote.estimate(trainer.order()))
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
    return f"This training costs {_usd(tuning.price_usd)}{have}: no job was made. {CREDIT}"


def price_words(tuning: Tuning) -> str:
    """The price and what it is for, in words."""
    if tuning.price_usd is None:
        return "Together did not say what this costs"
    tokens = f" for {tuning.price_tokens:,} tokens" if tuning.price_tokens else ""
    return f"Together estimates {_usd(tuning.price_usd)}{tokens}"


def _usd(amount: float | None) -> str:
    return "an unknown amount" if amount is None else f"${amount:.2f}"


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
    trainer.step("confirmed", f"agreed to {_usd(price)}")


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
        job = trainer.remote.create(trainer.order() | _wandb(tuning, trainer.settings))
    except EngineError as error:
        _after_trouble(trainer, error)
        return
    # Anything else that ends this, such as Ctrl-C, leaves the mark: the next run looks first.
    _made(trainer, job, "made")


def _wandb(tuning: Tuning, settings: Settings) -> Json:
    """Metric logging, only where a person named a project; the key comes from the settings alone."""
    key: Secret | None = settings.token("WANDB_TOKEN") if tuning.wandb else None
    if key is None:
        return {}
    return {f"wandb_{name}": value for name, value in tuning.wandb.items()} | {
        "wandb_api_key": key.reveal()
    }


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
        jobs = [job for job in trainer.again(trainer.remote.jobs) if _is_ours(job, trainer.tuning)]
        if len(jobs) > 1:
            names = ", ".join(str(job.get("id")) for job in jobs)
            trainer.store.note("trouble", f"more than one job carries this tag: {names}")
        if jobs:
            _made(trainer, min(jobs, key=lambda job: str(job.get("created_at"))), "found")
            return True
        if attempt < tries:
            trainer.patience.sleep(trainer.patience.poll_s)
    return False


def _is_ours(job: Mapping[str, Any], tuning: Tuning) -> bool:
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
            job = _look(trainer)
            silent = 0
        except EngineError as error:
            silent += 1
            if not error.transient or silent > trainer.patience.outage_polls:
                raise
            trainer.reporter.update(note=f"{error} The job goes on at Together.")
            trainer.patience.sleep(trainer.patience.poll_s)
            continue
        if _settled(trainer, job):
            return
        trainer.patience.sleep(trainer.patience.poll_s)


def _look(trainer: Trainer) -> Json:
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


def _settled(trainer: Trainer, job: Mapping[str, Any]) -> bool:
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
        trainer.step("trained", f"job {tuning.job_id} is done ({_usd(tuning.cost_usd)})")
    return status in FAILED | {"cancelled", "completed"}


def _fail(trainer: Trainer, job: Mapping[str, Any]) -> None:
    events = [row for row in trainer.store.events() if row["kind"] == "together"]
    errors = [row for row in events if row.get("level") == "error" or "error" in str(row.get("type"))]
    limit = [row for row in events if row.get("type") == "billing_limit"]
    said = (errors or events or [{"message": "no reason given"}])[-1]["message"]
    cure = CREDIT if limit else "Mend what it names, then run the same command with --again for a new job."
    trainer.step("failed", f"job {trainer.tuning.job_id} failed: {said}")
    raise EngineError(f"Together's job {trainer.tuning.job_id} failed: {said}. {cure}", kind="refused")


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
    return [str(job["id"]) for job in remote.jobs() if _is_ours(job, tuning)]


def settle(trainer: Trainer) -> Tuning:
    """One look at a tuning that is to end and that nobody drives: the state follows what is so already."""
    if not trainer.is_to_end() and trainer.tuning.state == "created":
        job = _look(trainer)
        if str(job.get("status")) in FAILED | {"cancelled", "completed"}:
            _settled(trainer, job)
    return trainer.tuning


def setting_words(tuning: Tuning) -> list[str]:
    """The recipe a line a number, by its flag, as it will be sent; what is off is left out."""
    hidden = {"own", "packing", *(INHERITED if tuning.from_checkpoint else ())}
    if tuning.recipe.get("full"):
        hidden |= {name for name in INHERITED if name.startswith("lora_")}
    shown = {name: value for name, value in tuning.recipe.items() if name not in hidden}
    spelled = {"random_seed": "seed"}
    return [
        flag(spelled.get(name, name)) + ("" if value is True else f" {value}")
        for name, value in sorted(shown.items())
        if value is not None and value is not False
    ]
