"""One picture of a recording."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from vedette.model.errors import StorageError
from vedette.model.media import Packet
from vedette.model.recording import Segment
from vedette.model.recording_ports import FileReader
from vedette.model.time import rfc3339
from vedette.video.packet_decoder import PacketDecoder
from vedette.video.playback.pictures import Picture, jpeg, packets


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A picture of a recording.

    jpeg    a JPEG file
    utc_ns  when it was captured: the moment that was asked for, or the last picture before it
    """

    jpeg: bytes = field(repr=False)
    utc_ns: int
    width: int
    height: int


def snapshot(
    segments: Iterable[Segment],
    files: Mapping[str, FileReader],
    at_utc_ns: int,
    *,
    most: tuple[int, int] | None = None,
    quality: int = 90,
) -> Snapshot | None:
    """The picture that was newest at `at_utc_ns`, to the frame; None when nothing was recorded up to then.

    segments  of one stream, those that reach back from the moment as far as a picture may be old
    most      width and height that it is scaled into
    Where the wall clock was set back over the moment, the picture captured later is taken.
    Raises StorageError when the footage is there but cannot be read or decoded.
    """
    found = _fragment_at(segments, at_utc_ns)
    if found is None:
        return None
    picture = _decoded(*found, files, at_utc_ns)
    if picture is None:
        raise StorageError(f"{found[0].path} has no picture at {rfc3339(at_utc_ns)} that decodes; run vedette fsck")
    image = picture.image(most)
    return Snapshot(jpeg(image, quality), picture.utc_ns, image.shape[1], image.shape[0])


def _fragment_at(segments: Iterable[Segment], at_utc_ns: int) -> tuple[Segment, int] | None:
    best: tuple[tuple[int, int, int], Segment, int] | None = None
    for segment in segments:
        for index, fragment in enumerate(segment.fragments):
            held = min(at_utc_ns, fragment.utc_ns + fragment.duration_ns)
            rank = held, segment.run, segment.start_stream_ns + fragment.start_ns
            if fragment.utc_ns <= at_utc_ns and (best is None or rank > best[0]):
                best = rank, segment, index
    return None if best is None else best[1:]


def _decoded(segment: Segment, index: int, files: Mapping[str, FileReader], at_utc_ns: int) -> Picture | None:
    """Decode from the keyframe on what is decoded up to the moment: nothing is shown before it is decoded."""
    first = index
    while first > 0 and not segment.fragments[first].key:
        first -= 1
    decoder = PacketDecoder(segment.codec)
    best: Picture | None = None
    for number, fragment in enumerate(segment.fragments[first:], first):
        coded = [packet for packet, _ in packets(files, segment, fragment)]
        for packet in coded:
            if number < index or _decoded_utc_ns(packet) <= at_utc_ns:
                best = _newer(best, decoder, packet, at_utc_ns)
        # Reordered pictures may lie in the next fragment, behind a keyframe that is shown after them.
        if number >= index and _decoded_utc_ns(coded[0]) + fragment.duration_ns > at_utc_ns:
            break
    return _newer(best, decoder, None, at_utc_ns)


def _decoded_utc_ns(packet: Packet) -> int:
    return packet.at.utc_ns - (packet.at.stream_ns - packet.dts_ns)


def _newer(best: Picture | None, decoder: PacketDecoder, packet: Packet | None, at_utc_ns: int) -> Picture | None:
    for frame, at in decoder.pictures(packet):
        if at.utc_ns <= at_utc_ns:
            best = Picture(at.utc_ns, frame, decoder)
    return best
