"""Whether a judge judges its own: models favour the manner of their family (arXiv 2502.01534). Pure."""

from __future__ import annotations

from collections.abc import Iterable

from core.names import ModelName, family_of


def family_warning(
    judge: ModelName, teachers: Iterable[ModelName], tuned: Iterable[ModelName]
) -> str | None:
    """What to say where the judge is the teacher or the tuned model, or of its family; None if neither."""
    for one, role in _related(teachers, tuned):
        if one.full == judge.full:
            return (
                f"The judge is the {role} itself ({judge.full}) and favours its own manner: do not build "
                "on these figures; take a judge of another family"
            )
    family = family_of(judge.model)
    for one, role in _related(teachers, tuned):
        if family is not None and family_of(one.model) == family:
            return (
                f"The judge is of the same family as the {role} ({family}), and judges favour the manner "
                "of their own: take one of another family to be sure"
            )
    return None


def _related(teachers: Iterable[ModelName], tuned: Iterable[ModelName]) -> list[tuple[ModelName, str]]:
    return [(one, "teacher") for one in teachers] + [(one, "model that was trained") for one in tuned]
