"""What vLLM's last words mean, and what to do about it. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

LAST_LINES = 6
LONGEST_LINE = 240
ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
# "(EngineCore pid=12) ERROR 11-23 23:52:18 [core.py:402] " in front of what is meant.
PREFIX = re.compile(r"^(\(\w[\w-]* pid=\d+\)\s*)?((INFO|WARNING|ERROR) \S+ \S+ \[[^\]]*\]\s*)?")
TELLING = re.compile(r"\b\w*(Error|Exception)\b:|error:|^Value error,")
CHATTER = re.compile(r"^(\(\w[\w-]* pid=\d+\)\s*)?(INFO|WARNING|DEBUG) ")
EMPTY = re.compile(r"^(Traceback|File |~|\^|During handling|The above exception)")


class Cure(NamedTuple):
    """A sign in the log, and what to do; the first that is found counts, so special ones come first."""

    sign: re.Pattern[str]
    advice: str


def _cure(sign: str, advice: str) -> Cure:
    return Cure(re.compile(sign, re.IGNORECASE), advice)


TOO_LARGE = (
    "There is not enough memory for this model. Close other programs, choose a smaller model, or shorten "
    "what it reads with --max-model-len 4096; on a GPU also: -- --gpu-memory-utilization 0.8"
)
NO_AVX2 = (
    "This processor lacks instructions that vLLM needs (AVX2); use the embedded model, local/smollm2-135m, "
    "or a vLLM server on another computer through VLLM_BASE_URL."
)
CURES = (
    _cure(
        r"Failed to infer device|No CUDA GPUs are available|Found no NVIDIA driver|libcuda\.so|"
        r"CUDA driver version is insufficient|CUDA error: no (CUDA-capable )?device",
        "This build of vLLM needs an NVIDIA GPU with a working driver (try: nvidia-smi). Without one, run: "
        "character setup vllm --cpu",
    ),
    _cure(
        r"gated repo|GatedRepoError|access to model .* is restricted|401 Client Error|403 Client Error",
        "The model wants a login: accept its terms on its Hugging Face page, make a token there, and set "
        "HF_TOKEN in the environment or .env.",
    ),
    _cure(
        r"RepositoryNotFound|404 Client Error|not a valid model identifier|Repository Not Found",
        "There is no such model. Check its name; a private one needs HF_TOKEN in the environment or .env.",
    ),
    _cure(
        r"LocalEntryNotFound|couldn't connect to|Could not connect|NameResolution|offline mode is enabled|"
        r"Max retries exceeded|Network is unreachable|Temporary failure in name resolution|ConnectError",
        "The model could not be fetched: connect this computer to the internet, or give the folder of a "
        "model that is here.",
    ),
    _cure(
        r"LoRA rank (\d+) is greater than max_lora_rank",
        "An adapter's rank is above the limit: leave --max-lora-rank out, and it is chosen to fit.",
    ),
    _cure(
        r"max seq len|tokens that can be stored in KV cache|is greater than the derived max",
        "It cannot hold texts of this length: shorten them with --max-model-len 4096",
    ),
    _cure(
        r"out of memory|OutOfMemory|No available memory for the cache|less than desired GPU memory|"
        r"Cannot allocate memory|MemoryError|not enough memory|DefaultCPUAllocator",
        TOO_LARGE,
    ),
    _cure(r"address already in use|EADDRINUSE", "Its port was taken meanwhile; start it again."),
    _cure(
        r"unrecognized arguments|invalid choice|expected one argument|error: argument",
        "vLLM does not know one of the words after --; its own list: the program bin/vllm in the "
        "environment, with serve --help=all",
    ),
    _cure(
        r"Illegal instruction|does not support AVX2|AVX2 (is )?not supported",
        NO_AVX2,
    ),
    _cure(
        r"does not support LoRA|unsupported LoRA weight|target.modules|No adapter found|adapter_config",
        "vLLM cannot load an adapter: check that it was trained on this very model.",
    ),
    _cure(
        r"trust_remote_code",
        "The model brings a program of its own. If you trust its maker, add: -- --trust-remote-code",
    ),
    _cure(
        r"are not supported for now|no vLLM implementation|Model architectures",
        "This vLLM does not know this kind of model; choose another one.",
    ),
    _cure(
        r"No module named|ImportError|undefined symbol|cannot open shared object",
        "The environment is damaged; make it anew with: character setup vllm --again",
    ),
)
UNKNOWN = "The end of its log says more; character setup vllm --again makes its environment anew."
KILLED, ILLEGAL = -9, -4


def cure_for(log: str, code: int | None) -> str:
    """What to do after the server ended with a code and these words."""
    if code == ILLEGAL:
        return NO_AVX2
    for cure in CURES:
        if cure.sign.search(log):
            return cure.advice
    return TOO_LARGE if code == KILLED else UNKNOWN


def last_words(log: str) -> str:
    """The lines at the log's end that say what went wrong, without times, colours and traces."""
    lines = [_plain(line) for line in log.splitlines() if not CHATTER.match(line)] or log.splitlines()
    lines = [line for line in lines if line and not EMPTY.match(line)]
    telling = list(dict.fromkeys(line for line in lines if TELLING.search(line)))
    return "\n".join((telling or lines)[-LAST_LINES:]) or "(it said nothing)"


def _plain(line: str) -> str:
    shown = ANSI.sub("", line.rstrip("\r")).rpartition("\r")[2].strip()
    return PREFIX.sub("", shown).strip()[:LONGEST_LINE]
