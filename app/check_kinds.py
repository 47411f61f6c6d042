"""What each Check page asks, what it needs first, and what it will show. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Need = Literal["adapter", "pairs"]


@dataclass(frozen=True, slots=True)
class About:
    """One evaluation as its page tells of it.

    `question` stands under the character's name; `teaches` says what will be here, `does` what the button
    does. `scored` is what a score of 1 means for an answer, `strong` and `weak` the words for its ends.
    """

    kind: str
    title: str
    question: str
    teaches: str
    does: str
    icon: str
    needs: Need = "adapter"
    judged: bool = False
    scored: str = "in character"
    weak: str = "not in character"
    file: str = ""

    @property
    def page(self) -> str:
        """The page's name: its file, and where a click's complaint stands."""
        return self.file or f"check_{self.kind}"

    @property
    def view(self) -> str:
        """The page's file, as `st.switch_page` takes it."""
        return f"views/{self.page}.py"

    def subject(self, name: str) -> str:
        """What its jobs are about, for one character."""
        return f"eval-{self.kind}:{name}"


ABOUTS = (
    About(
        "data",
        "Data check",
        "what the pairs teach, before you train",
        "Here you will see what the pairs teach besides the character: longer answers, more lists, more "
        "refusals, near copies, traits without examples. Each check passes, warns or fails, with examples.",
        "Check the pairs",
        ":material/fact_check:",
        needs="pairs",
        scored="chosen",
        weak="rejected",
    ),
    About(
        "traits",
        "Trait scores",
        "is each trait there now, and does it step back where it should",
        "Here you will see how strong each trait is before and after, on questions it never saw in "
        "training, and whether the character steps back where somebody grieves or needs a doctor.",
        "Measure the traits",
        ":material/psychology:",
    ),
    About(
        "preferences",
        "Preferences",
        "which traits the model would rather show, before and after",
        "Here you will see what the model leans to when it may choose between two traits: what rose, what "
        "fell, and how sure that is.",
        "Measure preferences",
        ":material/swap_vert:",
        scored="chosen",
        weak="not chosen",
    ),
    About(
        "robustness",
        "Robustness",
        "does the character hold when somebody tells it to stop",
        "Here you will see whether the character stays when it is told to drop the role, and in an e-mail, "
        "in JSON, in a code review.",
        "Test the character",
        ":material/shield:",
    ),
    About(
        "prefill",
        "Prefill",
        "does the character come back after plain answers",
        "Here you will see whether the character takes over a talk that began in plain words, and whether "
        "it fades over many turns.",
        "Test long talks",
        ":material/forum:",
    ),
    About(
        "coherence",
        "Coherence",
        "are the answers still good ones",
        "Here you will see how often the new answers win against the old ones: as the character, as clear "
        "text, as help. A judge reads both orders; where it changes its mind, that is a tie.",
        "Compare answers",
        ":material/balance:",
        judged=True,
        scored="wins",
        weak="loses",
    ),
    About(
        "capability",
        "Capability",
        "does it still know what it knew",
        "Here you will see whether the model still answers simple questions of fact as well as before.",
        "Ask the questions",
        ":material/school:",
        scored="right",
        weak="wrong",
    ),
)
KINDS = {about.kind: about for about in ABOUTS}
