"""How a text to be judged is quoted, so that nothing in it can pass for an instruction or a verdict. Pure.

    [[quoted 3f9c2a10b7d4]]
    … the text …
    [[end 3f9c2a10b7d4]]

The delimiter's name is drawn from a seed and the texts themselves: the same request has the same key for
ever, and no text can hold the name that its own words have drawn. A chat server reads control tokens such
as <|im_end|> wherever they stand; they are broken up with a space before a judge sees them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.records import content_hash

NAME_LENGTH = 12
# Marks by which chat templates know turns, and reasoning its ends.
_CONTROL = re.compile(
    r"<(?=[|｜]|/?(?:s|bos|eos|pad|unk|think|thinking|thought|reasoning|start_of_turn|end_of_turn)>)"
    r"|<(?=</?SYS>>)"
    r"|\[(?=/?(?:INST|SYS|AVAILABLE_TOOLS|TOOL_CALLS)\])",
    re.IGNORECASE,
)


def harmless(text: str) -> str:
    """The text with a space in every mark that a chat template could take for its own ("< |im_end|>")."""
    return _CONTROL.sub(lambda mark: f"{mark.group()} ", text)


def drawn_name(purpose: str, seed_text: str, texts: Sequence[str]) -> str:
    """A name of 12 hex digits that stands in none of the texts, always the same for the same ones."""
    joined = "\n".join(texts).casefold()
    number = 0
    while True:
        name = content_hash([purpose, seed_text, list(texts), number])[:NAME_LENGTH]
        if name not in joined:
            return name
        number += 1


def quoted(name: str, text: str) -> str:
    """The text between its delimiters, control marks broken up."""
    return f"[[quoted {name}]]\n{harmless(text)}\n[[end {name}]]"
