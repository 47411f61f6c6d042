"""`character serve together` and its end: a tuned model that answers at Together for a limited time."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import click

from core.cli.options import data_option, json_option
from core.cli.output import Result, finish, say, whisper
from core.errors import EngineError
from core.formats import Kind
from core.jobs import ProgressReporter
from core.settings import Settings, load_settings
from core.tuning.endpoints.choice import choose, finished_tuning, refusal
from core.tuning.endpoints.offer import IDLE_MINUTES, Offer, price_words
from core.tuning.endpoints.remote import EndpointRemote
from core.tuning.endpoints.state import Serving, Shelf, new_serving, servings
from core.tuning.endpoints.stopping import Pace, bring_down, forgotten, named, stop_left_behind
from core.tuning.endpoints.supervise import Supervisor
from core.tuning.state import TUNING_ID, Tuning, store_of
from core.tuning.together.trainer import Consent

VERB = "serve together"
MOST_MINUTES = 1440
# What Together answers to a model that it does not deploy.
NOT_DEPLOYED = frozenset({400, 404, 422})
# How long `serve stop` waits for the process that looks after the endpoint to end it.
SUPERVISOR_LIMIT_S = 120.0


@click.command("together")
@click.option("--tuning", "tuning_id", metavar="ID", help="A training of `character train list`.")
@click.option("--constitution", help="The character, in place of --tuning: its newest finished training.")
@click.option("--student", help="The model that was trained, as qwen-2.5-7b-it.")
@click.option("--stage", type=click.Choice(["dpo", "sft"]), help="[the newest]")
@click.option(
    "--minutes",
    type=click.FloatRange(1, MOST_MINUTES),
    default=60.0,
    show_default=True,
    help="Stop it after so long.",
)
@click.option(
    "--budget", type=click.FloatRange(min=0), metavar="USD", help="Start without asking up to this price."
)
@click.option("--yes", is_flag=True, help="Start whatever it costs.")
@click.option("--poll", type=click.FloatRange(min=0), default=10.0, hidden=True)
@click.option("--dry-run", is_flag=True, help="Show hardware and price; make nothing.")
@data_option
@json_option
def serve_together(
    tuning_id: str | None,
    constitution: str | None,
    student: str | None,
    stage: Kind | None,
    minutes: float,
    budget: float | None,
    yes: bool,
    poll: float,
    dry_run: bool,
    data: Path | None,
    as_json: bool,
) -> None:
    """Serve a tuned model at Together, paid by the minute, until the time is over or Ctrl-C."""
    if (tuning_id is None) == (constitution is None):
        raise click.UsageError("Give one of --tuning ID and --constitution NAME.")
    settings = load_settings(data=data)
    tuning = finished_tuning(settings, tuning_id, constitution, student, stage)
    consent = _consent(budget, yes)
    result = _serve(tuning, settings, consent, minutes, Pace(poll_s=poll), dry_run)
    finish(result, as_json=as_json)


def _consent(budget: float | None, yes: bool) -> Consent:
    def ask(question: str) -> bool:
        return click.confirm(question, default=False, err=True)

    at_a_terminal = sys.stdin is not None and sys.stdin.isatty()
    return Consent(budget, yes, ask if at_a_terminal else None)


def _serve(
    tuning: Tuning, settings: Settings, consent: Consent, minutes: float, pace: Pace, dry_run: bool
) -> Result:
    """Price, yes, serve; what became of it."""
    if other := _served_already(settings, tuning):
        does = "answers" if other.ready_at else "is being started"
        say(f"{other.label} {does} already, until {_end(other)}.")
        return Result(VERB, more=_facts(other))
    remote = EndpointRemote(settings)
    try:
        if not dry_run:
            stop_left_behind(settings, remote, pace, _tell)
        choice = choose(tuning, remote)
        best = choice.offers[0]
        _say_offers(tuning, choice.offers, minutes)
        if dry_run or not _agrees(consent, best, minutes):
            return _not_started(tuning, best, minutes, dry_run)
        serving = new_serving(tuning, remote.project, choice.model, best, minutes, pace.clock())
        return _supervise(serving, Shelf(settings, tuning.id), remote, pace)
    except EngineError as error:
        if error.status not in NOT_DEPLOYED:
            raise
        raise refusal(tuning, f"it refuses ({str(error).rstrip('.')})") from error
    finally:
        remote.close()


def _served_already(settings: Settings, tuning: Tuning) -> Serving | None:
    found = (serving for _, serving in servings(settings) if serving.tuning == tuning.id)
    return next((one for one in found if one.is_supervised()), None)


def _say_offers(tuning: Tuning, offers: list[Offer], minutes: float) -> None:
    best, *others = offers
    say(f"{tuning.model}, trained as {tuning.tag}: {price_words(best, minutes)}")
    for other in others:
        whisper(f"  also possible: {price_words(other, minutes)}")
    if not best.has_room:
        say("Together says that this hardware is taken just now; starting may fail, or take long.")
    say(f"Together itself stops it after {IDLE_MINUTES} minutes without a request.")


def _agrees(consent: Consent, offer: Offer, minutes: float) -> bool:
    """Whether the price is within the limit, or somebody says yes."""
    price = offer.usd_for(minutes)
    if consent.yes or (
        consent.budget_usd is not None and price is not None and price <= consent.budget_usd
    ):
        return True
    return bool(consent.ask and consent.ask(f"{price_words(offer, minutes)}. Start it?"))


def _not_started(tuning: Tuning, offer: Offer, minutes: float, dry_run: bool) -> Result:
    price = offer.usd_for(minutes)
    if not dry_run:
        needed = "--yes" if price is None else f"--budget {price:.2f} or --yes"
        say(f"Nothing is started yet. To start it, run the same command with {needed}.")
    more = {"tuning": tuning.id, "hardware": offer.hardware, "minutes": minutes, "price_usd": price}
    more["usd_per_minute"] = offer.usd_per_minute
    return Result(VERB, status="done" if dry_run else "incomplete", planned=1, more=more)


def _supervise(serving: Serving, shelf: Shelf, remote: EndpointRemote, pace: Pace) -> Result:
    reporter, started = ProgressReporter.from_environment(), time.monotonic()

    def on_ready(ready: Serving) -> None:
        _tell(f"{ready.label} answers until {_end(ready)}; Ctrl-C ends it sooner.")
        _tell(f"Use it in every verb, as in: character chat --model {ready.label}")
        reporter.flush()

    status, why = "done", "Ctrl-C ended it."
    with shelf.locked(), _hanging_up_is_ctrl_c():
        try:
            why = Supervisor(serving, shelf, remote, on_ready, pace, _tell, reporter).run()
        except KeyboardInterrupt:
            status = "interrupted"
    cost, seconds = serving.cost_usd(pace.clock()), time.monotonic() - started
    _tell(f"{why} About ${cost:.2f} were spent.")
    return Result(
        VERB, status=status, planned=1, done=1, cost_usd=cost, seconds=seconds, more=_facts(serving)
    )


def _tell(text: str) -> None:
    """Say it where somebody still listens: a closed terminal must not keep an endpoint running."""
    with suppress(OSError):
        say(text)


@contextmanager
def _hanging_up_is_ctrl_c() -> Generator[None]:
    """A terminal that closes ends the endpoint too, except under nohup."""

    def end(number: int, frame: FrameType | None) -> None:
        signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGHUP)
    if before is signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGHUP, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


def _end(serving: Serving) -> str:
    return time.strftime("%H:%M", time.localtime(serving.ends_at))


def _facts(serving: Serving) -> dict[str, object]:
    return {
        "tuning": serving.tuning,
        "model": serving.label,
        "hardware": serving.hardware,
        "minutes": serving.minutes,
        "ready_at": serving.ready_at,
    }


# ---- its end


def is_at_together(settings: Settings, name: str) -> bool:
    """Whether `serve stop NAME` means an endpoint at Together, by name, by training, or by --model."""
    if name.startswith("vllm/"):
        return False
    return name.startswith("together/") or named(settings, name) is not None or _is_tuning(settings, name)


def _is_tuning(settings: Settings, name: str) -> bool:
    return TUNING_ID.fullmatch(name) is not None and store_of(settings, name).folder.is_dir()


def stop_at_together(settings: Settings, name: str, pace: Pace | None = None) -> bool:
    """Stop an endpoint and see that it stopped; false where there is no such endpoint.

    Raises JobError, with what to do, where it was not seen to stop.
    """
    pace, found = pace or Pace(poll_s=2.0, stop_polls=150), named(settings, name)
    if found is None and not _is_tuning(settings, name):
        return False
    if found and found[1].is_supervised():
        found[1].end_supervisor(SUPERVISOR_LIMIT_S)
    remote = EndpointRemote(settings)
    try:
        shelf, serving = found or forgotten(settings, name, remote)
        with shelf.locked(timeout=10.0):
            # Its own process has probably ended it by now, and cleared the file.
            left = shelf.read() if found else serving
            if left:
                bring_down(left, shelf, remote, pace, whisper)
    finally:
        remote.close()
    return True
