"""A GGUF file → a folder that vLLM reads: `PYTHON dequantise.py SOURCE.gguf FOLDER TEMPLATE.jinja`.

Run by the python of vLLM's environment, which has torch, transformers, gguf and accelerate. It imports
nothing of ours, and `core.serving.weights` starts it.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any


def main(source: Path, folder: Path, template: Path) -> None:
    """Write weights in 32 bits, the tokenizer, and our chat template beside them."""
    torch: Any = importlib.import_module("torch")
    transformers: Any = importlib.import_module("transformers")
    place = {"pretrained_model_name_or_path": str(source.parent), "gguf_file": source.name}
    model = transformers.AutoModelForCausalLM.from_pretrained(**place, dtype=torch.float32)
    # It still counts as quantised, and as such refuses to be saved.
    model.hf_quantizer, model.is_quantized = None, False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(**place)
    # The template inside the file speaks for the model when nobody else does; ours does not.
    tokenizer.chat_template = template.read_text(encoding="utf-8")
    tokenizer.save_pretrained(folder)


if __name__ == "__main__":
    main(*(Path(word) for word in sys.argv[1:4]))
