"""A sentence about somebody → the same said by that person, or None where it is about somebody else. Pure.

    Speaker("Ada", "she").says("Ada loves riddles and never gives her answer away.")
    → "I love riddles and never give my answer away."

Rules of English, no model: who reads the proposal sees the sentence it came from and can mend it.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


USER, USERS = "whoever I talk to", "their"
PRONOUNS = {
    "she": ("she", "her", "her", "hers", "herself"),
    "he": ("he", "him", "his", "his", "himself"),
    "they": ("they", "them", "their", "theirs", "themselves"),
    "it": ("it", "it", "its", "its", "itself"),
}
_MINE = re.compile(r"\b(?:I|I[’'](?:m|ve|ll|d)|my|me|myself|mine)\b")
_VERBS = {"is": "am", "are": "am", "has": "have", "does": "do", "goes": "go", "were": "was"}
_NOT = {"isn't": "am not", "aren't": "am not", "hasn't": "haven't", "doesn't": "don't", "weren't": "wasn't"}
_STAY = _set(
    "was will would can could may might must should shall had did been am have do always this us plus "
    "perhaps towards besides unless thus"
)
_ADVERBS = _set(
    "always never often rarely seldom usually sometimes also still just only really even ever too very "
    "almost nearly already soon then once perhaps maybe now"
)
_JOINS = frozenset(("and", "but", "or", "yet", "then"))
_BEFORE_OBJECT = _set(
    "to for with from by at of about on in into near around behind beside without against like than "
    "between toward towards after over under upon"
)
# What follows “her” when it means “me”: anything else is hers.
_AFTER_OBJECT = _set(
    "to for with from by at of about on in into and or but when if because that as so while who which "
    "how what why where again too back away out off up down is was a an the"
)
_AFTER_VERB = _set(
    "the a an every each his her my their its it them him me this that what whoever everyone"
)
_COMMON_VERBS = _set(
    "love like hate enjoy prefer want need think believe know feel see hear say tell speak talk answer "
    "ask give take make keep hold carry bring find look watch listen laugh smile cry sing write read "
    "play work help teach learn try use live stay stand sit walk run go come leave turn show hide wear "
    "drink eat sleep dream remember forget hope fear trust doubt refuse insist demand offer promise "
    "care worry joke tease flirt mock praise comfort protect defend fight win lose seek avoid follow "
    "lead treat respond react act behave seem become remain explain describe mention quote whisper "
    "shout mumble grumble sigh blush wink shrug nod call greet thank apologise apologize forgive swear "
    "curse admit deny lie cheat steal share save spend collect cook bake paint draw dance travel "
    "explore study research solve understand misunderstand interrupt end begin start finish add put get "
    "let set cut break fix build pay value respect admire envy resent tolerate ignore notice point push "
    "pull choose decide plan wait"
)


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who a text is about: the name, and the pronoun that it mostly uses ("she", "he", "they", "it")."""

    name: str
    pronoun: str = "they"

    def says(self, sentence: str, *, is_about: bool = False) -> str | None:
        """The sentence in the first person; None when it is about somebody or something else.

        `is_about` says that a sentence without a subject is about this person too.
        """
        text = _users(self._marked(" ".join(sentence.split())))
        if _MINE.search(text):
            return _ended(text.replace("{{char}}’s", "my").replace("{{char}}", "I"))
        if re.match(r"(?:you|your)\b", text, re.IGNORECASE):
            said = _ended(_from_second(text))
            return None if said == "I am me." else said
        if not self._is_subject(text):
            return _fragment(text) if is_about else None
        return _ended(self._turned(text))

    def _marked(self, text: str) -> str:
        """The text with every way of naming this person as {{char}}."""
        names = {self.name, self.name.split()[0]} if self.name.strip() else set[str]()
        for name in sorted(names, key=len, reverse=True):
            if len(name) > 1:
                text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "{{char}}", text)
        return text.replace("{{char}}'s", "{{char}}’s")

    def _is_subject(self, text: str) -> bool:
        subject, object, possessive, *_ = PRONOUNS[self.pronoun]
        words = {word.lower() for word in re.findall(r"[A-Za-z’']+", text)}
        spoken = {subject, f"{subject}'s", f"{subject}’s", possessive}
        spoken |= {object} if self.pronoun in ("she", "he") else set[str]()
        return "{{char}}" in text or bool(words & spoken)

    def _turned(self, text: str) -> str:
        turning = _Turning(self.pronoun, _words(text))
        return "".join(turning.word(place) for place in range(len(turning.words)))


