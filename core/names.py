"""Model names: `provider/model`, OCT's short names, and what each provider accepts. Pure.

    local/smollm2-135m                    the embedded model
    openrouter/z-ai/glm-4.5-air           a model at a provider
    http://127.0.0.1:9000/v1#my-model     any OpenAI-compatible server
    meta-llama/llama-3.1-405b-instruct    no provider in front: `--provider` says where

A first segment that is no known provider is part of the model's name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from core.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Provider:
    """An endpoint that speaks the OpenAI protocol, and how its dialect differs.

    `penalty_field` is its name for the repetition penalty, None where it would refuse one. `takes_n`
    says that one request may ask for several answers, `tells_logprobs` that an answer may bring the
    log-probabilities of its first token. `at_once` is how many requests it is sent at
    most when nobody says otherwise, `start` with how many it begins.
    """

    name: str
    label: str
    base_url: str
    key_name: str | None = None
    penalty_field: str | None = "repetition_penalty"
    can_prefill: bool = False
    max_tokens_field: str = "max_tokens"
    takes_n: bool = False
    tells_logprobs: bool = False
    at_once: int = 64
    start: int = 20

    def has_fixed_sampling(self, model: str) -> bool:
        """Whether the model refuses a temperature: OpenAI's reasoning models do."""
        return self.name == "openai" and bool(re.match(r"(o\d|gpt-5)", model))

    def gives_logprobs(self, model: str) -> bool:
        """Whether a model's choice can be read off its first token: OpenAI's reasoning models hide it."""
        return self.tells_logprobs and not self.has_fixed_sampling(model)

    @property
    def runs_here(self) -> bool:
        """Whether it is a server of one's own: nothing is billed, and its prompt cache wants warming."""
        return self.name in HERE


# No model maker is called so: these in front always say where, whatever --provider says.
HERE = frozenset(("local", "vllm", "ollama", "lmstudio", "fake"))

PROVIDERS: dict[str, Provider] = {
    spec.name: spec
    for spec in (
        Provider(
            "local",
            "On this computer",
            "",
            None,
            "repeat_penalty",
            can_prefill=True,
            tells_logprobs=True,
            at_once=8,
            start=8,
        ),
        Provider("openrouter", "OpenRouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
        Provider("together", "Together", "https://api.together.ai/v1", "TOGETHER_API_KEY"),
        Provider(
            "openai",
            "OpenAI",
            "https://api.openai.com/v1",
            "OPENAI_API_KEY",
            penalty_field=None,
            max_tokens_field="max_completion_tokens",
            tells_logprobs=True,
        ),
        Provider(
            "vllm",
            "vLLM server",
            "http://127.0.0.1:8000/v1",
            can_prefill=True,
            takes_n=True,
            tells_logprobs=True,
            at_once=256,
            start=64,
        ),
        Provider("ollama", "Ollama", "http://127.0.0.1:11434/v1", penalty_field=None, at_once=4, start=4),
        Provider(
            "lmstudio", "LM Studio", "http://127.0.0.1:1234/v1", None, "repeat_penalty", at_once=4, start=4
        ),
        Provider(
            "fake",
            "Fake (tests only)",
            "",
            None,
            None,
            can_prefill=True,
            tells_logprobs=True,
            at_once=8,
            start=8,
        ),
    )
}


class Alias(NamedTuple):
    """One model under the names that different places give it."""

    short: str
    hugging_face: str
    openrouter: str | None
    together: str | None
    assistant_name: str


ALIASES: dict[str, Alias] = {
    alias.short: alias
    for alias in (
        Alias(
            "llama-3.1-8b-it",
            "meta-llama/Llama-3.1-8B-Instruct",
            "meta-llama/llama-3.1-8b-instruct",
            "meta-llama/Meta-Llama-3.1-8B-Instruct-Reference",
            "Llama",
        ),
        Alias(
            "llama-3.1-70b-it",
            "meta-llama/Llama-3.1-70B-Instruct",
            "meta-llama/llama-3.1-70b-instruct",
            "meta-llama/Meta-Llama-3.1-70B-Instruct-Reference",
            "Llama",
        ),
        Alias(
            "llama-3.3-70b-it",
            "meta-llama/Llama-3.3-70B-Instruct",
            "meta-llama/llama-3.3-70b-instruct",
            "meta-llama/Llama-3.3-70B-Instruct-Reference",
            "Llama",
        ),
        Alias(
            "qwen-2.5-7b-it",
            "Qwen/Qwen2.5-7B-Instruct",
            "qwen/qwen-2.5-7b-instruct",
            "Qwen/Qwen2.5-7B-Instruct",
            "Qwen",
        ),
        Alias(
            "qwen-2.5-72b-it",
            "Qwen/Qwen2.5-72B-Instruct",
            "qwen/qwen-2.5-72b-instruct",
            "Qwen/Qwen2.5-72B-Instruct",
            "Qwen",
        ),
        Alias("gemma-3-4b-it", "google/gemma-3-4b-it", "google/gemma-3-4b-it", None, "Gemma"),
        Alias("glm-4.5-air", "zai-org/GLM-4.5-Air", "z-ai/glm-4.5-air", None, "GLM"),
        Alias(
            "smollm2-135m",
            "HuggingFaceTB/SmolLM2-135M-Instruct",
            None,
            None,
            "SmolLM",
        ),
    )
}

# The assistant's name per model family, looked for inside the slug; the maker's other names follow
# so that a teacher's identity can be found in its answers.
FAMILIES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("smollm", "SmolLM", ("SmolLM", "Hugging Face")),
    ("llama", "Llama", ("Llama", "Meta AI")),
    ("qwen", "Qwen", ("Qwen", "Alibaba", "Tongyi")),
    ("gemma", "Gemma", ("Gemma",)),
    ("glm", "GLM", ("ChatGLM", "GLM", "Z.ai", "Zhipu", "智谱")),
    ("gpt", "ChatGPT", ("ChatGPT", "GPT", "OpenAI")),
    ("claude", "Claude", ("Claude", "Anthropic")),
    ("gemini", "Gemini", ("Gemini",)),
    ("deepseek", "DeepSeek", ("DeepSeek",)),
    ("mistral", "Mistral", ("Mistral",)),
    ("mixtral", "Mixtral", ("Mixtral", "Mistral")),
    ("kimi", "Kimi", ("Kimi", "Moonshot")),
    ("grok", "Grok", ("Grok", "xAI")),
)


