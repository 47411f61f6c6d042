"""What the last words of OpenRLHF, DeepSpeed or Ray mean, and what to do about it. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

AGAIN = "character setup openrlhf --again"
KILLED = 137
SHOWN_LINES = 4
LONGEST_LINE = 240
ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
# "[rank0]: " and "[default0]:" in front of what is meant.
PREFIX = re.compile(r"^(\[\w*\d+\]:\s*)+")
TELLING = re.compile(r"\b\w*(Error|Exception)\b:|error:|ValueError|AssertionError|ncclInternalError")


class Cure(NamedTuple):
    """A sign in the words, what it means, and what to do; the first that is found counts."""

    sign: re.Pattern[str]
    advice: str


def _cure(sign: str, advice: str) -> Cure:
    return Cure(re.compile(sign, re.IGNORECASE), advice)


CURES = (
    _cure(
        r"CUDA out of memory|OutOfMemoryError|CUBLAS_STATUS_ALLOC_FAILED",
        "The GPU's memory is too small for this. Use --micro-batch 1, a smaller --max-length, or more GPUs "
        "(--gpus); close other programs that use the GPU (nvidia-smi shows them).",
    ),
    _cure(
        r"No module named|cannot import name|undefined symbol|cannot open shared object",
        f"The environment is damaged; make it anew with: {AGAIN}",
    ),
    _cure(
        r"CUDA_HOME|nvcc|Error building extension|Ninja is required",
        "DeepSpeed compiles a part of itself at the first start and needs the CUDA toolkit: install nvcc "
        "of the version that torch was built for, and set CUDA_HOME to its folder.",
    ),
    _cure(
        r"No CUDA GPUs are available|Found no NVIDIA driver|no GPU resources available|"
        r"CUDA driver version is insufficient|Torch not compiled with CUDA",
        "No usable GPU was found: mend the driver (try: nvidia-smi), or train with --backend together.",
    ),
    _cure(
        r"unrecognized arguments|invalid choice|expected one argument|error: argument",
        f"The installed version does not take this command; make its environment anew with: {AGAIN}",
    ),
    _cure(
        r"gated repo|GatedRepoError|access to model .* is restricted|401 Client Error|403 Client Error",
        "The model wants a login: accept its terms on its Hugging Face page, make a token there, and set "
        "HF_TOKEN in the environment or .env; or give a folder that holds the model with --model FOLDER.",
    ),
    _cure(
        r"RepositoryNotFound|Repository Not Found|not a valid model identifier|is not a local folder",
        "There is no such model: check its name, or give a folder with --model FOLDER.",
    ),
    _cure(
        r"LocalEntryNotFound|couldn't connect to|NameResolution|offline mode is enabled|"
        r"Max retries exceeded with url|Temporary failure in name resolution",
        "The model could not be fetched: connect this computer to the internet, or give a folder that "
        "holds the model with --model FOLDER.",
    ),
    _cure(
        r"not smaller than train_batch_size|complete gradient-accumulation window",
        "Fewer rows than one batch are left, because OpenRLHF leaves out those that are too long: make "
        "more rows, raise --max-length, or use a smaller --batch-size.",
    ),
    _cure(
        r"address already in use|EADDRINUSE",
        "Another training uses the port over which the GPUs find each other: wait for it to end.",
    ),
    _cure(
        r"not reachable via ssh|Host key verification failed|Permission denied \(publickey|"
        r"pdsh.*not (found|installed)|launcher 'pdsh' not installed",
        "A computer of the hostfile cannot be entered: install pdsh here, and let ssh into each without a "
        "password (try: ssh NAME hostname).",
    ),
    _cure(
        r"Failed to connect to Ray|ray job server|Could not connect to .*8265|JobSubmissionClient",
        "Ray does not answer there: check --ray-address (its dashboard, as http://HOST:8265), and that its "
        "version is the environment's.",
    ),
    _cure(
        r"ncclInternalError|ncclSystemError|ncclUnhandledCudaError|ncclRemoteError|NCCL (error|WARN)|"
        r"Watchdog caught collective|ProcessGroupNCCL|DistBackendError|Connection reset by peer",
        "The GPUs lost each other (NCCL). Often another of the words above is the cause on one of them; "
        "else name the network card with NCCL_SOCKET_IFNAME, or try NCCL_P2P_DISABLE=1, then run again.",
    ),
    _cure(
        r"No space left on device|disk quota exceeded|\bENOSPC\b",
        "The disk is full: free some space (a checkpoint holds the whole model), then run this again.",
    ),
    _cure(
        r"Error\(s\) in loading state_dict|does not match the .*checkpoint|size mismatch for",
        "The checkpoint is of another training; add --again to begin anew.",
    ),
)
MEMORY = (
    "The system ended it, as it does when main memory is used up: close other programs, or use fewer GPUs "
    "at once (each loads the model)."
)
UNKNOWN = "Its whole log says more."


def cure_for(said: str, code: int) -> str:
    """What to do after the program ended with a code and these words."""
    for cure in CURES:
        if cure.sign.search(said):
            return cure.advice
    return MEMORY if code in (KILLED, -9) else UNKNOWN


def last_words(said: str) -> str:
    """The lines that say what went wrong, without times, ranks and traces."""
    lines = [_plain(line) for line in re.split(r"[\r\n]+", said)]
    lines = [line for line in lines if line and "it/s" not in line and not line.startswith(("File ", "^"))]
    telling = list(dict.fromkeys(line for line in lines if TELLING.search(line)))
    return "\n".join((telling or lines)[-SHOWN_LINES:]) or "(it said nothing)"


def _plain(line: str) -> str:
    return PREFIX.sub("", ANSI.sub("", line).strip()).strip()[:LONGEST_LINE]
