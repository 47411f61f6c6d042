"""Q4_1 weights → Q8_0, once: llama.cpp serves Q8_0 faster because it repacks it for the processor.

A GGUF file is a header (metadata, then name, shape, type and offset of every tensor) and the tensors'
bytes. Types and offsets have fixed widths, so the header keeps its length: it is copied and patched,
and nothing of it can be lost. The same source always gives the same bytes, so their sha256 is pinned.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

from core.embedded.catalogue import LOCAL_EXTRA
from core.errors import ModelError


def requantise(source: Path, target: Path) -> None:
    """Write `source` with its weight matrices in Q8_0; `target` is overwritten, not atomically."""
    try:
        from gguf import GGUFReader, LlamaFileType
    except ImportError as error:
        raise ModelError(LOCAL_EXTRA) from error
    try:
        # "c": the header is patched in memory only.
        reader = GGUFReader(source, "c")
    except (ValueError, IndexError, KeyError, UnicodeDecodeError) as error:
        raise ModelError(
            f"{source} is not a readable GGUF file ({error}); delete it and pull again."
        ) from error
    _patch_header(reader, int(LlamaFileType.MOSTLY_Q8_0))
    with target.open("wb") as file:
        file.write(reader.data[: reader.data_offset].tobytes())
        for tensor in reader.tensors:
            _write_padded(file, _wanted_bytes(tensor), int(reader.alignment))


def _patch_header(reader: Any, file_type: int) -> None:
    if field := reader.get_field("general.file_type"):
        field.parts[-1][0] = file_type
    offset = 0
    for tensor in reader.tensors:
        kind = _wanted_type(tensor)
        *_, type_field, offset_field = tensor.field.parts
        type_field[0], offset_field[0] = int(kind), offset
        offset += _padded(_size(tensor, kind), int(reader.alignment))


def _wanted_type(tensor: Any) -> Any:
    """Q8_0 for a weight matrix whose rows fill whole blocks; norms and the like keep their type."""
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    kind = GGMLQuantizationType.Q8_0
    is_matrix = len(tensor.shape) == 2 and int(tensor.shape[0]) % GGML_QUANT_SIZES[kind][0] == 0
    return kind if is_matrix else tensor.tensor_type


def _size(tensor: Any, kind: Any) -> int:
    from gguf import GGML_QUANT_SIZES

    block, bytes_per_block = GGML_QUANT_SIZES[kind]
    return int(tensor.n_elements) // block * bytes_per_block


def _wanted_bytes(tensor: Any) -> bytes:
    from gguf.quants import dequantize, quantize

    kind = _wanted_type(tensor)
    if kind == tensor.tensor_type:
        return tensor.data.tobytes()
    return quantize(dequantize(tensor.data, tensor.tensor_type), kind).tobytes()


def _write_padded(file: IO[bytes], data: bytes, alignment: int) -> None:
    file.write(data)
    file.write(b"\x00" * (_padded(len(data), alignment) - len(data)))


def _padded(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment
