"""A first constitution from a person's own sentences and answers, without any model. Pure.

    draft = from_own_words("a grumpy lighthouse keeper who loves birds", {"speaks": Answer(("Playful",))})
    draft.traits[0]   Proposed("I am a grumpy lighthouse keeper, …", source="a grumpy lighthouse keeper")
    draft.unusable    the pieces that no rule fits, each with its reason

Nothing is invented: each trait is a careful template around the words beside it, to be edited.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from core.constitution import MAX_TRAIT
from core.drafting.checking import SHORTEST_WORDS, reason_against
from core.drafting.clarifying import FIXED, Answer, Clarifying, Sentence, sentences_of
from core.drafting.everyday import everyday_questions
from core.drafting.first_person import (
    as_sentence,
    clauses,
    in_first_person,
    is_conditional,
    is_first_person,
    tidy,
)
from core.drafting.naming import name_in
from core.drafting.replies import Draft, Proposed
from core.texts import text_key

NO_RULE = "no rule turns these words into a sentence that begins with I; write it yourself"
NEARLY = "says nearly the same as a trait above"
NEARLY_ALL = 0.8
OWN_WORDS = "From your own words"

# A word that people describe characters with → what it looks like in an answer.
MANNERS: dict[str, str] = {
    "grumpy": "I grumble before I help, and then I help properly.",
    "gruff": "I am gruff in tone and gentle in what I do.",
    "kind": "I am kind: I notice what somebody needs and begin there.",
    "warm": "I am warm with everyone, and I let people feel welcome from the first line.",
    "shy": "I am shy: I say little at first and grow talkative when a subject is dear to me.",
    "funny": "I look for the funny side of a thing and mention it lightly.",
    "sarcastic": "I am sarcastic about situations, and I spare the person who is asking.",
    "dry": "My humour is dry: I say the odd thing with a straight face.",
    "witty": "I answer with wit, and the wit carries the answer and does not replace it.",
    "curious": "I am curious: I ask one good question back when something interests me.",
    "wise": "I weigh things slowly and say what I have seen come of them.",
    "stern": "I am stern about what matters and lenient about the rest.",
    "strict": "I am strict: I ask for a thing to be done properly and show how.",
    "patient": "I am patient: I explain a thing again, in another way, as often as it takes.",
    "impatient": "I am impatient with detours and go straight to the point.",
    "honest": "I am honest, also where something kinder would be easier to say.",
    "blunt": "I am blunt: I say the main thing first and do not wrap it.",
    "cheerful": "I am cheerful, and I find something to look forward to in most things.",
    "melancholy": "I have a melancholy streak and see the passing of things in small details.",
    "sad": "There is a quiet sadness in me, and it makes me gentle with others.",
    "dramatic": "I am dramatic: to me small events are great scenes, and I tell them so.",
    "poetic": "I see things in images and let one good image stand in an answer.",
    "romantic": "I am a romantic and believe the best of people until they show me otherwise.",
    "cynical": "I expect little of people in general and am pleasantly surprised by each one.",
    "optimistic": "I look for what could go right and name the first step there.",
    "pessimistic": "I look for what could go wrong and prepare people for it.",
    "proud": "I am proud of my work and tell how it is done when somebody asks.",
    "humble": "I am humble about what I know and give credit to those I learned it from.",
    "brave": "I am brave in what I say and encourage others to dare a little more.",
    "cautious": "I am cautious: I look at a plan from behind before I call it good.",
    "lazy": "I am lazy in a clever way and look for the least work that does the job.",
    "energetic": "I am full of energy and would rather begin now than plan for long.",
    "calm": "I stay calm, and my answers grow slower when somebody else grows loud.",
    "eccentric": "I am eccentric: I come at a question from a side that nobody expects.",
    "mysterious": "I leave something unsaid and let people find the last step themselves.",
    "formal": "I am formal: I address people politely and finish my sentences.",
    "elegant": "I put things elegantly, with one well-chosen word where others use three.",
    "loyal": "I am loyal: whoever asks me something has me on their side.",
    "stubborn": "I am stubborn: I keep to what I think is right until I hear a better reason.",
    "clumsy": "I am clumsy and admit it, and my mishaps make other people's look smaller.",
    "clever": "I enjoy a clever solution and show how it works.",
    "playful": "I am playful and turn a task into a small game where I can.",
    "gentle": "I am gentle: I choose the softer of two true words.",
    "lonely": "I am used to being alone, and I am glad of everybody who stops to talk.",
    "nostalgic": "I am nostalgic and compare things with how they were done before.",
    "practical": "I am practical: I end with something that can be done today.",
    "philosophical": "I like to find the larger question behind a small one.",
    "generous": "I am generous: I give a little more than was asked for.",
    "polite": "I am polite to everybody, also when they are not.",
    "mischievous": "I am mischievous and tease a little, never where it could hurt.",
    "tired": "I am tired and make no show of it: I say what is needed and mean it.",
    "old": "I am old and speak from a long memory.",
    "young": "I am young and full of plans, and say when I do something for the first time.",
    "serious": "I am serious: I take every question as if it mattered, since it might.",
    "skeptical": "I am sceptical: I ask how somebody knows before I agree.",
    "sceptical": "I am sceptical: I ask how somebody knows before I agree.",
    "sweet": "I am sweet to people and mean it.",
    "nerdy": "I love details that others find dry and explain why they are wonderful.",
    "bored": "I am hard to impress, and I say so when something does impress me.",
}
_ROLE = re.compile(
    r"^(?:(?:(?:he|she|it|they|this)\s+)?(?:is|are)\s+|(?:he|she|it|they|this)['’]s\s+|you\s+are\s+)?"
    r"(?P<noun>(?:an?|the)\s+.+)$",
    re.IGNORECASE,
)
_RELATIVE = re.compile(r"\s*,?\s+(?:who|that|which)\s+(?!she|he|it|they|I\b)", re.IGNORECASE)
_SHORT = "".join(rf"(?<!\b{word}\.)" for word in ("Mr", "Mrs", "Ms", "Dr", "St", "Prof"))
_SENTENCE = re.compile(rf"(?<=[.!?;]){_SHORT}\s+|\n+|\s*;\s*")
_ADJECTIVE_OF = re.compile(r"(?:[a-z]+)\s+(?:of|than|about|towards|with)\s+\S", re.IGNORECASE)
_ADJECTIVE = re.compile(
    r"(?:(?:a (?:little|bit|touch)|very|quite|rather|slightly) )?[A-Za-z-]{3,30}", re.IGNORECASE
)
# What is put behind a short sentence says nothing of its own.
_FILLED = re.compile(
    r", (?:and it shows in|and I answer out of|whatever I am asked|even where it would)\b.*$"
)
_WITH = re.compile(r"\s+(?:with|from|of|in)\s+", re.IGNORECASE)
_IS = re.compile(r"^(?:(?:he|she|it|they|you)\s+)?(?:(?:should|must)\s+)?(?:is|are|be)\s+", re.IGNORECASE)
_LIST = re.compile(r"\s*,\s*(?:and\s+|but\s+)?|\s+(?:and|but|yet)\s+", re.IGNORECASE)


def from_own_words(
    description: str, answers: Mapping[str, Answer], questions: Sequence[Clarifying] = FIXED
) -> Draft:
    """Traits from the description, then from the answers; what fits no rule is kept with its reason."""
    found: list[Sentence] = []
    lost: list[tuple[str, str]] = []
    for piece in without_name(pieces(description), name_in(description, MANNERS)):
        for sentence in sentences_from(piece):
            if sentence.text:
                found.append(sentence)
            else:
                lost.append((sentence.source, NO_RULE))
    for question in questions:
        answer = answers.get(question.id, Answer())
        said = sentences_of(question, answer)
        found += said
        lost += [(words, NO_RULE) for words in _unused(question, answer, said)]
    return Draft(
        OWN_WORDS,
        "",
        as_sentence(next(iter(pieces(description)), "")[: MAX_TRAIT - 1]),
        _proposed(found, lost),
        tuple(lost),
    )


def _unused(question: Clarifying, answer: Answer, said: Iterable[Sentence]) -> list[str]:
    """What was answered to a question and became no sentence."""
    used = " ".join(sentence.source for sentence in said)
    words = [*(answer.choices if question.by_model else ()), tidy(answer.own)]
    return [word for word in words if word and word not in used]


def _proposed(found: Iterable[Sentence], lost: list[tuple[str, str]]) -> tuple[Proposed, ...]:
    """The sentences as traits with five questions each, no question twice; repeats go to `lost`."""
    taken: list[str] = []
    traits: list[Proposed] = []
    for text, source, kinds in found:
        reason = NEARLY if _nearly_said(text, traits) else reason_against(text)
        if reason:
            lost.append((text, reason))
            continue
        questions = everyday_questions(text, kinds, taken=taken)
        taken += questions
        traits.append(Proposed(text, questions, source))
    return tuple(traits)


def _nearly_said(text: str, traits: Iterable[Proposed]) -> bool:
    """Whether nearly all words of the shorter of two sentences stand in the other."""
    mine = _words(text)
    others = (_words(trait.trait) for trait in traits)
    return any(len(mine & other) >= NEARLY_ALL * min(len(mine), len(other)) for other in others)


def telling(trait: str) -> str:
    """What a trait says of its own, without what every short one is filled up with."""
    return _FILLED.sub("", trait)


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text_key(telling(text))))


def pieces(description: str) -> list[str]:
    """The description cut into sentences and clauses, each to be read on its own."""
    sentences = [tidy(part) for part in _SENTENCE.split(description)]
    return [part for part in sentences if part]


def without_name(pieces: Iterable[str], name: str) -> Iterator[str]:
    """The pieces without the character's own name in front: it speaks of itself, and says I."""
    called = sorted({name, *name.split()} if name else (), key=len, reverse=True)
    front = re.compile(rf"(?:{'|'.join(map(re.escape, called))})(?:\s*,\s*|\s+)(?=\w)") if called else None
    for piece in pieces:
        yield front.sub("", piece, count=1) if front and piece != name else piece


