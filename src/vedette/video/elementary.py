"""Elementary streams: packets of any container in the one form that the rest of the house knows."""

from __future__ import annotations

from typing import Final

import av
from av.bitstream import BitStreamFilterContext
from av.video.stream import VideoStream

from vedette.model.media import Codec

_FILTERS: Final = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}


class AnnexB:
    """Packets of one video stream in Annex B form where its codec has one, and as they are where it has none."""

    def __init__(self, stream: VideoStream) -> None:
        context = stream.codec_context
        name, extradata = context.name, bytes(context.extradata or b"")
        self._filter = BitStreamFilterContext(_FILTERS[name], stream) if name in _FILTERS else None
        self.codec = Codec(name, extradata, context.width, context.height)

    def data(self, packet: av.Packet[VideoStream]) -> bytes:
        """The data of `packet`, nothing when it is damaged. FFmpeg's filters take over what they are given."""
        if self._filter is None:
            return bytes(packet)
        try:
            return b"".join(bytes(part) for part in self._filter.filter(packet))
        except av.FFmpegError:
            self._filter.flush()
            return b""
