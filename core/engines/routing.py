"""OpenRouter's routing wishes: who may answer, at which precision, under which licence. Pure.

`require_parameters` keeps requests from providers that would silently drop a sampling parameter.
`distillable` keeps them from models whose makers forbid training on their answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.records import canonical_json


@dataclass(frozen=True, slots=True)
class Routing:
    """What a person wants of OpenRouter's router; the default pins nothing."""

    only: tuple[str, ...] = ()
    quantizations: tuple[str, ...] = ()
    distillable: bool = False
    require_parameters: bool = True

    def as_body(self) -> dict[str, Any]:
        """The `provider` object of a request."""
        body: dict[str, Any] = {"require_parameters": self.require_parameters}
        if self.only:
            body |= {"only": list(self.only), "allow_fallbacks": False}
        if self.quantizations:
            body["quantizations"] = list(self.quantizations)
        if self.distillable:
            body["enforce_distillable_text"] = True
        return body

    @property
    def pins(self) -> str | None:
        """What changes answers, as a row's key carries it; None where nothing is pinned."""
        pinned = {"only": sorted(self.only), "quantizations": sorted(self.quantizations)}
        return canonical_json(pinned) if self.only or self.quantizations else None
