"""vLLM as a server of ours: its own environment, its command, its life, its end.

machine, builds     what this computer is, and which build of vLLM fits it
adapters, weights   what it serves: LoRA folders, and the embedded model's weights in a form it reads
arguments, cures    its command line, and what its last words mean; pure
running             which servers run, where they answer, and how they are ended
server              starting and watching one; `core.guarded` ends all its processes with us

We never import vLLM: it cannot share our environment. `find_vllm` says where a running server answers.
"""

from core.serving.running import ServerInfo, find_vllm

__all__ = ["ServerInfo", "find_vllm"]
