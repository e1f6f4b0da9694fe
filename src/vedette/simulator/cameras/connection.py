"""One client of a virtual camera: its RTSP connection, its session, and the faults it is shown."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import struct
from dataclasses import dataclass
from typing import Final, cast

from vedette.simulator.cameras.auth import Gate
from vedette.simulator.cameras.camera import Camera, Stream
from vedette.simulator.cameras.faults import (
    EndlessHeader,
    GarbageAnswers,
    HalfOpen,
    HangUp,
    Redirect,
    Silent,
    Status,
)
from vedette.simulator.cameras.feed import Feed, Tally
from vedette.simulator.cameras.outlets import Outlet, TcpOutlet, UdpOutlet
from vedette.simulator.cameras.player import Player
from vedette.simulator.cameras.rtsp import Reader, Request, Way, answer, way
from vedette.simulator.cameras.sdp import describe
from vedette.simulator.cameras.spec import Authentication

_METHODS: Final = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, GET_PARAMETER, SET_PARAMETER, TEARDOWN"
_FILLER: Final = b"X-Filler: " + b"f" * 4000 + b"\r\n"
_FILLER_WAIT_S: Final = 0.005
_FILLER_AHEAD: Final = 200_000


@dataclass(frozen=True, slots=True)
class House:
    """What all cameras of a farm share.

    sockets    UDP, for RTP and for RTCP
    session_s  a session that is heard nothing of for so long is ended
    """

    sockets: tuple[socket.socket, socket.socket]
    login: str | None
    realm: str
    authentication: Authentication
    session_s: float


class Connection(asyncio.Protocol):
    """Serves one client."""

    def __init__(self, camera: Camera, house: House) -> None:
        self._camera, self._house = camera, house
        self._gate = Gate(house.login, house.realm, house.authentication) if house.login else None
        self._reader = Reader()
        self._loop = asyncio.get_running_loop()
        self._timers: list[asyncio.TimerHandle] = []
        self._session, self._stream = "", cast("Stream | None", None)
        self._players: list[Player] = []
        self._feeds: dict[int, Feed] = {}
        self._ways: dict[int, Way] = {}
        self._playing = self._fallen_silent = False
        self.heard_s = self._loop.time()
        self.host = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=1 << 30)
        self.host = self._transport.get_extra_info("peername")[0]
        self._camera.clients.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """It has gone."""
        del exc
        self._camera.clients.discard(self)
        self._leave()
        for timer in self._timers:
            timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Requests, and reports of the client."""
        if self._camera.conditions.get(Silent):
            return
        self.heard_s = self._loop.time()
        try:
            for found in self._reader.feed(data):
                if isinstance(found, Request):
                    self._serve(found)
        except ValueError:
            # Malformed is one, and so is what the library says of addresses that are none.
            self._transport.write(answer(400, Request("", "")))
            self._transport.close()

    def owns(self, host: str, port: int) -> bool:
        """Whether RTCP from this UDP port is this client's."""
        ways = self._ways.values()
        return host == self.host and any(way.transport == "udp" and port in way.pair for way in ways)

    def check(self, now_s: float) -> None:
        """End a session that nothing is heard of."""
        if self._session and now_s - self.heard_s > self._house.session_s:
            self._transport.close()

    def reset(self) -> None:
        """A TCP reset: no lingering, the connection is gone at once."""
        opened = self._transport.get_extra_info("socket")
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def judge(self) -> None:
        """Do as the camera's faults say."""
        conditions = self._camera.conditions
        self._fallen_silent &= conditions.get(HalfOpen) is not None
        self._mute(muted=self._fallen_silent or conditions.get(Silent) is not None)
        if self._playing:
            self._after_play()

    def _serve(self, request: Request) -> None:
        conditions = self._camera.conditions
        if conditions:
            if conditions.get(GarbageAnswers):
                self._transport.write(os.urandom(400))
                return
            if conditions.get(EndlessHeader):
                self._transport.write(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n")
                self._fill()
                return
            status = self._wrong_status(request)
            if status is not None:
                headers = {"WWW-Authenticate": self._challenge()} if status == 401 else {}
                self._reply(status, request, headers)
                return
            redirect = conditions.get(Redirect)
            if redirect is not None and request.method == "DESCRIBE":
                self._reply(302, request, {"Location": redirect.address})
                return
        given = request.headers.get("authorization", "")
        if self._gate and request.method != "OPTIONS" and not self._gate.admits(request.method, given):
            self._reply(401, request, {"WWW-Authenticate": self._gate.challenge()})
            return
        self._dispatch(request)

    def _dispatch(self, request: Request) -> None:
        match request.method:
            case "OPTIONS":
                self._reply(200, request, {"Public": _METHODS})
            case "DESCRIBE":
                self._describe(request)
            case "SETUP":
                self._setup(request)
            case "PLAY" | "PAUSE" | "GET_PARAMETER" | "SET_PARAMETER" | "TEARDOWN":
                given = request.headers.get("session", "").partition(";")[0]
                needed = request.method in ("PLAY", "PAUSE", "TEARDOWN") or given != ""
                if needed and (not self._session or given != self._session):
                    self._reply(454, request)
                else:
                    self._control(request)
            case _:
                self._reply(501, request)

    def _control(self, request: Request) -> None:
        match request.method:
            case "PLAY":
                self._play(request)
            case "PAUSE":
                self._pause()
                self._reply(200, request, self._named())
            case "TEARDOWN":
                self._reply(200, request, self._named())
                self._leave()
            case _:
                self._reply(200, request, self._named())

    def _describe(self, request: Request) -> None:
        stream = self._find(request)
        if stream is None:
            self._reply(404, request)
            return
        base = request.url.rstrip("/") + "/"
        self._reply(200, request, {"Content-Base": base}, describe(self._camera.name, stream.tracks))

    def _setup(self, request: Request) -> None:
        stream, track = self._find(request), _track(request)
        if stream is None or track >= len(stream.tracks) or self._stream not in (None, stream):
            self._reply(404 if stream is None else 459, request)
            return
        if self._playing:
            self._reply(455, request)
            return
        wanted = way(request.headers.get("transport", ""))
        if wanted is None:
            self._reply(461, request)
            return
        if not self._session:
            self._session, self._stream = secrets.token_hex(8), stream
            self._players = list(self._camera.players(stream))
        self._ways[track] = wanted
        self._make_feed(track, wanted)
        self._reply(200, request, {"Transport": self._agreed(wanted), **self._named()})

    def _make_feed(self, track: int, wanted: Way) -> None:
        stream = cast("Stream", self._stream)
        outlet: Outlet
        if wanted.transport == "tcp":
            outlet = TcpOutlet(self._transport, wanted.pair[0])
        else:
            outlet = UdpOutlet(self._house.sockets, self.host, wanted.pair)
        tally = Tally(wanted.transport) if track == 0 else None
        if tally is not None:
            stream.tallies.append(tally)
        channel = wanted.pair[0] if wanted.transport == "tcp" else 0
        feed = Feed(self._camera.manner, self._players[track], outlet, channel, tally)
        feed.on_end = self._transport.close
        feed.wants_key = track == 0 and self._camera.spec.join == "keyframe"
        self._feeds[track] = feed

    def _agreed(self, wanted: Way) -> str:
        first, second = wanted.pair
        if wanted.transport == "tcp":
            return f"RTP/AVP/TCP;unicast;interleaved={first}-{second}"
        ours = "-".join(str(opened.getsockname()[1]) for opened in self._house.sockets)
        return f"RTP/AVP;unicast;client_port={first}-{second};server_port={ours}"

    def _play(self, request: Request) -> None:
        if self._playing:
            self._reply(200, request, self._named())
            return
        base, parts = request.url.rstrip("/"), []
        self._playing = True
        now_s = self._loop.time()
        for track, feed in sorted(self._feeds.items()):
            if not feed.player.waiting:
                feed.player.seek(now_s)
            stamp = feed.stamp(feed.player.next_at_s)
            parts.append(f"url={base}/track{track};seq={feed.sequence};rtptime={stamp}")
        self._reply(200, request, {"Range": "npt=now-", "RTP-Info": ",".join(parts), **self._named()})
        self._after_play()
        for feed in self._feeds.values():
            self._camera.ticker.watch(feed.player, feed)

    def _pause(self) -> None:
        self._playing = False
        for feed in self._feeds.values():
            self._camera.ticker.leave(feed.player, feed)

    def _leave(self) -> None:
        """Forget the session."""
        self._pause()
        for feed in self._feeds.values():
            feed.stop()
        self._feeds.clear()
        self._ways.clear()
        self._session, self._stream = "", None

    def _after_play(self) -> None:
        """Start the clocks of faults that show later."""
        wait_s = self._camera.wait_of(HalfOpen)
        if wait_s is not None:
            self._timers.append(self._loop.call_later(wait_s, self._fall_silent))
        wait_s = self._camera.wait_of(HangUp)
        if wait_s is not None:
            self._timers.append(self._loop.call_later(wait_s, self._hang_up))

    def _fall_silent(self) -> None:
        if self._camera.conditions.get(HalfOpen):
            self._fallen_silent = True
            self._mute(muted=True)

    def _hang_up(self) -> None:
        fault = self._camera.conditions.get(HangUp)
        if fault is not None:
            self.reset() if fault.reset else self._transport.close()

    def _mute(self, *, muted: bool) -> None:
        for feed in self._feeds.values():
            feed.quiet = muted

    def _wrong_status(self, request: Request) -> int | None:
        status = self._camera.conditions.get(Status)
        if status is None:
            return None
        if status.code == 401 and status.method is None:
            return None if request.method == "OPTIONS" else 401
        if request.method != (status.method or ("SETUP" if status.code == 461 else "DESCRIBE")):
            return None
        wanted = way(request.headers.get("transport", ""))
        other = status.transport is not None and (wanted is None or wanted.transport != status.transport)
        return None if other else status.code

    def _challenge(self) -> str:
        gate = self._gate or Gate("", self._house.realm, self._house.authentication)
        return gate.challenge()

    def _fill(self) -> None:
        if self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() < _FILLER_AHEAD:
            self._transport.write(_FILLER)
        self._timers[:] = [self._loop.call_later(_FILLER_WAIT_S, self._fill)]

    def _find(self, request: Request) -> Stream | None:
        path = request.path
        if len(path) < 2 or path[0] != self._camera.name:
            return None
        return self._camera.streams.get(path[1])

    def _named(self) -> dict[str, str]:
        return {"Session": f"{self._session};timeout={round(self._house.session_s)}"} if self._session else {}

    def _reply(self, status: int, request: Request, headers: dict[str, str] | None = None, body: str = "") -> None:
        self._transport.write(answer(status, request, headers, body))


def _track(request: Request) -> int:
    last = request.path[-1]
    number = last.removeprefix("track")
    return int(number) if last.startswith("track") and number.isdigit() else 0
