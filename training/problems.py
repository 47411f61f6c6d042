"""What can go wrong while training, in words for the person who must act on it."""

from __future__ import annotations

from core.errors import CoreError


class TrainingError(CoreError):
    """A model cannot be trained, merged or converted as asked; the message says why and what to do."""


class Stopped(BaseException):
    """SIGTERM or Ctrl-C arrived: save what is finished and end with exit code 130."""
