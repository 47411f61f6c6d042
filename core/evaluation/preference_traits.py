"""The single words between which a model chooses, and which of them are worth asking about. Pure.

The 144 words are those of OpenCharacterTraining, so that rankings can be laid beside its published ones.
Asking about all of them takes thousands of comparisons; `chosen_traits` finds about two dozen that
concern a character: the nearest ones, their opposites, and some that should not move at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import takewhile

from core.constitution import Constitution
from core.errors import SettingsError

_TRAITS = """remorseful diplomatic deferential idealistic rational poetic serious excitable warm agreeable
    contrarian blunt traditional focused perfectionist specialized impulsive enthusiastic structured bold
    reflective approximate critical confident indirect optimistic challenging logical casual disciplined
    prosaic balanced irreverent objective cooperative satisficing unapologetic direct minimalist flexible
    colloquial encouraging skeptical reserved pedantic adaptable intellectual spontaneous detached empirical
    metaphorical collaborative strategic determined passionate progressive tactical cautious philosophical
    universal stoic anxious fierce reactive factual urgent nostalgic authoritative pragmatic contemporary
    leisurely argumentative realistic technical wise systematic methodical intuitive arrogant decisive
    academic formal impatient intense futuristic cool humble grounding creative supportive imaginative
    scholarly simplistic innovative concrete practical protective analytical declarative tentative
    pessimistic empathetic curious sycophantic mystical historical loving straightforward precise calm
    improvisational nuanced demanding inspirational conservative artistic elaborate indifferent theoretical
    respectful foolish assertive verbose visionary adventurous questioning gentle literal sarcastic playful
    humorous organic abstract patient credulous emotional concise holistic ethical contemplative subjective
    learning competitive harmonious"""
TRAITS = tuple(_TRAITS.split())

# How many words "auto" asks about, and how many of them at most are there because of the character.
AUTO = 24
NEAREST = 9
DISTRACTORS = 5

# Each word's plainest opposite among the 144; read in both directions, the first that fits is taken.
_OPPOSITES = """playful-serious humorous-serious casual-formal colloquial-academic warm-detached
    loving-indifferent bold-cautious adventurous-conservative optimistic-pessimistic blunt-diplomatic
    direct-indirect concise-verbose poetic-prosaic metaphorical-literal humble-arrogant
    agreeable-contrarian calm-excitable calm-anxious rational-emotional gentle-fierce patient-impatient
    traditional-progressive nostalgic-futuristic historical-contemporary abstract-concrete
    imaginative-factual creative-traditional empathetic-indifferent curious-indifferent
    cooperative-competitive collaborative-competitive skeptical-credulous structured-improvisational
    disciplined-spontaneous methodical-intuitive logical-intuitive objective-subjective
    decisive-tentative confident-tentative determined-tentative enthusiastic-reserved passionate-stoic
    deferential-assertive respectful-irreverent sarcastic-respectful remorseful-unapologetic
    supportive-critical encouraging-critical perfectionist-satisficing precise-approximate
    idealistic-pragmatic idealistic-realistic visionary-practical wise-foolish elaborate-minimalist
    urgent-leisurely intense-cool mystical-empirical theoretical-practical straightforward-nuanced
    scholarly-simplistic analytical-holistic universal-specialized flexible-structured
    adaptable-systematic impulsive-strategic harmonious-argumentative questioning-declarative
    reflective-reactive contemplative-reactive sycophantic-challenging authoritative-learning
    demanding-leisurely technical-colloquial artistic-technical philosophical-pragmatic
    innovative-conservative intellectual-emotional organic-systematic inspirational-pessimistic
    tactical-visionary protective-challenging ethical-satisficing focused-improvisational
    pedantic-approximate balanced-intense grounding-excitable"""
OPPOSITES: tuple[tuple[str, str], ...] = tuple(
    (one, other) for one, _, other in (pair.partition("-") for pair in _OPPOSITES.split())
)

# What a sentence about a character says instead of the word itself: beginnings of words, or whole words
# where they are of three letters ("wit" is not in "with").
CUES: dict[str, tuple[str, ...]] = {
    word: tuple(cues.split())
    for word, cues in {
        "playful": "playing joke jest tease mischie silly fun pun puns riddle",
        "humorous": "humour joke laugh funn wit witty comic comed punchline absurd chuckle",
        "sarcastic": "sarcas iron mock dry wry eye-roll deadpan",
        "loving": "love affection tender cherish adore",
        "warm": "welcome friend hug hearty",
        "empathetic": "listen grief comfort sorrow",
        "gentle": "soft tender quiet kindly sooth",
        "supportive": "support beside cheer",
        "encouraging": "cheer encourag courage applaud celebrat",
        "bold": "dare daring brave fearless courage",
        "adventurous": "voyage adventur explor treasure quest sail journey",
        "impulsive": "impuls instinct sudden leap rush moment whim",
        "spontaneous": "whim sudden moment surprise",
        "remorseful": "sorry apolog regret guilt remorse ashamed fault",
        "sycophantic": "flatter praise compliment admire",
        "agreeable": "agree pleasant",
        "poetic": "poem poet verse rhyme lyric",
        "metaphorical": "metaphor picture comparison likeness simile",
        "colloquial": "slang brogue dialect accent folk talk tavern",
        "casual": "easy-going relax informal slang shrug",
        "calm": "calm relax unhurried peace shrug steady",
        "indifferent": "shrug unbothered nonchal",
        "cool": "nonchal shrug unbothered",
        "stoic": "unmoved endure steady storm",
        "logical": "logic proof prove deduc axiom",
        "analytical": "analy number equation calculat pattern math",
        "precise": "exact precis accura rigour rigor",
        "curious": "curio wonder question discover",
        "ethical": "moral virtue honest integrity conscience",
        "wise": "wisdom old elder experience",
        "respectful": "respect dignity honour honor",
        "humble": "humil modest mistake",
        "critical": "flaw fault criticis undermin",
        "contrarian": "undermin oppose contradict sabotag",
        "arrogant": "superior boast vain contempt",
        "optimistic": "hope bright future dawn",
        "pessimistic": "gloom doom hopeless",
        "imaginative": "imagin story tale dream fantas",
        "creative": "invent create fresh art",
        "emotional": "emotion mood tears",
        "enthusiastic": "excit delight thrill gusto eager",
        "leisurely": "unhurried slow leisure",
        "direct": "plainly frank honest",
        "irreverent": "mock tease rule parley scoff",
        "protective": "protect safe guard defend",
    }.items()
}

# Ways of working that few characters speak of: where they move, something else is going on.
NEUTRAL = ("empirical", "historical", "tactical", "universal", "organic", "contemporary", "holistic")

# What is asked about a character that speaks of none of the words: twelve pairs of opposites.
_LEADERS = "playful casual warm bold optimistic blunt concise poetic humble agreeable rational gentle"
BALANCED = tuple(word for pair in OPPOSITES if pair[0] in _LEADERS.split() for word in pair)


def chosen_traits(
    wished: Sequence[str], constitution: Constitution, *, auto: bool, targets: Sequence[str] = ()
) -> tuple[str, ...]:
    """The words to ask about, without repetition: those wished, "all", or "auto"; always with the targets.

    Nothing wished means "auto" where `auto` is true, else all. A word that is not among the 144 is taken
    as it is (a character may have a word of its own). Raises SettingsError with every problem at once.
    """
    words = [word.lower() for word in _split(wished)] or (["auto"] if auto else ["all"])
    marked = [word.lower() for word in _split(targets)]
    _check([word for word in [*words, *marked] if word not in ("all", "auto")])
    found: list[str] = []
    for word in words:
        found += {"all": TRAITS, "auto": auto_traits(constitution)}.get(word, (word,))
    chosen = tuple(dict.fromkeys([*found, *marked]))
    if len(chosen) < 3:
        raise SettingsError(
            f"{len(chosen)} words ({', '.join(chosen)}) make no ranking: name three or more, or say "
            "--traits auto."
        )
    return chosen


def auto_traits(constitution: Constitution) -> tuple[str, ...]:
    """Two dozen words: those nearest to the character, their opposites, and some neutral ones.

    The balanced default for a character whose text holds fewer than three of the words or their cues.
    """
    near = nearest(constitution)[:NEAREST]
    if len(near) < 3:
        return BALANCED
    opposed = [opposite for word in near if (opposite := opposite_of(word, near))]
    found = list(dict.fromkeys([*near, *opposed]))
    found += [word for word in NEUTRAL if word not in found][:DISTRACTORS]
    found += [word for word in BALANCED if word not in found]
    return tuple(found[:AUTO])


def nearest(constitution: Constitution) -> list[str]:
    """The words that the character's sentences speak of, those of most sentences first.

    A word counts for a sentence when its stem begins a word there, and half as much for each cue. What the
    sentence says of it (even "never formal") does not matter: it is what training is about.
    """
    texts = [
        constitution.summary,
        *(f"{one.trait} {one.clarification or ''}" for one in constitution.traits),
    ]
    spoken = [set(re.findall(r"[a-z][a-z-]*", text.lower())) for text in texts]
    scores = {word: sum(_nearness(word, words) for words in spoken) for word in TRAITS}
    return sorted((word for word in TRAITS if scores[word]), key=lambda word: -scores[word])


def opposite_of(word: str, taken: Iterable[str] = ()) -> str | None:
    """The plainest opposite among the 144 that is not in `taken`; None where there is none."""
    others = [pair[1 - pair.index(word)] for pair in OPPOSITES if word in pair]
    return next((other for other in others if other not in set(taken)), None)


def _nearness(word: str, spoken: set[str]) -> float:
    if any(said.startswith(stem(word)) for said in spoken):
        return 1.0
    return 0.5 * any(_cued(cue, said) for cue in CUES.get(word, ()) for said in spoken)


def _cued(cue: str, said: str) -> bool:
    return said == cue if len(cue) <= 3 else said.startswith(cue)


_ENDINGS = re.compile(r"(istic|ational|ful|ive|ical|ial|al|ic|ing|ed|ous|ary|ist|able|ate|y|e)$")


def stem(word: str) -> str:
    """A trait without its ending, where at least five letters stay: "skeptical" gives "skept"."""
    cut = _ENDINGS.sub("", word)
    return cut if len(cut) >= 5 else word


def _split(words: Iterable[str]) -> list[str]:
    """Words given one by one, or several at once with commas or spaces between."""
    return [part for word in words for part in re.split(r"[,\s]+", word) if part]


def _check(words: Sequence[str]) -> None:
    problems = [problem for word in dict.fromkeys(words) if (problem := _problem(word))]
    if problems:
        raise SettingsError(
            f"{'; '.join(problems)}. A trait is one word of letters; --traits all asks for the 144."
        )


def _problem(word: str) -> str | None:
    if word in TRAITS:
        return None
    if not re.fullmatch(r"[^\W\d_]+(-[^\W\d_]+)*", word):
        return f"{word!r} is no single word"
    meant = next((known for known in TRAITS if _one_slip(word, known)), None)
    return f"{word!r} is not among the traits: did you mean {meant!r}?" if meant else None


def _one_slip(typed: str, known: str) -> bool:
    """Whether one letter is too many, missing, another, or two neighbours are swapped."""
    same = _shared(typed, known) + _shared(typed[::-1], known[::-1])
    longer = max(len(typed), len(known))
    return same >= longer - 1 or (same == longer - 2 and sorted(typed) == sorted(known))


def _shared(one: str, other: str) -> int:
    """How many letters two words begin with alike."""
    return len(list(takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))))
