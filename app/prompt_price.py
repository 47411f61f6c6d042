"""What writing prompts costs at first: the first round, each answer as long as it may be."""

from __future__ import annotations

from app.reads import library, settings
from core.errors import CoreError
from core.expansion import is_small
from core.names import ModelName, parse_model
from core.prices import Price, by_whom, money
from core.prompt_review import Pools
from core.records import Sampling
from core.stages.defaults import PROVIDER
from core.stages.expansion_plan import Planner, TraitProgress
from core.stages.planning import CHARACTERS_A_TOKEN
from core.store.price_table import PriceTable

# As the `prompts` verb asks models of a provider.
LONGEST_ANSWER = 2048


def price_words(name: str, typed: str, per_trait: int) -> str:
    """A sentence on the price of the first round; empty where the model or the character is none."""
    try:
        model = parse_model(typed, default=PROVIDER)
        price = PriceTable(settings()).lookup(model)
        if price is None:
            return "Its price is unknown: add it under Engines and keys."
        most = most_of_first_round(name, model, per_trait, price)
    except CoreError:
        return ""
    return f"The first round costs at most {money(most)}{by_whom(price)}." if most else ""


def most_of_first_round(name: str, model: ModelName, per_trait: int, price: Price) -> float:
    """USD at worst for the first round. Raises CoreError."""
    constitution = library().load(name).constitution
    written = library().additional(name).by_trait
    traits = [
        TraitProgress(trait, number, per_trait, [*trait.questions, *written.get(trait.id, ())], Pools())
        for number, trait in enumerate(constitution.traits)
    ]
    sampling = Sampling(temperature=0.9, max_tokens=LONGEST_ANSWER)
    planner = Planner(constitution, sampling, 0, is_small(model.model), prefill=False)
    asked = planner.round(traits, last=False)
    lengths = (sum(len(message.content) for message in request.messages) for request in asked)
    return sum(price.most(round(length / CHARACTERS_A_TOKEN), LONGEST_ANSWER) for length in lengths)
