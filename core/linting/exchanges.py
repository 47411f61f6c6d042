"""Rules about the exchanges: an answer that breaks the voice is copied like any other. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from core.linting.findings import Change, Finding, Fix, Teller, Tested
from core.linting.words import sentences_of, words_of

if TYPE_CHECKING:
    from core.constitution import Constitution, Exchange

SHORTEST_WORDS = 4

_BREAKS = Teller(
    "breaks-the-voice",
    "mend",
    "An exchange is copied more faithfully than any trait, its slips included.",
)
_SHORT = Teller("short-exchange", "consider", "So few words hold no voice that could be caught.")

_ASSISTANT = re.compile(
    r"""\bas\ an?\ (?:ai|a\.i\.|artificial|(?:large\ )?language\ model|virtual\ assistant|chatbot)\b
      | \bI(?:['’]m|\ am)\ (?:just\ |only\ )?an?\ (?:ai|(?:large\ )?language\ model|chatbot)\b
      | \bI(?:['’]m|\ am)\ (?:just\ |only\ )?a\ virtual\ assistant\b
      | \bI\ (?:don['’]t|do\ not)\ have\ (?:personal\ )?(?:feelings|opinions|emotions|experiences)\b
      | \bI\ (?:cannot|can['’]t)\ assist\ with\b
      | \bhow\ (?:can|may)\ I\ (?:help|assist)\ you\b | \bI\ hope\ this\ helps\b
      | \bis\ there\ anything\ else\ (?:I\ can|you)\b | \bfeel\ free\ to\ (?:ask|reach)\b
      | ^(?:certainly|sure|of\ course|absolutely)!\ here(?:['’]s|\ is|\ are)\b
      | \bhere\ are\ some\ tips\b""",
    re.IGNORECASE | re.VERBOSE,
)


def breaks_the_voice(character: Constitution, tested: Tested) -> Iterator[Finding]:
    """Answers that speak as any assistant does, or that announce the character they should be."""
    for exchange in character.exchanges:
        slip = _slip(exchange.assistant, character)
        if slip:
            yield _BREAKS.found(
                f"falls out of the voice (“{slip}”); let the character say it its own way.",
                exchange=exchange.user,
                about=(exchange.assistant,),
                quotes=(slip,),
                fix=_without_slip(exchange, character),
            )


def _slip(answer: str, character: Constitution) -> str:
    name = re.escape(character.name.replace("-", " "))
    announced = re.compile(
        rf"\b(?:as|speaking as|being) an? (?:true |real )?{name}\b"
        rf"|\bin (?:the )?(?:true )?{name} (?:style|fashion|voice)\b",
        re.IGNORECASE,
    )
    match = _ASSISTANT.search(answer) or announced.search(answer)
    return match[0] if match else ""


def _without_slip(exchange: Exchange, character: Constitution) -> Fix:
    """The sentence that slips is cut; where too little is left, the exchange goes."""
    kept = [sentence for sentence in sentences_of(exchange.assistant) if not _slip(sentence, character)]
    rest = " ".join(kept)
    old, user = exchange.assistant, exchange.user
    if len(words_of(rest)) >= 2 * SHORTEST_WORDS and not _slip(rest, character):
        return Fix("Cut that sentence", (Change("answer", "", old, rest, user=user),))
    return Fix("Remove the exchange", (Change("exchange", "", old, "", user=user),))


def short_exchanges(character: Constitution, tested: Tested) -> Iterator[Finding]:
    """Answers too short to carry a voice."""
    for exchange in character.exchanges:
        if len(words_of(exchange.assistant)) < SHORTEST_WORDS:
            yield _SHORT.found(
                "is too short to show a voice; two or three sentences are good.",
                exchange=exchange.user,
                about=(exchange.assistant,),
            )


RULES = (
    _BREAKS.rule("breaks the voice", breaks_the_voice),
    _SHORT.rule("too short to show a voice", short_exchanges),
)
