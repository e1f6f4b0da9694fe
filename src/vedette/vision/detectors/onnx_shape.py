"""Frees the height and width that an exporter froze into an ONNX file, in memory.

A fully convolutional network runs at any size its strides divide, but an exported file states one and ONNX Runtime
insists on it. Only the statements are taken out here; no operator and no weight is touched. The file is walked as
protocol-buffer fields (numbers of onnx.proto: ModelProto.graph 7; GraphProto.input 11, output 12, value_info 13;
ValueInfoProto.type 2; TypeProto.tensor_type 1; TypeProto.Tensor.shape 2; TensorShapeProto.dim 1, dim_param 2), which
spares a dependency on the `onnx` package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from vedette.model.errors import DetectorError

_VARINT: Final = 0
_BYTES: Final = 2
_FIXED_BYTES: Final = {1: 8, 5: 4}

Edit = Callable[[bytes], bytes]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _as_varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _fields(data: bytes) -> Iterator[tuple[int, bytes | None, bytes]]:
    """Number, content where the field has a length, and the field as it stands."""
    at = 0
    while at < len(data):
        start = at
        key, at = _varint(data, at)
        kind = key & 7
        if kind == _BYTES:
            size, at = _varint(data, at)
            if at + size > len(data):
                raise IndexError("cut short")
            at += size
            yield key >> 3, data[at - size : at], data[start:at]
            continue
        if kind == _VARINT:
            _, at = _varint(data, at)
        else:
            at += _FIXED_BYTES[kind]
        yield key >> 3, None, data[start:at]


def _field(number: int, content: bytes) -> bytes:
    return _as_varint(number << 3 | _BYTES) + _as_varint(len(content)) + content


def _edited(data: bytes, number: int, edit: Edit) -> bytes:
    """`data` with the content of every field `number` passed through `edit`."""
    parts = [
        _field(number, edit(content)) if n == number and content is not None else raw
        for n, content, raw in _fields(data)
    ]
    return b"".join(parts)


def _free_dimensions(shape: bytes) -> bytes:
    dims = [_field(1, content or b"") for number, content, _ in _fields(shape) if number == 1]
    dims[2:4] = [_field(1, _field(2, name)) for name in (b"height", b"width")]
    return b"".join(dims)


def _in_shape(value_info: bytes, edit: Edit) -> bytes:
    return _edited(value_info, 2, lambda kind: _edited(kind, 1, lambda tensor: _edited(tensor, 2, edit)))


def _forget_dimensions(shape: bytes) -> bytes:
    return b"".join(_field(1, b"") for number, _, _ in _fields(shape) if number == 1)


def _free_graph(graph: bytes) -> bytes:
    parts: list[bytes] = []
    for number, content, raw in _fields(graph):
        if number == 11 and content is not None:
            parts.append(_field(11, _in_shape(content, _free_dimensions)))
        elif number == 12 and content is not None:
            parts.append(_field(12, _in_shape(content, _forget_dimensions)))
        elif number != 13:
            parts.append(raw)
    return b"".join(parts)


def free_size(model: bytes) -> bytes:
    """`model` with height and width of its (batch, channels, height, width) inputs left open.

    The sizes stated for outputs and for values in between are dropped; they follow from the input. Raises DetectorError
    when `model` is not an ONNX file.
    """
    try:
        return _edited(model, 7, _free_graph)
    except (IndexError, KeyError) as error:
        raise DetectorError("this is not an ONNX file, or it was cut short") from error
