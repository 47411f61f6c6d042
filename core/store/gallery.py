"""The gallery's notes on disk, beside the shipped constitutions."""

from __future__ import annotations

from core.gallery import Note, read_gallery
from core.settings import Settings
from core.store.shelf import read


def gallery(settings: Settings) -> dict[str, Note]:
    """The note of every shipped character that has one; none where the file is missing.

    Raises ConstitutionError with everything that is wrong in it.
    """
    path = settings.constitution_path / "gallery.json"
    data = read(path)
    return read_gallery(data, str(path)) if data is not None else {}