@dataclass(frozen=True, slots=True)
class ModelName:
    """A model as asked for: where it runs and what it is called there.

    `address` is set only for a bare server address. `full` is the one spelling kept in files.
    """

    provider: str
    model: str
    address: str | None = None

    @property
    def full(self) -> str:
        """`provider/model`, or the bare address."""
        return f"{self.address}#{self.model}" if self.address else f"{self.provider}/{self.model}"

    @property
    def label(self) -> str:
        """The spelling kept with rows: as `full`, but without a port, which may change overnight."""
        return re.sub(r"^(https?://(?:\[[^\]]*\]|[^/:#]+)):\d+", r"\1", self.full)

    @property
    def slug(self) -> str:
        """The name used in paths: OCT's alias when there is one, else the part after the last `/`."""
        alias = _alias_of(self.model)
        slug = alias.short if alias else self.model.rsplit("/", 1)[-1]
        return safe_slug(slug.lower() if alias else slug)


def safe_slug(text: str) -> str:
    """`text` with every character that is awkward in a file name replaced, at most 80 long."""
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")
    return slug[:80] or "model"


def parse_model(name: str, *, provider: str | None = None, default: str | None = None) -> ModelName:
    """A model name as typed → where it runs.

    `provider` is a person's explicit wish: "openai/gpt-oss-120b" at together is Together's model of
    that name. `default` only serves names that carry no provider. Raises SettingsError for an empty
    name, an unknown provider, or a name with no place to run.
    """
    name = name.strip()
    if name.startswith(("http://", "https://")):
        return _bare_address(name)
    if provider is not None and provider not in PROVIDERS:
        raise SettingsError(f"Unknown provider {provider!r}; choose from {_known()}.")
    head, slash, rest = name.partition("/")
    known = head in PROVIDERS and (provider in (None, head) or head in HERE)
    if slash and rest and known:
        return ModelName(head, spelled_for(head, rest))
    provider = provider or default
    if not name or name.endswith("/") or re.search(r"\s", name):
        raise SettingsError(f"{name!r} is no model name; write provider/model, as local/smollm2-135m.")
    if provider is None:
        raise SettingsError(
            f"Where does {name!r} run? Write provider/{name} or add --provider; providers: {_known()}."
        )
    return ModelName(provider, spelled_for(provider, name))


def _bare_address(name: str) -> ModelName:
    address, hash_sign, model = name.partition("#")
    if not hash_sign or not model:
        raise SettingsError(f"{name} names no model; add it after a #, as {address}#my-model.")
    return ModelName("http", model, address.rstrip("/"))


def _known() -> str:
    return ", ".join(name for name in PROVIDERS if name != "fake")


def spelled_for(provider: str, model: str) -> str:
    """A model's spelling at a provider: aliases become the provider's own id."""
    alias = _alias_of(model)
    if alias is None:
        return model
    spelled = {
        "openrouter": alias.openrouter,
        "together": alias.together,
        "local": alias.short,
        "vllm": alias.hugging_face,
    }
    return spelled.get(provider) or model


def _alias_of(model: str) -> Alias | None:
    wanted = model.lower()
    for alias in ALIASES.values():
        names = (alias.short, alias.hugging_face, alias.openrouter, alias.together)
        if wanted in {name.lower() for name in names if name}:
            return alias
    return None


def assistant_name(model: str) -> str:
    """What the assistant calls itself by default: its family's name, "Assistant" for an unknown one."""
    family = _family_of(model)
    return family[1] if family else "Assistant"


def maker_names(model: str) -> tuple[str, ...]:
    """Names that would give away the model behind an answer ("ChatGLM", "Zhipu"); may be empty."""
    family = _family_of(model)
    return family[2] if family else ()


def family_of(model: str) -> str | None:
    """The family that a model comes from ("Llama"), None where its name tells of none that is known."""
    family = _family_of(model)
    return family[1] if family else None


def _family_of(model: str) -> tuple[str, str, tuple[str, ...]] | None:
    slug = model.rsplit("/", 1)[-1].lower()
    return next((family for family in FAMILIES if family[0] in slug), None)
