"""One virtual camera: its streams, its clock, and what is wrong with it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from vedette.simulator.cameras.faults import (
    BackwardStamps,
    Fault,
    HalfOpen,
    HangUp,
    JumpStamps,
    Refuse,
    SlowClock,
    StallStamps,
    SwitchClip,
)
from vedette.simulator.cameras.feed import Conditions, Feed, Manner, Tally
from vedette.simulator.cameras.media import read_sound, read_video
from vedette.simulator.cameras.player import Player, Ticker, UtcOf
from vedette.simulator.cameras.rtp import CutClip, cut_clip
from vedette.simulator.cameras.spec import CameraSpec
from vedette.simulator.cameras.stamps import Stamps


class Library:
    """Clips that were read already; cameras share them."""

    def __init__(self) -> None:
        self._cut: dict[tuple[Path, str, bool], CutClip] = {}

    def video(self, path: Path, *, aggregate: bool) -> CutClip:
        """The pictures of a file as packets. Raises SourceError."""
        key = path, "video", aggregate
        if key not in self._cut:
            self._cut[key] = cut_clip(read_video(path), aggregate=aggregate)
        return self._cut[key]

    def sound(self, path: Path) -> CutClip:
        """The sound of a file as packets. Raises SourceError."""
        key = path, "sound", False
        if key not in self._cut:
            self._cut[key] = cut_clip(read_sound(path))
        return self._cut[key]


@dataclass(slots=True)
class Stream:
    """One stream of a camera: pictures, perhaps sound, and who was sent what."""

    pictures: CutClip
    sound: CutClip | None
    players: list[Player]
    tallies: list[Tally] = field(default_factory=list)

    @property
    def tracks(self) -> list[CutClip]:
        """Pictures first."""
        return [self.pictures] if self.sound is None else [self.pictures, self.sound]


class Client(Protocol):
    """A connection to the camera, as faults see it."""

    def judge(self) -> None:
        """The camera's conditions have changed."""
        ...

    def reset(self) -> None:
        """End it by a TCP reset."""
        ...


class Camera:
    """What all clients of a camera share."""

    def __init__(self, name: str, spec: CameraSpec, library: Library, ticker: Ticker, utc_of: UtcOf) -> None:
        self.name, self.spec, self.ticker = name, spec, ticker
        self._library = library
        self._loop = asyncio.get_running_loop()
        self._epoch_s = self._loop.time()
        self.conditions, self.stamps = Conditions(), Stamps()
        self.manner = Manner(self.conditions, self.stamps, utc_of, spec.clock_offset_s, spec.report_s)
        self.clients: set[Client] = set()
        self.streams = {"main": self._stream(spec.clip)}
        if spec.sub is not None:
            self.streams["sub"] = self._stream(spec.sub)

    def players(self, stream: Stream) -> list[Player]:
        """What a new viewer watches: the show that runs, or one of its own where the clip is shown once."""
        if self.spec.loop:
            return stream.players
        now_s = self._loop.time()
        return [
            Player(track, now_s, first=first, epoch_s=self._epoch_s, loop=False)
            for track, first in zip(stream.tracks, (self.spec.start_frame, 0), strict=False)
        ]

    def fault(self, fault: Fault) -> None:
        """Something is wrong from now on. Raises SourceError for a clip that cannot be shown."""
        at_s = self._loop.time() - self._epoch_s
        match fault:
            case JumpStamps(seconds):
                self.stamps.jump(seconds)
                return
            case StallStamps() | BackwardStamps() | SlowClock():
                self.stamps.bend(fault, at_s)
                return
            case SwitchClip(clip, stream):
                self._switch(self.streams[stream], clip)
                return
        self.conditions.add(fault)
        for client in tuple(self.clients):
            client.reset() if isinstance(fault, Refuse) else client.judge()

    def clear(self) -> None:
        """Everything is as it should be again."""
        self.conditions.clear()
        self.stamps.straighten(self._loop.time() - self._epoch_s)
        for name, path in (("main", self.spec.clip), ("sub", self.spec.sub)):
            if path is not None:
                self._switch(self.streams[name], path)
        for client in tuple(self.clients):
            client.judge()

    def sent(self, stream: str) -> list[Any]:
        """Every viewing of a stream as plain JSON values."""
        return [tally.to_plain() for tally in self.streams[stream].tallies]

    def _stream(self, path: Path) -> Stream:
        pictures = self._library.video(path, aggregate=self.spec.aggregate)
        sound = self._library.sound(self.spec.audio) if self.spec.audio else None
        begin = self._epoch_s
        players = [Player(pictures, begin, first=self.spec.start_frame, epoch_s=begin)]
        if sound is not None:
            players.append(Player(sound, begin, epoch_s=begin))
        return Stream(pictures, sound, players)

    def _switch(self, stream: Stream, path: Path) -> None:
        """Show another clip, to those who watch too; the first frame is due when that of the old one was."""
        pictures = self._library.video(path, aggregate=self.spec.aggregate)
        if pictures is stream.pictures:
            return
        old = stream.players[0]
        begin_s = self._loop.time()
        if not old.waiting:
            old.seek(begin_s)
        new = Player(pictures, old.due_s, epoch_s=self._epoch_s, number=old.number)
        stream.pictures, stream.players[0] = pictures, new
        for viewer in tuple(old.viewers):
            self.ticker.leave(old, viewer)
            if isinstance(viewer, Feed):
                viewer.player = new
            self.ticker.watch(new, viewer)

    def wait_of(self, kind: type[HalfOpen] | type[HangUp]) -> float | None:
        """Seconds until a fault of that kind shows; None when the camera has none."""
        fault = self.conditions.get(kind)
        return None if fault is None else fault.after_s


class Door:
    """The TCP port of a camera: open, or refusing while it keeps the port for itself."""

    def __init__(self, host: str, port: int, accept: Callable[[], asyncio.Protocol]) -> None:
        self._host, self._accept = host, accept
        self._socket = self._bound(port)
        self.port: int = self._socket.getsockname()[1]
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Let clients in."""
        if self._server is None:
            self._server = await asyncio.get_running_loop().create_server(self._accept, sock=self._socket)

    def shut(self) -> None:
        """Refuse them. A socket that is bound and does not listen makes the system refuse."""
        if self._server is not None:
            self._server.close()
            self._server = None
            self._socket = self._bound(self.port)

    def _bound(self, port: int) -> socket.socket:
        opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((self._host, port))
        return opened
