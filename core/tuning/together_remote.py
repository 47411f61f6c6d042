"""Together, one attempt a call: every failure becomes an EngineError in words.

The SDK is imported where it is used. Its own retries are off, because it would ask for a job twice; and
its addresses end without /v1, while ours end with it. The key is sent to the origin that it belongs to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from json import JSONDecodeError
from pathlib import Path
from typing import Any, TypeVar, cast

from core.engines.failures import STOPS_JOB, kind_of_status, message_in
from core.errors import EngineError, SettingsError
from core.names import PROVIDERS
from core.settings import Secret, Settings, origin_of, redact

T = TypeVar("T")
Json = dict[str, Any]

TIMEOUT_S = 60.0
CREATE_TIMEOUT_S = 120.0
# Long uploads make progress piece by piece; this is the longest wait for one of them.
UPLOAD_TIMEOUT_S = 600.0
NOT_SENT = "unreachable"
UNCLEAR = frozenset({"timeout", "connection", "transient", "unreadable"})
CREDIT = (
    "Add credit at Together (Settings, Billing), then run the same command again: nothing is sent twice."
)


def together_root(settings: Settings) -> str:
    """Together's address without /v1, as its SDK wants it. Raises SettingsError."""
    address = settings.base_url("together").rstrip("/").removesuffix("/v1").rstrip("/")
    origin_of(address)
    return address


def together_key(settings: Settings) -> Secret:
    """Together's key. Raises SettingsError where there is none."""
    stored = settings.key("together")
    if stored is None:
        raise SettingsError(
            "Training on Together needs its key: save TOGETHER_API_KEY under Engines and keys or in .env."
        )
    return stored.secret


class Remote:
    """Together's files and fine-tuning jobs. Every call is one attempt and raises EngineError."""

    def __init__(
        self,
        settings: Settings,
        *,
        timeout_s: float = TIMEOUT_S,
        create_timeout_s: float = CREATE_TIMEOUT_S,
    ) -> None:
        """Raises SettingsError without a key, with a wrong address, or where the SDK is not installed."""
        self.root = together_root(settings)
        self.key = together_key(settings)
        self._secrets = settings.secrets()
        self._client = _client(self.root, self.key, timeout_s)
        self._create_timeout_s = create_timeout_s

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def upload(self, path: Path, report: Callable[[int, int], None]) -> str:
        """The id of the uploaded file; one with the same content that is there already serves as well."""

        def progress(event: Any) -> None:
            report(event.uploaded_bytes, event.total_bytes)

        client = _plain(self._client.with_options(timeout=UPLOAD_TIMEOUT_S))
        found = self._call(
            "the upload", lambda: client.files.upload(path, purpose="fine-tune", progress_callback=progress)
        )
        return str(found.id)

    def file(self, file_id: str) -> Json:
        """What Together says of a file: `processing_status`, and `validation_report` after a check."""
        return self._json("the file", lambda: self._client.files.retrieve(file_id))

    def limits(self, model: str) -> Json:
        """What the model takes: ranks, batches, lengths, learning rates."""
        return self._json("model", lambda: self._client.fine_tuning.model_limits(model_name=model))

    def estimate(self, order: Mapping[str, Any]) -> Json:
        """The price of an order in dollars, and whether the account's balance allows it."""
        asked = self._request(order)
        return self._json("the price", lambda: self._client.fine_tuning.estimate_price(**asked))

    def _request(self, order: Mapping[str, Any]) -> Json:
        """An order as the price endpoint wants it, made by the SDK's own code: both mean the same."""
        from together.lib.resources.fine_tuning import create_finetune_request

        request, training, method = self._call(
            "the settings",
            lambda: create_finetune_request(**_with_limits(order)),
        )
        asked: Json = {
            "training_file": order["training_file"],
            "n_epochs": request.n_epochs,
            "n_evals": request.n_evals or 0,
            "model": order.get("model") or "",
            "training_method": method,
            "training_type": training,
        }
        optional = ("from_checkpoint", "validation_file")
        return asked | {name: order[name] for name in optional if order.get(name)}

    def create(self, order: Mapping[str, Any]) -> Json:
        """The job that was made. An EngineError of a kind in `UNCLEAR` leaves open whether there is one."""
        client = _plain(self._client.with_options(timeout=self._create_timeout_s, max_retries=0))
        return self._json("the job", lambda: client.fine_tuning.create(**_with_limits(order)))

    def jobs(self) -> list[Json]:
        """Every job of the account that Together lists."""
        found = self._json("the list of jobs", self._client.fine_tuning.list)
        return [cast(Json, entry) for entry in found.get("data") or []]

    def job(self, job_id: str) -> Json:
        """One job as it is now."""
        return self._json("the job", lambda: self._client.fine_tuning.retrieve(job_id))

    def events(self, job_id: str) -> list[Json]:
        """What Together reports of a job, oldest first."""
        found = self._json("the events", lambda: self._client.fine_tuning.list_events(job_id))
        return sorted(found.get("data") or [], key=lambda event: str(event.get("created_at")))

    def metrics(self, job_id: str, since_step: int) -> list[Json]:
        """Points of the training curves from a step on."""
        found = self._json(
            "the curves",
            lambda: self._client.fine_tuning.list_metrics(job_id, global_step_from=since_step),
        )
        return list(found.get("metrics") or [])

    def cancel(self, job_id: str) -> None:
        """Ask Together to end a job."""
        self._call("the job", lambda: self._client.fine_tuning.cancel(job_id))

    def _json(self, what: str, ask: Callable[[], Any]) -> Json:
        answer = self._call(what, ask)
        if not hasattr(answer, "model_dump"):
            raise _error("unreadable", f"{self._who()} answers, but not what was asked; check the address.")
        return answer.model_dump(mode="json", by_alias=True, warnings=False)

    def _call(self, what: str, ask: Callable[[], T]) -> T:
        """What `ask` returns; everything the SDK raises in words."""
        import httpx
        import together

        try:
            return ask()
        except together.APIStatusError as error:
            raise self._refused(what, error) from None
        except together.APITimeoutError:
            raise _error("timeout", f"{self._who()} did not answer in time; run again.") from None
        except together.APIConnectionError as error:
            raise self._unreached(error.__cause__) from None
        except httpx.HTTPError as error:
            raise self._unreached(error) from None
        except (together.TogetherError, JSONDecodeError, TypeError, LookupError, AttributeError) as error:
            reason = type(error).__name__
            raise _error("unreadable", f"{self._who()} answers in an unknown form ({reason}).") from None
        except ValueError as error:
            raise SettingsError(
                redact(f"Together's own check refuses this: {error}", self._secrets)
            ) from None

    def _who(self) -> str:
        return f"Together ({origin_of(self.root)})"

    def _unreached(self, cause: BaseException | None) -> EngineError:
        """A request that certainly was not sent, or one that broke on the way."""
        import httpx

        if isinstance(cause, httpx.ConnectError | httpx.ConnectTimeout):
            message = f"{self._who()} cannot be reached; check the internet connection, then run again."
            return _error(NOT_SENT, message)
        return _error("connection", f"The connection to {self._who()} broke; run again to go on.")

    def _refused(self, what: str, error: Any) -> EngineError:
        """A status that is no success. The SDK's own text is not used: it calls a wrong key a trial."""
        status = int(error.status_code)
        kind = kind_of_status(status, retry_after=False)
        said = redact(_said(error), self._secrets)
        if _is_about_money(said):
            kind = "credit"
        return _error(kind, _refusal(kind, what, status, said), status)