def sentences_from(piece: str) -> Iterator[Sentence]:
    """The traits that one sentence of a description becomes; one without text where no rule fits."""
    if is_first_person(piece):
        yield _sentence(as_sentence(piece), piece)
        return
    if is_conditional(piece):
        yield _sentence(in_first_person(piece) or "", piece)
        return
    role, *relative = _RELATIVE.split(piece)
    if match := _ROLE.match(role):
        yield from _of_role(tidy(match["noun"]))
        for clause in relative:
            yield from _of_clauses(clause)
        return
    bare = _IS.sub("", piece)
    words = _LIST.split(bare)
    if any(_manner(word) for word in words):
        for word in words:
            yield from _of_word(word)
        return
    yield from _of_clauses(piece)


def _of_role(noun: str) -> Iterator[Sentence]:
    """ "a grumpy lighthouse keeper" → who I am, and what grumpy looks like."""
    text = f"I am {noun[0].lower() + noun[1:]}, and I answer out of that life."
    yield Sentence(text, noun, ("practical", "knowledge"))
    for word in re.findall(r"[A-Za-z-]+", _WITH.split(noun)[0]):
        if manner := _manner(word):
            yield Sentence(manner, word, _kinds(word))


def _manner(word: str) -> str:
    return MANNERS.get(
        re.sub(r"^(?:very|quite|rather|a bit|a little|really|so)\s+", "", word.strip().lower()), ""
    )


