"""Characters that live elsewhere: SillyTavern cards, YAML files and biographies, in and out. Pure.

    read      bytes → `Card`: PNG, JSON, YAML or plain text, whatever the file's name says
    proposed  `Card` → `Proposals`: first-person traits, each with the sentence that it comes from
    written   a constitution → a V2 or V3 card, as JSON or inside a PNG

Nothing here decides: a person ticks what becomes a trait, and sees what could not be used, with the reason.
"""

from core.cards.model import Card, Proposal, Proposals, Unused
from core.cards.proposing import proposed
from core.cards.reading import is_card, read_card
from core.cards.writing import card_json, card_png

__all__ = [
    "Card",
    "Proposal",
    "Proposals",
    "Unused",
    "card_json",
    "card_png",
    "is_card",
    "proposed",
    "read_card",
]