def _client(root: str, key: Secret, timeout_s: float) -> Any:
    try:
        from together import Together
    except ImportError:
        raise SettingsError(
            'Training on Together needs its package: pip install "character-studio[together]"'
        ) from None
    return _plain(Together(api_key=key.reveal(), base_url=root, timeout=timeout_s, max_retries=0))


def _plain(client: Any) -> Any:
    """The client without TOGETHER_CUSTOM_HEADERS, which could carry another service's secret."""
    client._custom_headers = {}
    return client


def _with_limits(order: Mapping[str, Any]) -> Json:
    """An order with its limits as the SDK's own type: given, they are not asked for again."""
    from together.types.finetune_model_limits import FinetuneModelLimits

    return {**order, "model_limits": FinetuneModelLimits.construct(**order["model_limits"])}


def _said(error: Any) -> str:
    """What the server itself said, shortened; "" when it gave no reason."""
    body = getattr(error, "body", None)
    with suppress(Exception):
        body = error.response.json()
    text = message_in(body) if not isinstance(body, str) else body
    return " ".join(text.split())[:300]


def _is_about_money(said: str) -> bool:
    words = ("insufficient", "balance", "credit limit", "billing", "funds")
    return any(word in said.casefold() for word in words)


def _refusal(kind: str, what: str, status: int, said: str) -> str:
    because = f" It says: {said}" if said else ""
    label = PROVIDERS["together"].label
    texts = {
        "key": f"{label} does not accept this key; save it anew under Engines and keys, then run again.",
        "credit": f"{label} refuses for lack of credit. {CREDIT}",
        "forbidden": f"{label} does not allow this key to do that; check its permissions.",
        "rate_limited": f"{label} is asked too much at once; run again in a minute.",
        "redirect": f"{label} sends us to another address; use that one instead.",
        "transient": f"{label} has trouble (HTTP {status}); run again in a minute.",
    }
    if kind == "model":
        text = (
            f"{label} does not know that model as one to train; choose one of its list with --model."
            if what == "model"
            else f"{label} does not know {what} any more."
        )
    else:
        text = texts.get(kind, f"{label} refuses {what} (HTTP {status}).")
    return text + because


def _error(kind: str, message: str, status: int | None = None) -> EngineError:
    return EngineError(
        message,
        kind=kind,
        stops_job=kind in STOPS_JOB or kind == "refused",
        status=status,
        transient=kind in UNCLEAR or kind in (NOT_SENT, "rate_limited"),
        maybe_billed=kind in UNCLEAR,
    )
