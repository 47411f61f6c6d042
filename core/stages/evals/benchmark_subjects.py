"""Whom lm-eval measures, in its own words: an endpoint that it asks, or weights that it loads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.embedded.adapters import WEIGHTS, Wearing, file_sha256, find_adapter
from core.embedded.catalogue import MODELS
from core.engines.opening import provider_endpoint
from core.errors import SettingsError
from core.evaluation.benchmarks import PATHS, Api, Benchmark, Subject
from core.evaluation.results import BASE, TUNED
from core.names import ALIASES, ModelName
from core.settings import Secret, Settings
from core.stages.evals.speakers import Cast, check_tuned, own_adapter
from core.stages.self_engine import NONE

AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class BenchmarkJob:
    """What is measured of whom, and how lm-eval reaches them."""

    cast: Cast
    benchmark: Benchmark
    api: Api = "chat"
    tokenizer: str | None = None


def labels_of(cast: Cast) -> list[str]:
    """Who is measured: the model before training, where it is a control, and after."""
    found = [BASE] if BASE in cast.controls else []
    return found if cast.adapters == (NONE,) and cast.tuned is None else [*found, TUNED]


def subject_of(
    job: BenchmarkJob, label: str, settings: Settings, character: str, *, start: bool = True
) -> tuple[Subject, Secret | None]:
    """A speaker in lm-eval's words, and the key of its endpoint. Raises SettingsError, ModelError."""
    _require_one(job.cast)
    if job.api == "hf":
        return _weights(job.cast, label, settings, character), None
    if job.cast.model.provider == "local" and not (label == TUNED and job.cast.tuned):
        return _embedded(job, label, settings, character, start=start), None
    model = _model(job.cast, label)
    base_url, secret = _address(model, settings)
    return Subject(label, job.api, _args(job, model.model, base_url)), secret


def _require_one(cast: Cast) -> None:
    check_tuned(cast)
    if len(cast.adapters) > 1 or len(cast.strengths) > 1:
        raise SettingsError(
            "lm-eval measures one tuned model a run: give one --adapter and one --strength."
        )


def _model(cast: Cast, label: str) -> ModelName:
    if label == BASE:
        return cast.model
    if cast.tuned is not None:
        return cast.tuned
    if not cast.adapters:
        raise SettingsError("Name the tuned model: --tuned MODEL, or --adapter NAME on a vLLM server.")
    return ModelName(cast.model.provider, cast.adapters[0], cast.model.address)


def _address(model: ModelName, settings: Settings) -> tuple[str, Secret | None]:
    if model.address:
        return model.address, None
    if model.provider == "vllm":
        from core.serving import find_vllm

        if found := find_vllm(settings, model.model):
            return found.base_url, None
    if model.provider == "fake":
        raise SettingsError("The fake engine has no address that lm-eval could ask.")
    endpoint = provider_endpoint(model.provider, settings)
    return endpoint.base_url, endpoint.secret


def _args(job: BenchmarkJob, model: str, base_url: str) -> dict[str, Any]:
    url = base_url.rstrip("/") + PATHS[job.api]
    args: dict[str, Any] = {"model": model, "base_url": url, "num_concurrent": AT_ONCE, "max_retries": 5}
    tokenizer = job.tokenizer or _own_tokenizer(job)
    if tokenizer:
        return args | {"tokenizer": tokenizer, "tokenizer_backend": "huggingface"}
    # Chat needs no tokenizer, and none is fetched; completions ask the server for its own.
    return args | ({"tokenizer_backend": "none"} if job.api == "chat" else {})


def _own_tokenizer(job: BenchmarkJob) -> str | None:
    """On a vLLM server adapters have names of their own; their tokenizer is the model's below them."""
    served = job.api == "completions" and job.cast.model.provider == "vllm"
    return job.cast.model.model if served else None


def _embedded(job: BenchmarkJob, label: str, settings: Settings, character: str, *, start: bool) -> Subject:
    """The embedded model's server, its adapter and strength in every request."""
    if job.api != "chat":
        raise SettingsError("The embedded model is asked with --api chat, or its weights with --api hf.")
    worn = None if label == BASE else _worn(job.cast, settings, character)
    base_url = "http://127.0.0.1:PORT/v1"
    if start:
        from core.embedded.server import ensure_server

        base_url = ensure_server(
            settings, job.cast.model.model, adapter=worn.adapter if worn else None
        ).base_url
    extra = worn.as_body() if worn else {}
    return Subject(label, "chat", _args(job, job.cast.model.model, base_url), extra)


def worn_by(cast: Cast, settings: Settings, character: str) -> Wearing | None:
    """The adapter of the embedded model that is measured, None where the tuned model is another kind."""
    is_embedded = cast.model.provider == "local" and cast.tuned is None and cast.adapters != (NONE,)
    return _worn(cast, settings, character) if is_embedded else None


def adapter_of(cast: Cast, settings: Settings, character: str) -> str | None:
    """What tells the measured adapter from one trained anew under its name; None if nothing does."""
    worn = worn_by(cast, settings, character)
    if worn is not None:
        return worn.adapter.sha256
    if cast.tuned is not None or not cast.adapters or cast.adapters == (NONE,):
        return None
    name = cast.adapters[0]
    weights = Path(name) / WEIGHTS
    if weights.is_file():
        return file_sha256(weights)
    if cast.model.provider != "vllm":
        return None
    from core.serving import find_vllm

    served = find_vllm(settings, name)
    return served.identity_of(name).adapter if served else None


def _worn(cast: Cast, settings: Settings, character: str) -> Wearing:
    if cast.model.model not in MODELS:
        raise SettingsError(f"There is no embedded model {cast.model.model!r}.")
    name = cast.adapters[0] if cast.adapters else own_adapter(settings, cast.model, character)
    return Wearing(find_adapter(settings, cast.model.model, name), cast.strengths[0])


def _weights(cast: Cast, label: str, settings: Settings, character: str) -> Subject:
    """Weights that lm-eval loads itself: a Hugging Face name or folder, and the adapter's folder."""
    alias = ALIASES.get(cast.model.model)
    plain = alias.hugging_face if alias else cast.model.model
    args: dict[str, Any] = {"pretrained": plain, "dtype": "auto"}
    if label == BASE:
        return Subject(label, "hf", args)
    if cast.tuned is not None:
        return Subject(label, "hf", args | {"pretrained": cast.tuned.model})
    if cast.strengths[0] != 1:
        raise SettingsError("With --api hf an adapter is worn at strength 1; leave out --strength.")
    if cast.model.provider == "local":
        return Subject(label, "hf", args | {"peft": str(_worn(cast, settings, character).adapter.folder)})
    if not cast.adapters:
        raise SettingsError("Name the adapter's folder: --adapter FOLDER.")
    return Subject(label, "hf", args | {"peft": cast.adapters[0]})
