"""The proper name that a description begins with. Pure.

name_in("Madame Odile, a retired magician")   "Madame Odile"
name_in("A grumpy lighthouse keeper")          ""
"""

from __future__ import annotations

import re
from collections.abc import Collection

from core.drafting.first_person import begins_clause
from core.titles import PARTICLES

_NO_NAMES = frozenset(
    re.findall(
        r"\w+",
        "a an the he she it they you i we this that these those my our his her their your who what when if "
        "as once there in at on imagine somebody someone people no never always not very",
    )
)
_TOKEN = r"[^\W_](?:[\w'’.-]*\w)?"
_LEADING = re.compile(rf"[\"“'‘]?(?P<name>{_TOKEN}\.?(?:\s+{_TOKEN})*)")
_FOLLOWS = re.compile(r"\s*,\s*(?:an?|the)\s|\s+(?P<verb>[^\W\d_]+)")


def name_in(description: str, common: Collection[str] = ()) -> str:
    """The name at the start, as it is written; "" for none.

    Two capitals are a name. One is only the start of a sentence, unless a comma and "a …" or what
    somebody does follows; and it is none of the `common` words that describe people ("Grumpy, a …").
    """
    flat = " ".join(description.split())
    match = _LEADING.match(flat)
    words = match["name"].split() if match else []
    run = _run(words)
    if match is None or not run or run[0].lower() in _NO_NAMES:
        return ""
    name = " ".join(run)
    if sum(word[:1].isupper() for word in run) > 1:
        return name
    follows = _FOLLOWS.match(flat, match.start("name") + len(name))
    if name.lower() in common or begins_clause(name) or follows is None:
        return ""
    return name if follows["verb"] is None or begins_clause(follows["verb"], orders=False) else ""


def _run(words: list[str]) -> list[str]:
    """The words of one name: capitals, and between them what stands between names ("de la")."""
    run: list[str] = []
    for place, word in enumerate(words):
        later = any(other[:1].isupper() for other in words[place + 1 : place + 3])
        if not word[:1].isupper() and not (word.lower() in PARTICLES and later):
            break
        run.append(word)
    return run
