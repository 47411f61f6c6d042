"""Who a sentence is about, and the same sentence said as I. Pure.

`as_i("You are cheerful and you love puns.")` → "I am cheerful and I love puns."
`as_i("The assistant speaks softly.")` → "I speak softly."

Only what can be turned by rule is turned; anything else is None, and a person rewrites it.
"""

from __future__ import annotations

import re

from core.linting.words import capital, speaks_as_itself, word_set, words_of

# Verbs that open an order to the character ("Speak softly."), and that a third person's -s is taken from.
_VERBS = word_set(
    """act add address admire admit adopt agree allow answer apologise apologize argue ask avoid be
    become begin behave believe boast break bring build call carry challenge cheer choose comfort
    complain confess consider correct crack deliver describe disagree draw embrace employ
    encourage end enjoy entertain exaggerate explain express feel find finish flatter follow
    forget forgive get give go greet grumble guide hate have help hesitate hurry hide hold imagine
    include insist invent keep know laugh lean learn leave lie like listen live look lose love
    maintain make mention mix mock mumble need notice obey observe offer open pay poke praise
    prefer pretend protect provide pun put quote ramble reach react read refer reflect refuse
    relate remember remind reply respect respond rhyme say see seek seem send serve share show
    sing sit slip sound speak spend spin spread stand start stay stop suggest support swear take
    talk teach tease tell tend think treat try turn understand use value wait want warn weave wear
    welcome wish wonder work worry write"""
)
# After "and" these are nouns as a rule: "uses jokes and answers".
_NOUNS_TOO = word_set(
    """act answer laugh look love play praise quote rhyme sound speak start stop tease turn work"""
)
_YOU_FIRST = re.compile(r"^\W*(?:you|you['’](?:re|ve|ll|d)|your|yours)\b", re.IGNORECASE)
_ORDER = re.compile(
    r"^\W*(?:please\s+)?(?:(?P<adverb>always|never|often|usually|sometimes)\s+|(?P<not>do\s+not|don['’]t)\s+)?"
    r"(?:(?P<adverb2>always|never|ever|simply|just|only|try\s+to|make\s+sure\s+to)\s+)?(?P<verb>[a-z]+)\b",
    re.IGNORECASE,
)
_THIRD = re.compile(
    r"^\W*(?P<who>(?:the|this|our)\s+(?:[a-z-]+\s+)?(?:assistant|character|ai|bot|chatbot|model|persona|agent|"
    r"system|robot|companion|helper|speaker|pirate|wizard|detective|teacher|poet|narrator|king|queen|knight|"
    r"gardener|butler|captain|doctor|professor|robot)|he|she|it|they)\s+"
    r"(?P<adverb>(?:always|never|often|usually|sometimes|really|gladly|rarely|also)\s+)?(?P<verb>[a-z]+)\b",
    re.IGNORECASE,
)
_IRREGULAR = {
    "is": "am",
    "are": "am",
    "has": "have",
    "does": "do",
    "goes": "go",
    "was": "was",
    "were": "was",
}
_OWN = {"he": ("his", "himself"), "it": ("its", "itself"), "they": ("their", "themselves")}
_HELPERS = word_set("can could will would should must may might never do did had have am")
# A you after one of these, or before a verb, is the one who acts.
_OPENERS = (
    r"(?:and|or|but|so|if|when|whenever|while|that|because|as|until|unless|though|where|what|who|how)"
)


def is_told_as_you(text: str) -> bool:
    """Whether a sentence talks to the character: "You are …", or an order such as "Always be …"."""
    if speaks_as_itself(text):
        return False
    return bool(_YOU_FIRST.match(text)) or _order(text) is not None


def as_i(text: str) -> str | None:
    """The sentence in the first person, or None where no rule reaches."""
    turned = _from_you(text) or _from_order(text) or _from_third(text) or _from_fragment(text)
    return turned if turned and speaks_as_itself(turned) and turned != text else None


def _from_you(text: str) -> str | None:
    return capital(_you_to_i(text)) if _YOU_FIRST.match(text) else None


def _you_to_i(text: str) -> str:
    """Every you that means the character as I or me."""
    turns = (
        (r"\byou\s+are\b", "I am"),
        (r"\byou\s+were\b", "I was"),
        (r"\bare\s+you\b", "am I"),
        (r"\byou['’]re\b", "I'm"),
        (r"\byou['’](ve|ll|d)\b", r"I'\1"),
        (r"\byourself\b", "myself"),
        (r"\byours\b", "mine"),
        (r"\byour\b", "my"),
        (rf"(^\W*|[.;:!?,—]\s+|\b{_OPENERS}\s+)you\b", r"\1I"),
        (
            r"\byou(?=\s+(?:can|could|will|would|should|must|may|might|always|never|often|do|did|have|had)\b)",
            "I",
        ),
        (r"\byou\b", "me"),
        (r"\bI\s+aren['’]t\b", "I'm not"),
    )
    for pattern, new in turns:
        text = re.sub(pattern, new, text, flags=re.IGNORECASE)
    return text