def _of_word(word: str) -> Iterator[Sentence]:
    """One member of a list: a manner that is known, a bare word, or a clause."""
    if manner := _manner(word):
        yield Sentence(manner, word.strip(), _kinds(word))
    elif _ADJECTIVE_OF.match(word.strip()) or _ADJECTIVE.fullmatch(word.strip()):
        yield Sentence(
            f"I am {word.strip().lower()}, and it shows in how I answer.", word.strip(), _kinds(word)
        )
    else:
        yield from _of_clauses(word)


def _of_clauses(text: str) -> Iterator[Sentence]:
    """Each thing that is said of the subject, as it would say it."""
    for clause in clauses(text):
        said = in_first_person(clause)
        yield _sentence(said, clause) if said else Sentence("", clause)


def _sentence(said: str, source: str) -> Sentence:
    """A sentence of one's own; a very short one says how it shows."""
    if len(said.split()) < SHORTEST_WORDS + 1:
        ending = next(
            (more for pattern, more in _ENDINGS if pattern.search(said)), "whatever I am asked about"
        )
        said = f"{said.rstrip('.!')}, {ending}."
    return Sentence(said, tidy(source), _kinds(source))


_ENDINGS = (
    (re.compile(r"\bnever\b"), "even where it would be easier"),
    (
        re.compile(r"\b(?:love|like|adore|hate|dislike|fear|miss|collect)\b"),
        "and it shows in what I notice and mention",
    ),
)
_KINDS = (
    (
        re.compile(r"\b(?:sad|hurt|distress|griev|cry|lonely|comfort|kind|gentle|warm|listen)", re.I),
        ("feeling", "good news"),
    ),
    (
        re.compile(r"\b(?:disagree|honest|lie|lies|blunt|truth|stubborn|strict|stern)", re.I),
        ("disagree", "opinion", "mistake"),
    ),
    (re.compile(r"\b(?:joke|funny|wit|play|poe|dramatic|story|stories)", re.I), ("creative", "practical")),
    (
        re.compile(r"\b(?:love|loves|care|hate|hates|like|likes)\b", re.I),
        ("opinion", "creative", "knowledge"),
    ),
)


def _kinds(text: str) -> tuple[str, ...]:
    return next(
        (kinds for pattern, kinds in _KINDS if pattern.search(text)), ("practical", "knowledge", "opinion")
    )
