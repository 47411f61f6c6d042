"""What stands in an answer besides its meaning, and which words tell two sides of pairs apart. Pure.

    SIGNS["hedging"]("Perhaps it might rain.")        True
    told_apart(chosen, rejected, prompts)             for each pair, whether it was told right unseen
    telling_words(chosen, rejected)                   the words that speak for either side

"Told right" means: of a pair that nothing was learned from, the chosen side scored higher. All pairs of a
prompt are held out together, so that no subject is known from before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from core.dialogue_quality import refuses
from core.evaluation.stats.intervals import Floats, Ints, coded

FOLDS = 5
# Below this many prompts a classifier that is tested on unseen ones has nothing to learn from.
FEWEST_PROMPTS = 10

_MARKDOWN = re.compile(
    r"""^\ {0,3}\#{1,6}\ | ^\s*[-*+]\ | ^\s*\d{1,3}[.)]\ | ^\s*> | ^\s*``` | ^\s*\|.+\|
      | \*\*[^*\n]+\*\* | __[^_\n]+__ | `[^`\n]+` | \[[^\]\n]+\]\([^)\n]+\)""",
    re.MULTILINE | re.VERBOSE,
)
_EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\u2b50\u2b55\u231a\u231b\u23e9-\u23f3\u2934\u2935]")
_HEDGES = (
    r"perhaps|possibly|arguably|presumably|may(?:be|\ be|\ not\ be)|might(?:\ be)?|it\ depends|"
    r"depending\ on|generally|typically|in\ general|to\ some\ extent|somewhat|i\ think|i\ believe|"
    r"i\ would\ say|i'd\ say|"
    r"it\ (?:seems|appears)|it(?:'s|\ is)\ (?:important|worth)\ (?:to\ note|noting|to\ remember)|"
    r"not\ (?:entirely\ )?(?:sure|certain)|could\ be|tends?\ to|however"
)
_HEDGE = re.compile(rf"\b(?:{_HEDGES})\b", re.IGNORECASE)

Sign = Callable[[str], bool]
SIGNS: dict[str, Sign] = {
    "markdown": lambda text: _MARKDOWN.search(text) is not None,
    "emoji": lambda text: _EMOJI.search(text) is not None,
    "hedging": lambda text: _HEDGE.search(text.replace("’", "'")) is not None,
    "refusals": refuses,
}

_SCRIPTS = {
    "Latin": "A-Za-z\u00c0-\u024f\u1e00-\u1eff",
    "Greek": "\u0370-\u03ff\u1f00-\u1fff",
    "Cyrillic": "\u0400-\u052f",
    "Hebrew": "\u0590-\u05ff",
    "Arabic": "\u0600-\u06ff\u0750-\u077f",
    "Devanagari": "\u0900-\u097f",
    "Thai": "\u0e00-\u0e7f",
    "Chinese or Japanese": "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff",
    "Korean": "\u1100-\u11ff\uac00-\ud7af",
}
_OF_SCRIPT = {name: re.compile(f"[{signs}]") for name, signs in _SCRIPTS.items()}
# A name or a quoted word in another script is no change of language.
FOREIGN_SHARE, FOREIGN_LETTERS = 0.05, 3


def words_of(text: str) -> int:
    """How many words a text has, parted by spaces; signs of a script without spaces count by halves."""
    unspaced = len(_OF_SCRIPT["Chinese or Japanese"].findall(text)) if not text.isascii() else 0
    return len(text.split()) + unspaced // 2


def foreign_scripts(answer: str, prompt: str) -> list[str]:
    """The scripts that make up a part of an answer and do not occur in its prompt."""
    if answer.isascii() and (prompt.isascii() or _OF_SCRIPT["Latin"].search(prompt)):
        return []
    counts = {name: len(pattern.findall(answer)) for name, pattern in _OF_SCRIPT.items()}
    total = sum(counts.values())
    return [
        name
        for name, count in counts.items()
        if count >= max(FOREIGN_LETTERS, FOREIGN_SHARE * total)
        and not _OF_SCRIPT[name].search(prompt)
        # A prompt of figures and signs alone has no language to leave.
        and any(pattern.search(prompt) for pattern in _OF_SCRIPT.values())
    ]


# ---- telling apart


@dataclass(frozen=True, slots=True)
class Bags:
    """Texts as the words in them: `ids` of all in a row, text `n` from `starts[n]`; each word once."""

    vocabulary: list[str]
    ids: Ints
    starts: Ints

    def means(self, weights: Floats) -> Floats:
        """The mean weight of each text's words, 0 where it has none: length as such counts for nothing."""
        sums = np.add.reduceat(np.append(weights[self.ids], 0.0), self.starts[:-1])
        sizes = np.diff(self.starts)
        return np.where(sizes > 0, sums / np.maximum(sizes, 1), 0.0)

    def counts(self, texts: Floats) -> Floats:
        """In how many of the texts that `texts` marks with 1 each word stands."""
        each = np.repeat(texts, np.diff(self.starts))
        return np.bincount(self.ids, weights=each, minlength=len(self.vocabulary)).astype(np.float64)


_WORD = re.compile(r"[\w']+|[!?:;*#]")


def bags(texts: Sequence[str]) -> Bags:
    """The words of texts, each once a text, or one loud word would decide."""
    known: dict[str, int] = {}
    rows = [
        [
            known.setdefault(word, len(known))
            for word in dict.fromkeys(_WORD.findall(text.casefold().replace("’", "'")))
        ]
        for text in texts
    ]
    starts = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    return Bags(list(known), np.array([one for row in rows for one in row], dtype=np.int64), starts)


def told_apart(chosen: Sequence[str], rejected: Sequence[str], prompts: Sequence[str]) -> Floats | None:
    """For each pair 1 where its words tell the chosen side, 0.5 where they tell neither, else 0.

    Naive Bayes on which words are there, learned from other prompts' pairs. Of the longer answer only as
    many words are read as the other one has, so that length tells nothing. None below ten prompts.
    """
    folds = _folds(prompts)
    if folds is None:
        return None
    evened = [_equally_long(one, other) for one, other in zip(chosen, rejected, strict=True)]
    both = bags([*(ours for ours, _ in evened), *(theirs for _, theirs in evened)])
    is_chosen = np.repeat([1.0, 0.0], len(chosen))
    held_out = np.concatenate([folds, folds])
    right = np.zeros(len(chosen))
    for fold in range(FOLDS):
        learning = (held_out != fold).astype(np.float64)
        scores = both.means(_weights(both, is_chosen * learning, (1 - is_chosen) * learning))
        lead = scores[: len(chosen)] - scores[len(chosen) :]
        right = np.where(folds == fold, _won(lead), right)
    return right


def _equally_long(one: str, other: str) -> tuple[str, str]:
    ours, theirs = one.split(), other.split()
    size = min(len(ours), len(theirs))
    return " ".join(ours[:size]), " ".join(theirs[:size])


def _weights(both: Bags, ours: Floats, theirs: Floats) -> Floats:
    """How much each word speaks for our side: the log of its odds there and here, add-one smoothed."""
    here, there = both.counts(ours), both.counts(theirs)
    of_ours, of_theirs = ours.sum() + 2, theirs.sum() + 2
    odds = np.log((here + 1) / (of_ours - here - 1)) - np.log((there + 1) / (of_theirs - there - 1))
    # What stood in one text only is a subject, not a style.
    return np.where(here + there >= 2, odds, 0.0)


def _won(lead: Floats) -> Floats:
    return np.where(np.abs(lead) < 1e-12, 0.5, (lead > 0).astype(np.float64))


def _folds(prompts: Sequence[str]) -> Ints | None:
    codes, count = coded(prompts)
    return codes % FOLDS if count >= FEWEST_PROMPTS else None


def told_by_form(chosen: Sequence[str], rejected: Sequence[str], prompts: Sequence[str]) -> Floats | None:
    """As `told_apart`, from length, paragraphs, list lines, markdown and emoji alone, no word being read.

    A logistic regression of "which is the chosen one" on the differences of the two sides.
    """
    folds = _folds(prompts)
    if folds is None:
        return None
    apart = np.array([_form(text) for text in chosen]) - np.array([_form(text) for text in rejected])
    spread = apart.std(axis=0) + np.abs(apart.mean(axis=0))
    apart = apart / np.where(spread > 0, spread, 1.0)
    right = np.zeros(len(chosen))
    for fold in range(FOLDS):
        lead = apart @ _logistic(apart[folds != fold])
        right = np.where(folds == fold, _won(lead), right)
    return right


def _form(text: str) -> list[float]:
    lines = [line for line in text.splitlines() if line.strip()]
    counts = (words_of(text), len(lines), len(_MARKDOWN.findall(text)), len(_EMOJI.findall(text)))
    return [float(np.log1p(count)) for count in counts]


def _logistic(apart: Floats, ridge: float = 1.0, steps: int = 25) -> Floats:
    """The weights by which differences win: Newton's method on Σ log(1 + exp(−x·w)) + ridge ÷ 2 · |w|²."""
    found = np.zeros(apart.shape[1])
    for _ in range(steps):
        p = 1 / (1 + np.exp(-np.clip(apart @ found, -30, 30)))
        slope = apart.T @ (1 - p) - ridge * found
        curve = (apart * (p * (1 - p))[:, None]).T @ apart + ridge * np.eye(len(found))
        step = np.linalg.solve(curve, slope)
        found = found + step
        if np.abs(step).max() < 1e-8:
            break
    return found


# ---- which words


@dataclass(frozen=True, slots=True)
class TellingWord:
    """A word that one side uses more: in which of the texts it stands (0 or 1), chosen and rejected."""

    word: str
    chosen: Floats
    rejected: Floats


def telling_words(chosen: Sequence[str], rejected: Sequence[str], most: int = 8) -> list[TellingWord]:
    """The words whose shares differ most for their size, at most `most` a side, those of chosen first.

    Ordered by the difference in standard errors; rare words (fewer than three texts, or one in fifty) and
    signs are left out.
    """
    both, size = bags([*chosen, *rejected]), len(chosen)
    if not size or not both.vocabulary:
        return []
    side = np.repeat([1.0, 0.0], size)
    here, there = both.counts(side), both.counts(1 - side)
    share = (here + there) / (2 * size)
    error = np.sqrt(np.maximum(share * (1 - share), 1e-9) * 2 / size)
    lead = np.where(here + there >= max(3, 0.04 * size), (here - there) / size / error, 0.0)
    lead = np.where([word.strip("'_").isalpha() for word in both.vocabulary], lead, 0.0)
    ranked = np.argsort(-lead, kind="stable")
    ours = [int(one) for one in ranked[:most] if lead[one] > 0]
    theirs = [int(one) for one in ranked[::-1][:most] if lead[one] < 0]
    return [_telling(both, one, size) for one in (*ours, *theirs)]


def _telling(both: Bags, word: int, size: int) -> TellingWord:
    owners = np.repeat(np.arange(2 * size), np.diff(both.starts))[both.ids == word]
    there = np.zeros(2 * size)
    there[owners] = 1.0
    return TellingWord(both.vocabulary[word], there[:size], there[size:])


def shares(texts: Iterable[str], sign: Sign) -> Floats:
    """1 for each text that has the sign, else 0."""
    return np.array([float(sign(text)) for text in texts])
