"""How much disk the studio uses, by what it is for."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import streamlit as st

from core.settings import Settings

SECONDS_KEPT = 30.0


def used_by(settings: Settings) -> dict[str, int]:
    """Bytes by purpose, the largest first; what is not there is left out."""
    places = {
        "models": settings.model_path,
        "adapters": settings.lora_path,
        "runs": settings.runs_path,
        "characters": settings.data_path / "constitutions",
        "jobs": settings.data_path / "jobs",
    }
    sizes = {what: _size_of(str(path)) for what, path in places.items()}
    inside = [what for what, path in places.items() if path.is_relative_to(settings.data_path)]
    sizes["other files"] = _size_of(str(settings.data_path)) - sum(sizes[what] for what in inside)
    found = {what: size for what, size in sizes.items() if size > 0}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


@st.cache_data(ttl=SECONDS_KEPT, max_entries=32, show_spinner=False)
def _size_of(folder: str) -> int:
    """Bytes of all files below a folder; links are not followed, and what vanishes meanwhile is nothing."""
    total, open_folders = 0, [folder]
    while open_folders:
        try:
            with os.scandir(open_folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        open_folders.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue
    return total


def free_space(folder: Path) -> int | None:
    """Bytes free on the disk of a folder, which need not be there yet; None where that cannot be told."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None
