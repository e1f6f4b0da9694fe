"""Packets and news as bytes between processes."""

from __future__ import annotations

import hashlib
import struct
from collections import OrderedDict
from collections.abc import Sequence
from types import GenericAlias
from typing import Any, Final, get_args

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from vedette.model.errors import BusError
from vedette.model.media import Codec, Packet
from vedette.model.news import News
from vedette.model.time import Instant

NEWS: Final = b"n/"
PACKETS: Final = b"p/"

_HEADER: Final = struct.Struct("<B?QqqqQ8s")
_VERSION: Final = 1
_KNOWN_CODECS: Final = 1024
_CONFIG: Final = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64", ser_json_inf_nan="constants")


def _adapter(of: type) -> TypeAdapter[tuple[Any]]:
    # A configuration is only taken for what is no dataclass itself: hence a tuple of one.
    one: Any = GenericAlias(tuple, (of,))
    return TypeAdapter(one, config=_CONFIG)


_NEWS: Final = {kind.__name__: _adapter(kind) for kind in get_args(News)}
_CODEC: Final = _adapter(Codec)

Parts = tuple[bytes, bytes, bytes]


def topic(camera: str, stream: str) -> bytes:
    """What packets of a stream begin with. No topic is the beginning of another one: ids have no slash."""
    return PACKETS + f"{camera}/{stream}/".encode()


class PacketWriter:
    """Packets to bytes. The codec goes with every packet at which a receiver may begin, elsewhere only its hash."""

    def __init__(self) -> None:
        self._codecs: OrderedDict[Codec, tuple[bytes, bytes]] = OrderedDict()

    def parts(self, packet: Packet) -> Parts:
        """Topic, header and data."""
        name, described = self._described(packet.codec)
        at = packet.at
        fixed = (_VERSION, packet.key, packet.number, packet.dts_ns, at.stream_ns, at.utc_ns, packet.run, name)
        whole = packet.key or packet.codec.medium == "audio"
        header = _HEADER.pack(*fixed) + (described if whole else b"")
        return topic(packet.camera, packet.stream), header, packet.data

    def _described(self, codec: Codec) -> tuple[bytes, bytes]:
        known = self._codecs.get(codec)
        if known is None:
            text = _CODEC.dump_json((codec,))
            known = self._codecs[codec] = hashlib.sha256(text).digest()[:8], text
            if len(self._codecs) > _KNOWN_CODECS:
                self._codecs.popitem(last=False)
        return known


class PacketReader:
    """Bytes to packets; equal codecs become the same object."""

    def __init__(self) -> None:
        self._codecs: OrderedDict[bytes, Codec] = OrderedDict()

    def packet(self, parts: Sequence[bytes]) -> Packet | None:
        """The packet; None where its codec is not known yet, which lasts until the next keyframe. Raises BusError."""
        try:
            name, header, data = parts
            camera, stream = name[len(PACKETS) : -1].decode().split("/")
            version, key, number, dts_ns, stream_ns, utc_ns, run, mark = _HEADER.unpack_from(header)
        except (ValueError, struct.error):
            raise BusError("a packet of unknown form came: all processes have to be of the same version") from None
        if version != _VERSION:
            raise BusError("a packet of another version came: all processes have to be of the same version")
        codec = self._codec(mark, header[_HEADER.size :])
        if codec is None:
            return None
        return Packet(camera, stream, data, Instant(stream_ns, utc_ns), dts_ns, key, codec, number, run)

    def _codec(self, mark: bytes, text: bytes) -> Codec | None:
        known = self._codecs.get(mark)
        if known is not None or not text:
            return known
        try:
            (codec,) = _CODEC.validate_json(text)
        except ValidationError:
            raise BusError("a codec of unknown form came: all processes have to be of the same version") from None
        if len(self._codecs) >= _KNOWN_CODECS:
            self._codecs.popitem(last=False)
        self._codecs[mark] = codec
        return codec if isinstance(codec, Codec) else None


def news_parts(news: News) -> Parts:
    """Topic, kind and JSON. Raises BusError where it cannot be written as JSON."""
    kind = type(news).__name__
    try:
        return NEWS, kind.encode(), _NEWS[kind].dump_json((news,))
    except PydanticSerializationError:
        raise BusError(f"{kind} holds text that is no Unicode") from None


def read_news(parts: Sequence[bytes]) -> News | None:
    """The news; None for a kind that this version does not know. Raises BusError."""
    try:
        _, kind, text = parts
        adapter = _NEWS.get(kind.decode())
        if adapter is None:
            return None
        (news,) = adapter.validate_json(text)
    except ValueError:
        raise BusError("news of unknown form came: all processes have to be of the same version") from None
    return news  # type: ignore[no-any-return]
