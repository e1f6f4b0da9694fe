"""The whole system as its user has it: `vedette run` on virtual cameras, with all that is heard and left of it."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import av
import httpx
import numpy as np
import psutil
import pytest
from benchmarks.rig import Rig
from websockets.sync.client import connect

from namespaces import apart, sh
from vedette.model.time import NS_PER_S, rfc3339
from vedette.simulator.cameras import CameraFarm, CameraSpec, frame_number, make_clip
from vedette.simulator.cameras.clips import Coding
from vedette.simulator.film import film
from vedette.simulator.settings import Settings
from vedette.vision.weights import cache_folder

_EVERY_PROTOCOL = 0x0003
_IPV6 = 0x86DD
FPS = 10
SECONDS = 8
PATIENCE_S = 90.0
PASSWORD = "kX7-geheim@/9"  # noqa: S105 - of cameras that are none
REFUSED = "configuration not taken"
RULE = {"id": "middle", "type": "line_crossing", "line": [[0.5, 0.0], [0.5, 1.0]], "labels": ["person"]}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A moving scene with and without numbers, and a plain numbered clip."""
    folder = tmp_path_factory.mktemp("clips")
    settings = Settings(seed=1, size=(640, 360), fps=FPS, seconds=SECONDS)
    coding = Coding(gop_s=1.0, bitrate=800_000)
    film("shop-entrance", folder / "main.mp4", settings, coding=coding, numbered=True)
    film("shop-entrance", folder / "sub.mp4", settings, coding=coding)
    yard = make_clip(folder, seconds=6, fps=FPS, size=(320, 180), gop_s=1.0, bitrate=200_000)
    return {"main": folder / "main.mp4", "sub": folder / "sub.mp4", "yard": yard}


@dataclass
class System:
    """A running system with all that it has said."""

    rig: Rig
    said: list[bytes] = field(default_factory=list)

    @classmethod
    def on(cls, folder: Path, farm: CameraFarm) -> Self:
        """Two cameras: one with a small stream and a rule, its password in a file; one with the password in place."""
        (folder / "gate.password").write_text(PASSWORD + "\n", encoding="utf-8")
        gate = {
            "name": "Gate",
            "source": farm.address("gate", login="guard:hidden").replace("hidden", "{password}"),
            "sub": farm.address("gate", "sub", login="guard:hidden").replace("hidden", "{password}"),
            "password_file": "gate.password",
            "rules": [RULE],
        }
        return cls(Rig(folder, {"gate": gate, "yard": {"source": farm.address("yard"), "analyze": "off"}}))

    @property
    def log(self) -> str:
        return self.rig.log.read_text(encoding="utf-8")

    @property
    def url(self) -> str:
        """Where the page says it is."""
        here = "Vedette is at "
        self.rig.until(lambda: here in self.log, "the server says where it is", PATIENCE_S)
        return self.log.rpartition(here)[2].split()[0]

    def bytes(self, path: str) -> bytes:
        answer = httpx.get(f"{self.url}/{path}", timeout=PATIENCE_S, trust_env=False)
        answer.raise_for_status()
        self.said.append(answer.content)
        return answer.content

    def json(self, path: str) -> Any:  # noqa: ANN401 - as json.loads
        return json.loads(self.bytes(f"api/v1/{path}"))

    def figure(self, part: str, name: str) -> float:
        """One figure of a part's health, 0 while nothing is heard of it."""
        known = {each["part"]: each["figures"] for each in self.json("health")["parts"]}
        return float(known.get(part, {}).get(name, 0.0))

    def until_sent(self, camera: str) -> None:
        """Wait until packets of a camera have come."""
        self.rig.until(lambda: self.figure(f"camera:{camera}:main", "fps") > 0.0, f"{camera} is recorded", PATIENCE_S)

    def first_event(self) -> dict[str, Any]:
        """The first event that is told over the WebSocket."""
        ends = time.monotonic() + PATIENCE_S
        with connect(f"{self.url.replace('http', 'ws')}/api/v1/events") as socket:
            while time.monotonic() < ends:
                message = json.loads(socket.recv(timeout=PATIENCE_S))
                self.said.append(json.dumps(message).encode())
                if message["type"] == "event":
                    return dict(message)
        raise AssertionError("no event came")

    def change(self, text: str) -> str:
        """Put `text` into the file and let it be read; what was there before."""
        before = self.rig.file.read_text(encoding="utf-8")
        self.rig.file.write_text(text, encoding="utf-8")
        self.rig.reload()
        return before