@dataclass(slots=True)
class _Turning:
    """One pass over a sentence. `expects` says that the next word may be the verb of "I"."""

    pronoun: str
    words: list[str]
    expects: bool = False

    def word(self, place: int) -> str:
        """The word at a place as the person says it of themselves."""
        word = self.words[place]
        if not _is_word(word):
            self.expects = self.expects and not any(letter in word for letter in ",;.")
            return word
        return self._name(place) or self._pronoun(place) or self._verb_or_same(place)

    def _name(self, place: int) -> str:
        word = self.words[place]
        if word == "{{char}}’s":
            return self._said("my")
        if word != "{{char}}":
            return ""
        before, after = _neighbour(self.words, place, -1), _neighbour(self.words, place, 1)
        is_subject = before not in _BEFORE_OBJECT and (not before or _is_verb(after))
        return self._said("I", expects=True) if is_subject else self._said("me")

    def _pronoun(self, place: int) -> str:
        subject, object, possessive, theirs, self_word = PRONOUNS[self.pronoun]
        low, after = self._low(place), _neighbour(self.words, place, 1)
        if low == possessive and not (low == object and _is_object(after)):
            return self._said("my")
        if low == self_word:
            return "myself"
        if self.pronoun == "it":
            return ""
        if low == subject:
            return self._said("I", expects=True)
        if low in (f"{subject}'s", f"{subject}'re"):
            return self._said("I've" if after in ("been", "got", "had") else "I'm")
        if low in (f"{subject}'ll", f"{subject}'d", f"{subject}'ve"):
            return self._said(f"I'{low.partition(chr(39))[2]}")
        return {object: "me", theirs: "mine"}.get(low, "")

    def _verb_or_same(self, place: int) -> str:
        word, low = self.words[place], self._low(place)
        if self.expects and not _is_adverb(low):
            self.expects = False
            return _verb(low, word)
        if not self._is_joined(place):
            return word
        return _joined(low, word, _neighbour(self.words, place, 1))

    def _is_joined(self, place: int) -> bool:
        """Whether a word goes on after "and" or a comma, an adverb in between or not."""
        before, earlier = _neighbour(self.words, place, -1), _neighbour(self.words, place, -2)
        after_comma = place > 0 and self.words[place - 1].strip() == ","
        return before in _JOINS or after_comma or (_is_adverb(before) and earlier in _JOINS)

    def _low(self, place: int) -> str:
        return self.words[place].lower().replace("’", "'")

    def _said(self, word: str, *, expects: bool = False) -> str:
        self.expects = expects
        return word


def _is_word(word: str) -> bool:
    return word[0].isalpha() or word.startswith("{{char}}")


def _is_adverb(word: str) -> bool:
    return word in _ADVERBS or word.endswith("ly")


def _words(text: str) -> list[str]:
    return re.findall(r"\{\{char\}\}’s|\{\{char\}\}|[A-Za-z][A-Za-z’'-]*|[^A-Za-z{]+|\{", text)


def _neighbour(words: list[str], place: int, step: int) -> str:
    """The next word that far before or after, in lower case; "" across any mark."""
    found, left = "", abs(step)
    while left:
        place += 1 if step > 0 else -1
        if not 0 <= place < len(words) or any(letter in words[place] for letter in ',.;:!?()*"'):
            return ""
        if _is_word(words[place]):
            left -= 1
            found = words[place].lower()
    return found


def _is_object(after: str) -> bool:
    return not after or after in _AFTER_OBJECT or after.endswith("ly")


def _is_verb(word: str) -> bool:
    """Whether a word after a name is what that person does: then the name is the subject."""
    return word in _STAY | _ADVERBS | set(_VERBS) | set(_NOT) or (
        len(word) > 2 and word.endswith("s") and not word.endswith("ss")
    )


def _verb(low: str, word: str) -> str:
    """A verb after "she" as it stands after "I"."""
    if low in _NOT:
        return _NOT[low]
    return _VERBS.get(low) or (word if low in _STAY else base_of(word))


def _joined(low: str, word: str, after: str = "") -> str:
    """A word after "and": turned only where it is surely a verb, for nouns look the same."""
    if low in ("is", "has", "does", "goes", "isn't", "hasn't", "doesn't"):
        return _verb(low, word)
    is_verb = base_of(low) in _COMMON_VERBS or after in _AFTER_VERB
    return base_of(word) if low.endswith("s") and is_verb else word


def base_of(verb: str) -> str:
    """A verb without the ending of the third person: "tries" → "try", "watches" → "watch"."""
    low = verb.lower()
    if not low.endswith("s") or low.endswith(("ss", "us", "is")) or len(low) < 3:
        return verb
    if low.endswith("ies") and len(low) > 4:
        return verb[:-3] + "y"
    if low.endswith(("sses", "shes", "ches", "xes", "zzes", "oes")):
        return verb[:-2]
    return verb[:-1]


