"""What is computed is what the library computes, for every way of computing it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers

from tests.training import tiny
from training.data import Example, collate, dpo_example, encoder
from training.losses import LossSettings, Spans, dpo_terms
from training.model import Trainee, linear_targets, with_adapter
from training.recipes import recipe
from training.reference import References, gathered

pytestmark = pytest.mark.train

TOKENIZER = tiny.tokenizer()
ENCODE = encoder(TOKENIZER, TOKENIZER.chat_template)
EXAMPLES = [dpo_example(tiny.pair(number), ENCODE) for number in range(5)]
RECIPE = recipe("dpo", "trial", {"rank": 4, "alpha": 8})


def trainee(family: str = "llama", *, packed: bool | None = None, awake: bool = False) -> Trainee:
    """A model with an adapter; `awake` makes the adapter change something."""
    made = with_adapter(tiny.model(family), RECIPE, torch.float32, packed=packed)
    if awake:
        torch.manual_seed(5)
        for _, value in made.parameters():
            value.data.normal_(std=0.2)
    return made


def alone(model: object, example: Example) -> list[torch.Tensor]:
    """The log-probabilities of each branch by itself, through the library's own forward."""
    found = []
    for branch in example.branches:
        ids = torch.tensor([[*example.prompt, *branch]])
        scores = torch.log_softmax(model(input_ids=ids).logits[0, :-1], -1)  # type: ignore[operator]
        found.append(scores.gather(1, ids[0, 1:, None])[len(example.prompt) - 1 :, 0])
    return found


@pytest.mark.parametrize("family", list(tiny.FAMILIES))
@pytest.mark.parametrize("packed", [True, False])
def test_a_batch_gives_what_each_row_gives_alone(family: str, packed: bool) -> None:
    made = trainee(family, packed=packed, awake=True)
    parts = torch.split(made.log_probs(batch := collate(EXAMPLES)), batch.lengths)
    plain = trainee(family, packed=False, awake=True).peft
    for place, example in enumerate(EXAMPLES):
        for branch, wanted in enumerate(alone(plain, example)):
            torch.testing.assert_close(parts[place + branch * len(EXAMPLES)], wanted, rtol=1e-5, atol=1e-5)


def test_attention_through_a_sliding_window_is_kept() -> None:
    def made(packed: bool) -> Trainee:
        return with_adapter(tiny.model("gemma3", sliding_window=8), RECIPE, torch.float32, packed=packed)

    batch = collate(EXAMPLES)
    torch.testing.assert_close(
        made(True).log_probs(batch), made(False).log_probs(batch), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("family", list(tiny.FAMILIES))
def test_packed_and_padded_learn_the_same(family: str) -> None:
    slopes = []
    for packed in (True, False):
        made = trainee(family, packed=packed, awake=True)
        policy = made.log_probs(batch := collate(EXAMPLES))
        dpo_terms(policy, policy.detach() * 0.9, Spans.of(batch.lengths), LossSettings()).loss.backward()
        slopes.append({name: value.grad for name, value in made.parameters()})
    for name, slope in slopes[0].items():
        torch.testing.assert_close(slope, slopes[1][name], rtol=1e-4, atol=1e-6)


def test_the_fused_adapter_learns_what_the_librarys_own_does() -> None:
    import peft

    made = trainee(awake=True)
    config = peft.LoraConfig(r=4, lora_alpha=8, target_modules=linear_targets(tiny.model()))
    plain = peft.get_peft_model(tiny.model(), config).eval()
    plain.load_state_dict(made.peft.state_dict())
    made.log_probs(collate(EXAMPLES[:1])).sum().backward()
    sum(part.sum() for part in alone(plain, EXAMPLES[0])).backward()
    theirs = {name: value.grad for name, value in plain.named_parameters() if value.requires_grad}
    for name, value in made.parameters():
        torch.testing.assert_close(value.grad, theirs[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("packed", [True, False])
def test_the_adapter_off_is_the_base(packed: bool) -> None:
    made, batch = trainee(packed=packed, awake=True), collate(EXAMPLES)
    with made.reference():
        found = made.log_probs(batch)
    fresh = trainee(packed=packed).log_probs(batch)
    torch.testing.assert_close(found, fresh.detach(), rtol=0, atol=0)


@pytest.mark.parametrize("family", list(tiny.FAMILIES))
def test_every_linear_layer_but_the_head_gets_an_adapter(family: str) -> None:
    """D-10: a list of names that another family spells differently would leave layers out."""
    model = tiny.model(family)
    wanted = {name for name, one in model.named_modules() if isinstance(one, torch.nn.Linear)} - {"lm_head"}
    made = with_adapter(model, RECIPE, torch.float32).peft
    worn = {name for name, one in made.get_base_model().named_modules() if hasattr(one, "lora_A")}
    assert worn == wanted and len(worn) == 14


def test_a_tower_for_pictures_is_left_alone() -> None:
    small = {**tiny.SIZES, "vocab_size": 258}
    tower = {"num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 28, "patch_size": 14}
    seeing = {"hidden_size": 16, "intermediate_size": 16, **tower}
    config = transformers.Gemma3Config(text_config=small, vision_config=seeing, mm_tokens_per_image=4)
    names = linear_targets(transformers.Gemma3ForConditionalGeneration(config))
    assert len(names) == 14 and not any("vision" in name for name in names)


def test_cached_references_are_the_live_ones(tmp_path: Path) -> None:
    made = trainee(awake=True)
    kept = References(tmp_path, "m" * 64)
    assert kept.fill(made, EXAMPLES, "cpu", lambda *_: None) == len(EXAMPLES)
    again = References(tmp_path, "m" * 64)
    assert again.fill(made, EXAMPLES, "cpu", lambda *_: None) == 0
    batch = collate(EXAMPLES[1:3])
    with made.reference():
        live = made.log_probs(batch)
    known = gathered([again.of(one) for one in EXAMPLES[1:3]], EXAMPLES[1:3])
    torch.testing.assert_close(known, live, rtol=1e-5, atol=1e-5)


def test_a_damaged_cache_is_computed_again_and_another_model_has_its_own(tmp_path: Path) -> None:
    made = trainee()
    References(tmp_path, "a" * 64).fill(made, EXAMPLES, "cpu", lambda *_: None)
    assert References(tmp_path, "b" * 64).fill(made, EXAMPLES, "cpu", lambda *_: None) == len(EXAMPLES)
    for path in (tmp_path / ("a" * 32)).iterdir():
        path.write_bytes(b"half a fi")
    assert References(tmp_path, "a" * 64).fill(made, EXAMPLES, "cpu", lambda *_: None) == len(EXAMPLES)