def test_events_footage_changes_and_an_orderly_end(tmp_path: Path, clips: Mapping[str, Path]) -> None:
    specs = {
        "gate": CameraSpec(clips["main"], sub=clips["sub"]), "yard": CameraSpec(clips["yard"]),
        "late": CameraSpec(clips["yard"]),
    }  # fmt: skip
    with CameraFarm(specs, login=f"guard:{PASSWORD}") as farm:
        system = System.on(tmp_path, farm)
        with system.rig:
            event = system.first_event()
            shown = footage_of(system, event, farm)
            a_camera_comes_and_a_broken_file_changes_nothing(system, farm)
            nothing_gives_the_password_away(system)
            assert [len(farm.sent(name, stream).viewings) for name, stream in STREAMS] == [1, 1, 1]
            assert system.rig.stop() == 0, system.log
        what_is_left_is_in_order(system, event, shown)


STREAMS = (("gate", "main"), ("gate", "sub"), ("yard", "main"))


def footage_of(system: System, event: Mapping[str, Any], farm: CameraFarm) -> tuple[str, str, list[int]]:
    """The event is listed, and its film shows what the camera captured; the film's span and pictures."""
    system.rig.until(
        lambda: event["id"] in [each["id"] for each in system.json("events?camera=gate")["events"]]
        and event["incident"] in [each["id"] for each in system.json("incidents?camera=gate")["incidents"]],
        "event and incident are listed", PATIENCE_S,
    )  # fmt: skip
    at_ns = ns(event["at"])
    start, end = rfc3339(at_ns - NS_PER_S), rfc3339(at_ns + NS_PER_S)
    path = f"api/v1/cameras/gate/video.mp4?start={quote(start)}&end={quote(end)}"
    system.rig.until(lambda: covered(system, at_ns + NS_PER_S), "the event's footage is on the disk", PATIENCE_S)
    film = system.rig.folder / "event.mp4"
    film.write_bytes(system.bytes(path))
    pictures = numbers(film)
    sent = farm.sent("gate").viewings[0]
    wanted = (sent.captured_utc_ns >= at_ns - NS_PER_S) & (sent.captured_utc_ns < at_ns + NS_PER_S)
    assert pictures[-2 * FPS + 4 :] == sent.picture[wanted].tolist()[-2 * FPS + 4 :]
    return start, end, pictures


def covered(system: System, utc_ns: int) -> bool:
    """Whether the recording of the gate reaches beyond a moment."""
    spans = system.json("cameras/gate/timeline")["recorded"]
    return bool(spans) and ns(spans[-1]["end"]) > utc_ns + NS_PER_S // 2


def a_camera_comes_and_a_broken_file_changes_nothing(system: System, farm: CameraFarm) -> None:
    before = system.rig.file.read_text(encoding="utf-8")
    given = json.loads(before)
    given["cameras"]["late"] = {"source": farm.address("late"), "analyze": "off"}
    system.change(json.dumps(given))
    system.rig.until(lambda: len(system.json("cameras")["cameras"]) == 3, "the camera is known", PATIENCE_S)
    system.until_sent("late")
    for wrong in ("cameras: [", json.dumps({"cameras": {"gate": {"sorce": "x"}}})):
        told = system.log.count(REFUSED)
        sound = system.change(wrong)
        system.rig.until(partial(more_told, system, told), "the file is refused", PATIENCE_S)
        system.rig.file.write_text(sound, encoding="utf-8")
        assert system.log.count(REFUSED) == told + 1
    assert len(system.json("cameras")["cameras"]) == 3


def more_told(system: System, told: int) -> bool:
    return system.log.count(REFUSED) > told