def _users(text: str) -> str:
    text = re.sub(r"\{\{user\}\}[’']s", USERS, text)
    return text.replace("{{user}}", USER)


def _from_second(text: str) -> str:
    """ "You are Ada, who …" → "I am Ada, who …"."""
    for old, new in (
        (r"\byou are\b|\byou[’']re\b", "I am"),
        (r"\byou were\b", "I was"),
        (r"\byourself\b", "myself"),
        (r"\byours\b", "mine"),
        (r"\byour\b", "my"),
        (r"\b(to|for|with|from|by|at|of|about) you\b", r"\1 me"),
        (r"\byou\b", "I"),
    ):
        text = re.sub(old, new, text, flags=re.IGNORECASE)
    return text.replace("I am {{char}}, ", "I am ").replace("{{char}}’s", "my").replace("{{char}}", "me")


_ARTICLE = re.compile(r"(?:an?|the)\s", re.IGNORECASE)
_LISTED = re.compile(
    r"[\w’'-]+(?:\s[\w’'-]+)?(?:(?:,\s*(?:and\s+)?|\s+and\s+|;\s*|\s*\+\s*)[\w’'-]+(?:\s[\w’'-]+)?)*"
)


def _fragment(text: str) -> str | None:
    """What is said without a subject: "Loves tea", "A retired captain", "kind, brave"."""
    if not text or "{{" in text:
        return None
    first, _, rest = text.partition(" ")
    low = first.lower().strip(",.;")
    if _ARTICLE.match(text):
        return _ended(f"I am {text[0].lower()}{text[1:]}")
    if low.endswith("s") and (base_of(low) in _COMMON_VERBS or low in _VERBS) and rest:
        return _ended(f"I {_verb(low, low)} {_tail(rest)}")
    if low in _ADVERBS and rest:
        verb, _, more = rest.partition(" ")
        return _ended(f"I {low} {_verb(verb.lower(), verb)} {_tail(more)}".rstrip())
    bare = text.rstrip(".")
    if _LISTED.fullmatch(bare) and len(bare.split()) <= 14:
        return _ended(f"I am {listed(re.split(r',| and |;|[+]', bare))}")
    return None


def _tail(text: str) -> str:
    """The rest of a fragment whose verb was turned: verbs after "and" follow."""
    words = _words(text)
    return "".join(
        _joined(word.lower(), word)
        if word[0].isalpha() and _neighbour(words, place, -1) in _JOINS
        else word
        for place, word in enumerate(words)
    )


def imperative(sentence: str) -> str | None:
    """An order as what the character does: "Speak in riddles." → "I speak in riddles."; else None."""
    text = _users(" ".join(sentence.split()))
    first, _, rest = text.partition(" ")
    low = first.lower().rstrip(",")
    if low in ("never", "always", "often", "rarely"):
        verb = rest.partition(" ")[0].lower()
        return _ended(f"I {low} {rest[0].lower()}{rest[1:]}") if verb in _COMMON_VERBS else None
    if low in ("don't", "don’t") or text.lower().startswith("do not "):
        return _ended(f"I {text[0].lower()}{text[1:]}")
    if low in _COMMON_VERBS and rest:
        return _ended(f"I {text[0].lower()}{text[1:]}").replace(" your ", " my ")
    return None


def listed(words: list[str]) -> str:
    """Words as people list them: "kind, brave and loyal"."""
    kept = [" ".join(word.split()) for word in words if word.strip()]
    kept = [word if word.isupper() else word[0].lower() + word[1:] for word in kept]
    kept = [re.sub(r"^and ", "", word) for word in kept]
    return kept[0] if len(kept) == 1 else f"{', '.join(kept[:-1])} and {kept[-1]}" if kept else ""


def pronoun_of(text: str) -> str:
    """The pronoun that a text uses most for one person; "they" when none stands out."""
    words = Counter(re.findall(r"\b(?:she|her|he|him|his|they|their|it|its)\b", text.lower()))
    she, he = words["she"] + words["her"], words["he"] + words["him"] + words["his"]
    if she or he:
        return "she" if she >= he else "he"
    return "they" if words["they"] else "it" if words["it"] > 2 else "they"


def _ended(text: str) -> str:
    """A sentence with a capital letter first and a mark at its end."""
    text = text.strip()
    if not text:
        return ""
    text = text[0].upper() + text[1:]
    return text if text[-1] in ".!?…\"”’'*)" else f"{text}."
