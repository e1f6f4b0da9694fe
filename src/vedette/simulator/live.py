"""A simulated camera that is live: it is drawn in a process of its own, at the pace of the clock."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path
from typing import IO, Any, Final, cast

import av
import av.error
import numpy as np

from vedette.model.errors import SourceError, SourceLost
from vedette.model.media import Codec, Frame, Packet, StreamInfo
from vedette.model.time import NS_PER_S, Instant
from vedette.simulator.live_camera import HEAD
from vedette.simulator.scene import Scene
from vedette.simulator.settings import Settings
from vedette.video.mp4.parameter_sets import parameter_sets

_STOP_S: Final = 2.0


class LiveSimStream:
    """An open live scene. Raises SourceError when the process does not start."""

    def __init__(self, scene: Scene, settings: Settings, gop_s: float, truth: Path | None) -> None:
        self._info = StreamInfo(f"sim:{scene.name}", *settings.size, settings.fps, live=True, codec="h264")
        self._used = self._closed = False
        command = [sys.executable, "-m", "vedette.simulator.live_camera"]
        self._lock = threading.Lock()
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603
        self._orders, self._packets = cast(IO[bytes], self._process.stdin), cast(IO[bytes], self._process.stdout)
        job = {
            "scene": scene.name, "settings": plain(settings), "gop_s": gop_s, "truth": str(truth) if truth else None,
        }  # fmt: skip
        try:
            self._begin(job)
        except BaseException:
            self.close()
            raise

    @property
    def info(self) -> StreamInfo:
        """What is known before the first frame."""
        return self._info

    @property
    def pid(self) -> int:
        """Of the process that draws."""
        return self._process.pid

    def packets(self) -> Iterator[Packet]:
        """H.264 as it is drawn, until closed. Raises SourceLost when the process ends, SourceError when read twice."""
        if self._used:
            raise SourceError(f"{self._info.name} is being read already: open it again")
        self._used = True
        codec = Codec("h264", b"", self._info.width + self._info.width % 2, self._info.height + self._info.height % 2)
        number = 0
        while True:
            head = self._read(HEAD.size)
            if head is None:
                return
            size, key, stream_ns, utc_ns, dts_ns = HEAD.unpack(head)
            data = self._read(size)
            if data is None:
                return
            if key and not codec.extradata:
                codec = replace(codec, extradata=parameter_sets(data, "h264"))
            at = Instant(stream_ns, utc_ns)
            yield Packet(self._info.name, "main", data, at, dts_ns, key, codec, number)
            number += 1

    def frames(self, start_s: float = 0.0, end_s: float | None = None) -> Iterator[Frame]:
        """The pictures, decoded. Raises SourceLost when the process ends."""
        decoder = av.CodecContext.create("h264", "r")
        decoder.thread_count = 1
        fps = self._info.fps
        times: dict[int, Instant] = {}
        for packet in self.packets():
            coded = av.Packet(packet.data)
            coded.pts = coded.dts = packet.at.stream_ns
            coded.time_base = Fraction(1, NS_PER_S)
            times[packet.at.stream_ns] = packet.at
            for picture in decoder.decode(coded):
                at = times.pop(picture.pts or 0, packet.at)
                if end_s is not None and at.stream_s >= end_s:
                    return
                if at.stream_s >= start_s:
                    image = np.asarray(picture.to_ndarray(format="bgr24"), np.uint8)
                    yield Frame(image, at, round(at.stream_s * fps))

    def close(self) -> None:
        """End the process. May be called twice, and while another thread reads."""
        self._closed = True
        self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        with suppress(BrokenPipeError):
            self._orders.close()
        # Whoever reads is at the end now.
        with self._lock:
            self._packets.close()

    def _begin(self, job: Mapping[str, Any]) -> None:
        try:
            self._orders.write(json.dumps(job).encode() + b"\n")
            self._orders.flush()
            line = self._packets.readline()
        except OSError as error:
            raise SourceError(f"{self._info.name} did not start: {error}") from error
        if not line:
            raise SourceError(f"{self._info.name} did not start: its process ended at once")
        answer = json.loads(line)
        if "error" in answer:
            raise SourceError(f"{self._info.name} did not start: {answer['error']}")

    def _read(self, size: int) -> bytes | None:
        """Exactly so many bytes; None once closed. Raises SourceLost at the end."""
        try:
            with self._lock:
                data = self._packets.read(size)
        except (OSError, ValueError) as error:
            if self._closed:
                return None
            raise SourceLost(f"{self._info.name} broke off: {error}") from error
        if len(data) == size:
            return data
        if self._closed:
            return None
        raise SourceLost(f"{self._info.name} broke off: the process that draws it has ended")


def plain(settings: Settings) -> dict[str, Any]:
    """Settings as plain JSON values."""
    values = asdict(settings)
    if settings.events is not None:
        values["events"] = [[event.start_s, event.act, event.lasts_s] for event in settings.events]
    return values
