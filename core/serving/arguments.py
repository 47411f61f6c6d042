"""The command line and the environment of `vllm serve`. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.environments import Environment
from core.errors import ModelError
from core.serving.adapters import Adapter, room_for
from core.serving.weights import Weights

HOST = "127.0.0.1"
# GiB for what has been read and said; a small model's whole batch fits, and a laptop has it to spare.
CPU_CACHE_GIB = 2
# More at once than this only wait for two to eight cores, and each wants its share of the cache.
CPU_SEQUENCES = 32
KEY_FLAGS = ("--api-key", "--hf-token")


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asks to be served; None leaves a choice to us or to vLLM.

    `adapters` are `NAME=PATH` texts. `extra` goes to vLLM as it is and wins over ours.
    """

    model: str
    adapters: tuple[str, ...] = ()
    port: int | None = None
    max_model_len: int | None = None
    served_model_name: str | None = None
    max_lora_rank: int | None = None
    tensor_parallel: int | None = None
    extra: tuple[str, ...] = ()


def serve_words(
    environment: Environment, weights: Weights, adapters: Sequence[Adapter], request: Request, port: int
) -> list[str]:
    """The whole argv. Raises ModelError for what must not be in one."""
    _refuse_keys(request.extra)
    # Through the interpreter: a script's own first line breaks where the path to it is long.
    program = [str(environment.python), str(environment.folder / "bin" / "vllm"), "serve", weights.model]
    return [
        *program,
        *("--host", HOST, "--port", str(port)),
        *("--served-model-name", *weights.names),
        # Only what a request says decides an answer, not a file that came with the weights.
        *("--generation-config", "vllm"),
        # Character prompts share long beginnings; how much was saved is said with each answer.
        *("--enable-prefix-caching", "--enable-prompt-tokens-details"),
        # Neither what is asked nor that it was asked goes into a log.
        *("--no-enable-log-requests", "--disable-uvicorn-access-log"),
        *_length(weights, request),
        *(_cpu_words(weights) if environment.build == "cpu" else ()),
        *(_lora_words(adapters, request.max_lora_rank) if adapters else ()),
        *(("--tensor-parallel-size", str(request.tensor_parallel)) if request.tensor_parallel else ()),
        *request.extra,
    ]


def _length(weights: Weights, request: Request) -> tuple[str, ...]:
    length = request.max_model_len or weights.context
    return ("--max-model-len", str(length)) if length else ()


def _cpu_words(weights: Weights) -> tuple[str, ...]:
    # Compiling takes minutes at every start and wins little; 16 bits are emulated on many processors.
    words = ("--enforce-eager", "--max-num-seqs", str(CPU_SEQUENCES))
    return (*words, "--dtype", "float32") if weights.is_small else words


def _lora_words(adapters: Sequence[Adapter], asked_rank: int | None) -> tuple[str, ...]:
    modules = [f"{adapter.name}={adapter.path}" for adapter in adapters]
    limits = ("--max-loras", str(len(adapters)), "--max-lora-rank", str(room_for(adapters, asked_rank)))
    return ("--enable-lora", *limits, "--lora-modules", *modules)


def _refuse_keys(extra: Sequence[str]) -> None:
    for word in extra:
        if word.partition("=")[0] in KEY_FLAGS:
            raise ModelError(
                f"{word.partition('=')[0]} would show a key to every user of this computer. The server "
                "answers this computer only and needs none; HF_TOKEN goes into the environment or .env."
            )


def serve_environment(base: Mapping[str, str], token: str | None, build: str, cores: int) -> dict[str, str]:
    """The environment of the server: `base` is one without keys; the hub's token is all it may have."""
    # "auto" keeps a core for the programs beside it, of which a single core has none to give.
    cpu = {"VLLM_CPU_KVCACHE_SPACE": str(CPU_CACHE_GIB)} | (
        {"VLLM_CPU_NUM_OF_RESERVED_CPU": "0"} if cores == 1 else {}
    )
    ours = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"} | (cpu if build == "cpu" else {})
    # What the person has set wins, except that nothing is reported to anyone.
    silence = {name: ours[name] for name in ("VLLM_NO_USAGE_STATS", "DO_NOT_TRACK")}
    return ours | dict(base) | silence | ({"HF_TOKEN": token} if token else {})
