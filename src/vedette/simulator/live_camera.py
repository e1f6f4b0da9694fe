"""The process that draws a live simulated camera: `python -m vedette.simulator.live_camera`.

It reads its settings as one line of JSON, says in one line that it begins (or why it cannot), then writes packets until
it is ended. It stays with the clock: where the machine is too slow, frames are left out before they are drawn.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Final

from vedette.clock import SystemClock
from vedette.model.errors import VedetteError
from vedette.model.media import Packet, StreamInfo
from vedette.model.ports import Clock
from vedette.model.time import NS_PER_S, Instant, rfc3339
from vedette.simulator.endless import Crowd
from vedette.simulator.scene import Actor
from vedette.simulator.settings import Appearance, Settings, Stage, find_scene, set_stage
from vedette.simulator.truth import crossings, visits
from vedette.video.encoding import PictureEncoder

HEAD: Final = struct.Struct(">I?qqq")
"""Before every packet: its size, whether it is a keyframe, stream time, capture time and decoding time in ns."""
_AHEAD_S: Final = 5.0
_BLOCK: Final = 8
"""Frames whose actors are put in place together, which is cheaper; none that may have to be left out."""


class Show:
    """A scene that goes on and on, drawn when it is time."""

    def __init__(self, stage: Stage, clock: Clock, truth: TruthWriter | None) -> None:
        self._stage, self._clock, self._truth = stage, clock, truth
        settings, scene = stage.settings, stage.scene
        people = scene.people if settings.people is None else settings.people
        self._crowd = None if settings.events is not None else Crowd(scene, settings.seed, people)
        self.left_out = 0

    def packets(self, encoder: PictureEncoder) -> Iterator[Packet]:
        """Packets as they become due, for ever. Raises SourceError."""
        fps = self._stage.settings.fps
        if self._crowd is None and self._truth is not None:
            self._truth.expect(self._stage.actors)
        self._advance(0.0)
        begin_ns = self._clock.monotonic_ns()
        index, ahead = 0, _BLOCK
        while True:
            self._advance(index / fps)
            planned, ahead = ahead, _BLOCK
            for drawn in self._stage.renderer.frames(fps, index + planned, index):
                utc_ns = self._wait(begin_ns + round(index * NS_PER_S / fps))
                yield from encoder.encode(drawn.image, Instant(round(index * NS_PER_S / fps), utc_ns))
                if self._truth is not None:
                    self._truth.write(index / fps, utc_ns)
                due = int((self._clock.monotonic_ns() - begin_ns) * fps / NS_PER_S)
                missed = max(0, due - index - 1)
                index, self.left_out = index + 1 + missed, self.left_out + missed
                if missed:
                    ahead = 1
                    break

    def _wait(self, due_ns: int) -> int:
        """Wait until then; what the wall clock says at that moment, also when it is over."""
        late_ns = self._clock.monotonic_ns() - due_ns
        if late_ns < 0:
            self._clock.sleep(-late_ns / NS_PER_S)
        return self._clock.utc_ns() - max(0, late_ns)

    def _advance(self, now_s: float) -> None:
        if self._crowd is not None:
            new = self._crowd.advance(now_s + _AHEAD_S)
            self._stage.renderer.actors = self._crowd.actors
            if self._truth is not None:
                self._truth.expect(new)


class TruthWriter:
    """Writes what happens as JSON lines, each when it has happened: crossings, and visits once they are over."""

    def __init__(self, path: Path, stage: Stage) -> None:
        self._path = path
        self._stage = stage
        self._coming: list[tuple[float, dict[str, Any]]] = []

    def expect(self, actors: list[Actor]) -> None:
        """These are coming."""
        if not actors:
            return
        scene, view = self._stage.scene, self._stage.view
        until_s = max(actor.path.end_s for actor in actors) + 1.0
        for crossing in crossings(scene, view, actors, until_s):
            crossed = {"line": crossing.line, "direction": crossing.direction}
            self._note("crossing", crossing.t_s, crossing.id, crossing.label, crossed)
        for visit in visits(scene, view, actors, until_s):
            if visit.leave_s is not None:
                visited = {"zone": visit.zone, "enter_s": round(visit.enter_s, 2)}
                self._note("visit", visit.leave_s, visit.id, visit.label, visited)
        self._coming.sort(key=lambda entry: entry[0])

    def write(self, now_s: float, utc_ns: int) -> None:
        """Write down what has happened up to the frame at `now_s`, captured at `utc_ns`."""
        while self._coming and self._coming[0][0] <= now_s:
            at_s, row = self._coming.pop(0)
            happened_ns = utc_ns - round((now_s - at_s) * NS_PER_S)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"utc": rfc3339(happened_ns), **row}) + "\n")

    def _note(self, kind: str, at_s: float, number: int, label: str, more: Mapping[str, Any]) -> None:
        row = {"kind": kind, "t_s": round(at_s, 4), "id": number, "label": label, **more}
        if at_s >= 0:
            self._coming.append((at_s, row))


def settings_from(plain: Mapping[str, Any]) -> Settings:
    """Settings from plain JSON values."""
    events = plain["events"]
    made = None if events is None else tuple(Appearance(*event) for event in events)
    return Settings(**{**plain, "size": tuple(plain["size"]), "events": made})


def _run(job: Mapping[str, Any], out: IO[bytes]) -> None:
    settings = settings_from(job["settings"])
    stage = set_stage(find_scene(job["scene"]), settings)
    info = StreamInfo(f"sim:{stage.scene.name}", *settings.size, settings.fps, live=True, codec="h264")
    encoder = PictureEncoder(info.name, "main", *settings.size, settings.fps, gop_s=job["gop_s"], prompt=True)
    truth = TruthWriter(Path(job["truth"]), stage) if job["truth"] else None
    out.write(b"{}\n")
    out.flush()
    for packet in Show(stage, SystemClock(), truth).packets(encoder):
        out.write(HEAD.pack(len(packet.data), packet.key, packet.at.stream_ns, packet.at.utc_ns, packet.dts_ns))
        out.write(packet.data)
        out.flush()


def main() -> None:
    """Draw until the reader is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Whatever else prints must not get between the packets.
    out = os.fdopen(os.dup(1), "wb", buffering=1 << 20)
    os.dup2(2, 1)
    try:
        _run(json.loads(sys.stdin.readline()), out)
    except BrokenPipeError:
        os._exit(0)
    except (VedetteError, ValueError, OSError) as error:
        out.write(json.dumps({"error": str(error)}).encode() + b"\n")
        out.flush()


if __name__ == "__main__":
    main()
