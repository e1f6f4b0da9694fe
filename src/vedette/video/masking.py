"""A source whose pictures are covered before anybody else gets them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from vedette.model.masks import Masks
from vedette.model.media import Frame, Packet, StreamInfo
from vedette.model.ports import Source, Stream
from vedette.video.encoding import PictureEncoder
from vedette.video.packet_decoder import PacketDecoder


class MaskedSource:
    """`source` with `masks` burned in: decoded, covered and encoded again as H.264."""

    def __init__(self, source: Source, masks: Masks) -> None:
        self._source, self._masks = source, masks

    def open(self) -> MaskedStream:
        """Connect. Raises SourceError."""
        return MaskedStream(self._source.open(), self._masks)


class MaskedStream:
    """An open source with covered pictures. Sound passes as it is."""

    def __init__(self, stream: Stream, masks: Masks) -> None:
        self._stream, self._masks = stream, masks
        self._decoder: PacketDecoder | None = None
        self._encoder: PictureEncoder | None = None

    @property
    def info(self) -> StreamInfo:
        """What is known before the first frame."""
        return replace(self._stream.info, codec="h264")

    def packets(self) -> Iterator[Packet]:
        """Packets with covered pictures. Raises SourceLost where the source breaks off."""
        for number, packet in enumerate(self._covered()):
            yield replace(packet, number=number)

    def frames(self, start_s: float = 0.0, end_s: float | None = None) -> Iterator[Frame]:
        """Covered frames whose stream time lies in [start_s, end_s). Raises SourceLost where the source breaks off."""
        for frame in self._stream.frames(start_s, end_s):
            yield replace(frame, image=self._masks.cover(frame.image))

    def close(self) -> None:
        """Free everything. May be called twice."""
        self._stream.close()

    def _covered(self) -> Iterator[Packet]:
        for packet in self._stream.packets():
            if packet.codec.medium == "audio":
                yield packet
                continue
            if self._decoder is None or self._decoder.codec is not packet.codec:
                yield from self._rest()
                self._decoder, self._encoder = PacketDecoder(packet.codec), None
            yield from self._again(packet)
        yield from self._rest()

    def _again(self, packet: Packet | None) -> Iterator[Packet]:
        if self._decoder is None:
            return
        for picture, at in self._decoder.pictures(packet):
            image = self._masks.cover(self._decoder.image(picture))
            if self._encoder is None:
                info, (height, width) = self._stream.info, image.shape[:2]
                stream = packet.stream if packet else "main"
                self._encoder = PictureEncoder(info.name, stream, width, height, info.fps)
            yield from self._encoder.encode(image, at, key=packet is not None and packet.key)

    def _rest(self) -> Iterator[Packet]:
        yield from self._again(None)
        if self._encoder is not None:
            yield from self._encoder.flush()