def _order(text: str) -> re.Match[str] | None:
    match = _ORDER.match(text)
    if match is None or match["verb"].casefold() not in _VERBS:
        return None
    # "Love is …" and "Help comes …" are statements.
    follows = words_of(text[match.end() :])[:1]
    stated = follows and follows[0] in ("is", "are", "was", "comes", "means", "matters")
    return None if stated else match


def _from_order(text: str) -> str | None:
    match = _order(text)
    if match is None:
        return None
    verb, rest = match["verb"].casefold(), text[match.end() :]
    adverb = " ".join(word.casefold() for word in (match["adverb"], match["adverb2"]) if word)
    if verb == "be":
        helper = "am not" if match["not"] else "am"
        start = f"I {helper} {adverb}".rstrip()
    else:
        start = " ".join(word for word in ("I", "do not" if match["not"] else "", adverb, verb) if word)
    return start + _you_to_i(_chained(rest))


def _chained(rest: str) -> str:
    """What follows an order, a later order said as I too: ". Never lie" → ". I never lie"."""

    def turn(match: re.Match[str]) -> str:
        return f"{match[1]}{_from_order(match[2]) or match[2]}"

    return re.sub(r"^([^.!?]*[.!?]\s+)(\S.*)$", turn, rest, flags=re.DOTALL)


def _from_third(text: str) -> str | None:
    match = _THIRD.match(text)
    if match is None:
        return None
    verb = _base(match["verb"])
    if verb is None:
        return None
    own, self_ = _OWN.get(match["who"].casefold(), ("its", "itself"))
    rest = re.sub(rf"\b{own}\b", "my", text[match.end() :], flags=re.IGNORECASE)
    rest = re.sub(rf"\b{self_}\b", "myself", rest, flags=re.IGNORECASE)
    return f"I {(match['adverb'] or '').lower()}{verb}{_later_verbs(rest, match['who'])}"


def _base(verb: str) -> str | None:
    """A verb of the third person as I say it; None for what is no verb we know."""
    verb = verb.casefold()
    if verb in _IRREGULAR:
        return _IRREGULAR[verb]
    if verb in _HELPERS:
        return verb
    for ending, instead in (("ies", "y"), ("es", ""), ("s", ""), ("", "")):
        if verb.endswith(ending) and verb.removesuffix(ending) + instead in _VERBS:
            return verb.removesuffix(ending) + instead
    return None


def _later_verbs(rest: str, who: str) -> str:
    """The later verbs of the same subject: "is kind and speaks softly" → "am kind and speak softly"."""

    def turn(match: re.Match[str]) -> str:
        base = _base(match["verb"])
        subject = "I " if match["who"] else ""
        verbal = match["verb"].casefold().endswith("s") and base not in _NOUNS_TOO
        known = base and (verbal or match["who"])
        return f"{match['join']}{subject}{match['adverb'] or ''}{base}" if known else match[0]

    pattern = (
        rf"(?P<join>(?:\b(?:and|but|then|or)|[,.;])\s+)(?P<who>(?:{re.escape(who)}|it|he|she)\s+)?"
        r"(?P<adverb>(?:always|never|often|gladly|rarely)\s+)?(?P<verb>[a-z]+)\b"
    )
    return re.sub(pattern, turn, rest, flags=re.IGNORECASE)


def _from_fragment(text: str) -> str | None:
    """ "A grumpy old wizard." → "I am a grumpy old wizard." """
    words = words_of(text)
    if not words or len(words) > 12 or any(_is_verb_form(word) for word in words):
        return None
    if words[0] in ("a", "an") or (len(words) <= 5 and words[0].endswith(_ADJECTIVES)):
        return f"I am {text[:1].lower()}{text[1:]}"
    return None


_ADJECTIVES = (
    "ful",
    "ous",
    "ive",
    "al",
    "ic",
    "ly",
    "ish",
    "less",
    "able",
    "ible",
    "ent",
    "ant",
    "y",
    "ed",
    "kind",
)


def _is_verb_form(word: str) -> bool:
    return word in _IRREGULAR or (word.endswith("s") and _base(word) is not None)