def nothing_gives_the_password_away(system: System) -> None:
    """No log, no answer, no list of processes, and no file but those that it was written into."""
    for path in ("cameras", "health", "alarms", "events", "incidents", "openapi.json"):
        system.bytes(f"api/v1/{path}")
    for path in ("", "metrics", "healthz", "readyz"):
        system.bytes(path)
    forms = {PASSWORD, quote(PASSWORD, safe="")}
    lines = [" ".join(each.cmdline()) for each in psutil.Process(os.getpid()).children(recursive=True)]
    assert sum("--only" in line for line in lines) == 3
    seen = [system.log, *lines, *(answer.decode("latin-1") for answer in system.said)]
    assert not [text for text in seen if any(form in text for form in forms)]
    written = {"vedette.yaml", "gate.password"}
    for file in system.rig.folder.rglob("*"):
        if file.is_file() and file.name not in written:
            data = file.read_bytes()
            assert not any(form.encode() in data for form in forms), file


def what_is_left_is_in_order(system: System, event: Mapping[str, Any], shown: tuple[str, str, Sequence[int]]) -> None:
    """After the end: the same film as a file, the same event from the stored tracks, and sound books."""
    start, end, pictures = shown
    rig, file = system.rig, str(system.rig.file)
    out, events = rig.folder / "export.mp4", rig.folder / "replayed.jsonl"
    done = rig.vedette("export", "gate", "--from", start, "--to", end, "-o", str(out), "-c", file)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert numbers(out) == pictures
    done = rig.vedette("replay", "--camera", "gate", "--from", "-1h", "-c", file, "-o", str(events))
    assert (done.returncode, done.stderr) == (0, ""), done
    again = [json.loads(line) for line in events.read_text(encoding="utf-8").splitlines()]
    same = ("rule", "kind", "direction", "label", "rule_hash")
    assert [
        each for each in again
        if all(each[key] == event[key] for key in same) and abs(ns(each["utc"]) - ns(event["at"])) < NS_PER_S // 5
    ], (event, again)  # fmt: skip
    done = rig.vedette("fsck", "--hashes", "-c", file)
    assert (done.returncode, done.stdout) == (0, "everything is as it should be\n"), done


class Eavesdropper:
    """Hears every packet of this network that is meant for another machine. For the thread whose network it is."""

    def __init__(self) -> None:
        sh("ip", "link", "set", "lo", "up")
        for version in ("-4", "-6"):
            # Every address in the world is answered by this machine, so that each attempt to reach one is heard here.
            sh("ip", version, "route", "add", "local", "default", "dev", "lo")
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_EVERY_PROTOCOL))
        self._socket.bind(("lo", 0))
        self._socket.settimeout(0.2)
        self._over = threading.Event()
        self.heard: set[str] = set()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while not self._over.is_set():
            try:
                packet, (_, protocol, *_) = self._socket.recvfrom(128)
            except TimeoutError:
                continue
            at, length = (24, 16) if protocol == _IPV6 else (16, 4)
            address = ipaddress.ip_address(packet[at : at + length])
            if not address.is_loopback:
                self.heard.add(str(address))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()
        self._socket.close()


def test_no_other_machine_is_spoken_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Libraries that tell their makers about their users are often silent where they are tested.
    for name in ("CI", "GITHUB_ACTIONS", "TF_BUILD", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("VEDETTE_CACHE", str(cache_folder().parent))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(home))
    camera = {"source": "sim:shop-entrance?size=320x180&fps=5", "rules": [RULE]}
    with apart("net"), Eavesdropper() as ear:
        system = System(Rig(tmp_path, {"door": camera}))
        with system.rig:
            system.until_sent("door")
            system.rig.until(
                lambda: system.figure("analysis:door", "analyzed_frames") > 0.0, "it is looked at", PATIENCE_S
            )
            system.bytes("")
            assert system.rig.stop() == 0
        assert ear.heard == set()
        assert list(home.rglob("*")) == []
        # The ear is not deaf.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, socket.socket(socket.AF_INET6) as another:
            one.sendto(b"anybody there?", ("192.0.2.7", 53))
            with contextlib.suppress(OSError):
                another.connect(("2001:db8::7", 443))
        system.rig.until(lambda: ear.heard >= {"192.0.2.7", "2001:db8::7"}, "what goes out is heard")


def numbers(path: Path) -> list[int]:
    """The numbers that are burned into a film's pictures."""
    with av.open(str(path)) as film:
        found = [frame_number(np.asarray(frame.to_ndarray(format="gray"), np.uint8)) for frame in film.decode(video=0)]
    assert None not in found
    return [number for number in found if number is not None]


def ns(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000) * 1_000_000
