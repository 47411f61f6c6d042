"""Who speaks in `reflect` and `interact`: the student, with DPO's adapter where there is one."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.constitution import Constitution
from core.embedded.adapters import Wearing, find_adapter
from core.embedded.catalogue import MODELS
from core.engines import Engine
from core.engines.opening import open_engine
from core.errors import SettingsError
from core.names import ModelName, assistant_name
from core.records import Sampling
from core.serving import find_vllm
from core.settings import Settings
from core.stages.defaults import LOCAL_MAX_TOKENS
from core.stages.reflection import SelfJob

CONTEXT = 8192
# What asks for the plain model although there is an adapter.
NONE = "none"


@dataclass(frozen=True, slots=True)
class SelfWishes:
    """What a person asked for; None where the default should decide. `longest` is the verb's own limit."""

    longest: int
    count: int = 1000
    temperature: float = 0.7
    top_p: float = 0.95
    max_tokens: int | None = None
    seed: int = 0
    assistant_name: str | None = None
    concurrency: int | None = None
    fixed_concurrency: bool = False


def self_job(model: ModelName, wishes: SelfWishes, constitution: Constitution) -> SelfJob:
    """The job that a person's wishes make; the name is the character file's, else the model family's."""
    local = model.provider == "local"
    sampling = Sampling(
        wishes.temperature,
        wishes.top_p,
        wishes.max_tokens or (min(LOCAL_MAX_TOKENS, wishes.longest) if local else wishes.longest),
        1.1 if model.provider in ("local", "vllm") else None,
        wishes.seed,
    )
    return SelfJob(
        model,
        model.slug,
        wishes.assistant_name or constitution.assistant_name or assistant_name(model.model),
        sampling,
        wishes.count,
        wishes.concurrency,
        wishes.fixed_concurrency,
    )


def context_of(model: ModelName, wished: int | None) -> int:
    """How many tokens a prompt and its answer may take together."""
    if wished or model.provider != "local" or model.model not in MODELS:
        return wished or CONTEXT
    return MODELS[model.model].slot_context


def self_engine(
    model: ModelName, adapter: str | None, settings: Settings, character: str | None = None
) -> Engine:
    """The engine that speaks: with the adapter asked for, else with the character's own from DPO.

    The embedded model loads a folder's or a name's adapter; elsewhere it is a served name, and "none"
    asks for the plain model. Raises SettingsError where the model's provider serves no adapters, or not
    this one, ModelError for one that cannot be loaded.
    """
    if model.provider == "local" and model.model in MODELS:
        worn = _embedded_adapter(model, adapter, settings, character)
        return open_engine(model, settings, wearing=worn)
    if adapter in (None, NONE):
        return open_engine(model, settings)
    if model.provider not in ("vllm", "http"):
        raise SettingsError(
            f"{model.full} is not served with adapters here; serve it beside the studio: "
            f"character serve vllm --model {model.slug} --adapter {adapter}=FOLDER, then --model vllm/…"
        )
    engine = open_engine(replace(model, model=adapter), settings)
    if model.provider == "vllm":
        _refuse_others(model, adapter, engine, settings)
    return engine


def _embedded_adapter(
    model: ModelName, adapter: str | None, settings: Settings, character: str | None
) -> Wearing | None:
    """The adapter to load: as asked, else what DPO made of this character, if it ever ran."""
    if adapter == NONE:
        return None
    if adapter is not None:
        return Wearing(find_adapter(settings, model.model, adapter))
    own = settings.lora_path / f"{model.slug}-dpo" / (character or "") / "adapter"
    if not character or not own.is_dir():
        return None
    return Wearing(find_adapter(settings, model.model, own))


def _refuse_others(model: ModelName, adapter: str, engine: Engine, settings: Settings) -> None:
    """Raises SettingsError unless a server of ours has this adapter, on this model."""
    if engine.identity.adapter is None:
        raise SettingsError(
            f"No vLLM server of this studio serves the adapter {adapter!r}. Start one: "
            f"character serve vllm --model {model.model} --adapter {adapter}=FOLDER"
        )
    served = find_vllm(settings, adapter)
    if served is not None and not served.serves(model.model):
        raise SettingsError(
            f"The adapter {adapter!r} is served on {served.names[0]}, not on {model.model}; "
            f"write --model vllm/{served.names[0]}, or serve it on the other model."
        )


def who_speaks(model: ModelName, adapter: str | None, engine: Engine) -> str:
    """Says which model speaks, and that it is the plain one where no adapter is known to be loaded."""
    if engine.identity.adapter is not None:
        return f"{engine.name} speaks, with the adapter {engine.identity.adapter[:12]} loaded."
    if adapter not in (None, NONE):
        return (
            f"Note: {model.full} is asked for {adapter!r}; whether that adapter is loaded, nobody can tell."
        )
    return (
        f"Note: {model.full} is the plain model, not one trained by DPO: no adapter is loaded. What it "
        "says is the system prompt's character, not its own. Train with DPO first, then add --adapter NAME."
    )
