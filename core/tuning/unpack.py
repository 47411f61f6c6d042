"""An adapter's archive opened safely: weights as safetensors and plain text, nothing that can run.

Together sends .tar.zst or .tar.gz. Only plain files of known kinds are taken, by their last name, from the
folder that holds adapter_config.json; links, other folders, pickles and code stay in the archive.
"""

from __future__ import annotations

import json
import struct
import tarfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from core.errors import ModelError
from core.store import disk
from core.store.atomic import replacing
from core.store.disk import disk_trouble

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
ALLOWED = (".safetensors", ".json", ".txt", ".md", ".jinja", ".model")
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")
MOST_BYTES = 64_000_000_000
MOST_FILES = 2_000
MOST_HEADER = 100_000_000
CHUNK = 1 << 20
ZSTD, GZIP = b"\x28\xb5\x2f\xfd", b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What came out: the files' names, and those left in the archive with the reason."""

    files: tuple[str, ...]
    left_out: tuple[str, ...]


def unpack_adapter(archive: Path, folder: Path) -> Unpacked:
    """Take an adapter out of an archive into an empty folder, checked. Raises ModelError, RunError."""
    try:
        root, left_out = _survey(archive)
        taken = _extract(archive, folder, root)
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise _damaged(archive, str(error)) from None
    except OSError as error:
        if error.errno is None:
            raise _damaged(archive, str(error)) from None
        raise disk_trouble("unpack", archive, error) from error
    check_weights(folder / WEIGHTS)
    return Unpacked(tuple(taken), tuple(left_out))


def _survey(archive: Path) -> tuple[PurePosixPath, list[str]]:
    """The folder of the archive that is the adapter, and what in it will not be taken."""
    names: list[PurePosixPath] = []
    left_out: list[str] = []
    for member in _members(archive):
        place = PurePosixPath(member.name)
        reason = _why_not(member, place)
        if reason:
            left_out.append(f"{place.name} ({reason})")
        elif member.isfile():
            names.append(place)
    configs = [place for place in names if place.name == CONFIG]
    if len(configs) != 1:
        raise ModelError(f"{archive.name} holds {len(configs)} adapters where one was expected.")
    root = configs[0].parent
    if root / WEIGHTS not in names:
        raise ModelError(_no_weights(archive, left_out))
    return root, left_out


def _no_weights(archive: Path, left_out: list[str]) -> str:
    if any("pickle" in name for name in left_out):
        return (
            f"{archive.name} holds its weights as a pickle, which can run programs when it is opened, and "
            f"no {WEIGHTS}; it was not unpacked."
        )
    return f"{archive.name} holds no {WEIGHTS}; was the whole model downloaded in place of the adapter?"


def _why_not(member: tarfile.TarInfo, place: PurePosixPath) -> str:
    if place.is_absolute() or ".." in place.parts:
        return "points outside of its folder"
    if member.isdir():
        return ""
    if not member.isfile():
        return "is a link or a device"
    if place.suffix.lower() in PICKLES:
        return "is a pickle, which can run programs"
    return "" if place.suffix.lower() in ALLOWED else "is of no kind that an adapter needs"


def _members(archive: Path) -> Generator[tarfile.TarInfo]:
    with _tar(archive) as tar:
        total = 0
        for count, member in enumerate(tar, 1):
            total += max(0, member.size)
            if total > MOST_BYTES or count > MOST_FILES:
                raise ModelError(f"{archive.name} is far larger than an adapter; it was not unpacked.")
            yield member


def _extract(archive: Path, folder: Path, root: PurePosixPath) -> list[str]:
    taken: list[str] = []
    with _tar(archive) as tar:
        for member in tar:
            place = PurePosixPath(member.name)
            if not member.isfile() or _why_not(member, place) or place.parent != root:
                continue
            content = tar.extractfile(member)
            if content is not None:
                _copy(content, folder / place.name)
                taken.append(place.name)
    return sorted(taken)


def _copy(content: IO[bytes], target: Path) -> None:
    with replacing(target) as new:
        while piece := content.read(CHUNK):
            new.write(piece)


@contextmanager
def _tar(archive: Path) -> Generator[tarfile.TarFile]:
    """The archive as a stream, whatever it was packed with. Raises ModelError for an unknown kind."""
    with disk.reader(archive) as file:
        start = file.read(4)
        file.seek(0)
        if start == ZSTD:
            with _zstd(file) as plain, tarfile.open(fileobj=plain, mode="r|") as tar:
                yield tar
            return
        mode = "r|gz" if start[:2] == GZIP else "r|"
        with tarfile.open(fileobj=file, mode=mode) as tar:
            yield tar


@contextmanager
def _zstd(file: IO[bytes]) -> Generator[IO[bytes]]:
    try:
        import zstandard
    except ImportError:
        raise ModelError(
            'This archive is packed with zstd; to open it: pip install "character-studio[together]"'
        ) from None
    try:
        with zstandard.ZstdDecompressor().stream_reader(file) as plain:
            yield cast(IO[bytes], plain)
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from None


def _damaged(archive: Path, reason: str) -> ModelError:
    return ModelError(f"{archive.name} is damaged ({reason}); it was not unpacked.")


def check_weights(path: Path) -> None:
    """Raises ModelError unless the file is whole: its header names every byte, and LoRA matrices."""
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            length = struct.unpack("<Q", file.read(8))[0]
            if length > min(MOST_HEADER, size):
                raise ValueError("its header is longer than the file")
            header: dict[str, Any] = json.loads(file.read(length))
        tensors = [entry for name, entry in header.items() if name != "__metadata__"]
        end = max((entry["data_offsets"][1] for entry in tensors), default=0)
    except (ValueError, struct.error, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ModelError(f"{path.name} is no safetensors file ({error}); nothing was registered.") from None
    if end != size - 8 - length or not any("lora_" in name for name in header):
        raise ModelError(f"{path.name} is cut short or holds no LoRA weights; nothing was registered.")
