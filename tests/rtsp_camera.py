"""A real RTSP camera on loopback for tests: a clip sent packet by packet by gst-rtsp-server, in a process of its own.

`RtspCamera` is what tests use. The rest of the file is what runs in that process (`python rtsp_camera.py SETTINGS`).
gst-rtsp-server does the protocol (negotiation, digest login, RTP over TCP and UDP); PyAV takes the clip apart, so that
the packets a client receives are exactly those of the file.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any, Final, TypeAlias

DEBIAN_MODULES: Final = "/usr/lib/python3/dist-packages"
"""Where Debian's python3-gi lives; the interpreter of a virtual environment does not look there."""
PACKAGES: Final = (
    "gir1.2-gst-rtsp-server-1.0 gir1.2-gst-plugins-base-1.0 python3-gi "
    "gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad"
)
MISSING: Final = f"gst-rtsp-server is not installed: apt-get install {PACKAGES}"
MODULES: Final = ("Gst", "GstApp", "GLib", "GstRtsp", "GstRtspServer")
ELEMENTS: Final = ("appsrc", "h264parse", "rtph264pay", "audiotestsrc", "alawenc", "rtppcmapay")
VIDEO: Final = (
    "( appsrc name=video is-live=true format=time max-bytes=8000000 "
    "caps=video/x-h264,stream-format=byte-stream,alignment=au "
    "! h264parse config-interval=-1 ! rtph264pay name=pay0 pt=96 )"
)
AUDIO: Final = "( audiotestsrc is-live=true ! audioconvert ! audioresample ! alawenc ! rtppcmapay name=pay0 pt=8 )"
GObject: TypeAlias = Any
"""Something of GStreamer's; its bindings have no types."""
STATUS_READY: Final = "ready"


class RtspCamera:
    """A camera that plays an H.264 clip at `/live` in real time and has sound only at `/sound`.

    login   `user:password` that it asks for (digest), or None
    loop    start the clip again at its end, with stamps that go on
    freeze  stop sending after so many packets but keep the connection
    """

    def __init__(self, clip: Path, *, login: str | None = None, loop: bool = True, freeze: int | None = None) -> None:
        settings = json.dumps({"clip": str(clip), "login": login, "loop": loop, "freeze": freeze})
        self._process = subprocess.Popen([sys.executable, __file__, settings], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        answer = self._process.stdout.readline().split()
        if not answer or answer[0] != STATUS_READY:
            self.kill()
            raise RuntimeError("the test camera did not start")
        self.port = int(answer[1])

    def url(self, path: str = "/live", login: str | None = None) -> str:
        return f"rtsp://{login + '@' if login else ''}127.0.0.1:{self.port}{path}"

    def kill(self) -> None:
        """Pull the plug."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> RtspCamera:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.kill()


def gstreamer() -> GObject:
    """GStreamer's bindings, or None where something of it is missing."""
    if DEBIAN_MODULES not in sys.path:
        sys.path.append(DEBIAN_MODULES)
    try:
        import gi  # type: ignore[import-not-found, unused-ignore] # noqa: PLC0415

        for name in ("Gst", "GstApp", "GstRtsp", "GstRtspServer"):
            gi.require_version(name, "1.0")
        modules = {name: import_module(f"gi.repository.{name}") for name in MODULES}
    except (ImportError, ValueError):
        return None
    gst = modules["Gst"]
    gst.init(None)
    if not all(gst.ElementFactory.find(name) for name in ELEMENTS):
        return None
    return SimpleNamespace(**modules)


def available() -> bool:
    """Whether the camera can run here. Asked in a process of its own, because the bindings change the interpreter."""
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import rtsp_camera as r; r.answer()"
    return subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0


def answer() -> None:
    sys.exit(0 if gstreamer() else 1)


def access_units(clip: Path) -> tuple[list[tuple[float, float, bytes, bool]], float]:
    """`(dts_s, pts_s, Annex B data, keyframe)` of every picture from 0, and the length of the clip in seconds."""
    import av  # noqa: PLC0415 - only the camera's own process needs it

    units: list[tuple[float, float, bytes, bool]] = []
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        annex_b = av.BitStreamFilterContext("h264_mp4toannexb", stream)
        for packet in container.demux(stream):
            if packet.dts is None or packet.pts is None or packet.time_base is None:
                continue
            dts, pts, key = (
                float(packet.dts * packet.time_base),
                float(packet.pts * packet.time_base),
                packet.is_keyframe,
            )
            units += [(dts, pts, bytes(part), key) for part in annex_b.filter(packet)]
    first = min(unit[0] for unit in units)
    shifted = [(dts - first, pts - first, data, key) for dts, pts, data, key in units]
    return shifted, shifted[-1][0] * len(shifted) / max(1, len(shifted) - 1)


class Player:
    """Feeds every client session from its own thread, at the speed of the clip."""

    def __init__(self, gst: GObject, clip: Path, *, loop: bool, freeze: int | None) -> None:
        self._gst = gst
        self._units, self._length_s = access_units(clip)
        self._loop = loop
        self._freeze = freeze

    def attach(self, _factory: object, media: GObject) -> None:
        source = media.get_element().get_by_name("video")
        gone = threading.Event()
        media.connect("unprepared", lambda _: gone.set())
        threading.Thread(target=self._play, args=(source, gone), daemon=True).start()

    def _play(self, source: GObject, gone: threading.Event) -> None:
        start, sent, lap = time.monotonic(), 0, 0
        while lap == 0 or self._loop:
            for dts, pts, data, key in self._units:
                offset = lap * self._length_s
                if sent == self._freeze:
                    gone.wait()
                if gone.wait(max(0.0, start + offset + dts - time.monotonic())):
                    return
                buffer = self._gst.Buffer.new_wrapped(data)
                buffer.dts, buffer.pts = int((offset + dts) * 1e9), int((offset + pts) * 1e9)
                if not key:
                    buffer.set_flags(self._gst.BufferFlags.DELTA_UNIT)
                if source.emit("push-buffer", buffer) != self._gst.FlowReturn.OK:
                    return
                sent += 1
            lap += 1
        source.emit("end-of-stream")


def serve(settings: dict[str, Any]) -> None:
    found = gstreamer()
    assert found is not None, MISSING
    gst, rtsp = found.Gst, found.GstRtspServer
    server = rtsp.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    player = Player(gst, Path(settings["clip"]), loop=settings["loop"], freeze=settings["freeze"])
    factories = {"/live": VIDEO, "/sound": AUDIO}
    role = _require_login(found, server, settings["login"]) if settings["login"] else None
    for path, launch in factories.items():
        factory = rtsp.RTSPMediaFactory()
        factory.set_launch(launch)
        if launch is VIDEO:
            factory.connect("media-configure", player.attach)
        if role is not None:
            factory.set_permissions(role)
        server.get_mount_points().add_factory(path, factory)
    assert server.attach(None)
    print(STATUS_READY, server.get_bound_port(), flush=True)  # noqa: T201 - the answer to whoever started it
    found.GLib.MainLoop().run()


def _require_login(found: GObject, server: GObject, login: str) -> GObject:
    rtsp = found.GstRtspServer
    user, password = login.split(":", 1)
    token = rtsp.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth = rtsp.RTSPAuth()
    auth.set_supported_methods(found.GstRtsp.RTSPAuthMethod.DIGEST)
    auth.add_digest(user, password, token)
    server.set_auth(auth)
    permissions = rtsp.RTSPPermissions()
    permissions.add_role("viewer")
    for action in ("access", "construct"):
        permissions.add_permission_for_role("viewer", f"media.factory.{action}", True)
    return permissions


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))
