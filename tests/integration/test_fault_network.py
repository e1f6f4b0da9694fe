"""The line between the recorder and a camera is cut, and cameras with faults beside one without."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from fault_site import Site
from namespaces import apart, sh
from vedette.model.time import NS_PER_S
from vedette.simulator.cameras import CameraFarm, CameraSpec, make_clip
from vedette.simulator.cameras.faults import (
    BackwardStamps,
    Burst,
    Fault,
    GarbagePackets,
    HangUp,
    JumpStamps,
    Loss,
    NoKeyframes,
    Slow,
    StallStamps,
    SwitchClip,
)

pytestmark = pytest.mark.slow

FPS = 25
CAMERA, RECORDER = "10.77.7.2", "10.77.7.1"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip"), seconds=60, fps=FPS, size=(320, 180), gop_s=1, bitrate=300_000)


@pytest.fixture
def far(clip: Path) -> Iterator[CameraFarm]:
    """A camera at the other end of a cable; this end is called `cable`."""
    with ExitStack() as stack:
        stack.enter_context(apart("net"))
        sh("ip", "link", "set", "lo", "up")
        sh("ip", "link", "add", "cable", "type", "veth", "peer", "name", "there")
        sh("ip", "address", "add", f"{CAMERA}/24", "dev", "there")
        sh("ip", "link", "set", "there", "up")
        farm = stack.enter_context(CameraFarm({"gate": CameraSpec(clip, join="keyframe")}, host=CAMERA))
        stack.enter_context(apart("net"))
        home = "/proc/thread-self/ns/net"
        with open(home, "rb") as here:
            mine = f"/proc/{os.getpid()}/fd/{here.fileno()}"
            sh("nsenter", f"--net=/proc/{farm.pid}/ns/net", "ip", "link", "set", "cable", "netns", mine)
        sh("ip", "link", "set", "lo", "up")
        sh("ip", "address", "add", f"{RECORDER}/24", "dev", "cable")
        sh("ip", "link", "set", "cable", "up")
        yield farm


def test_a_line_that_is_cut_for_a_while(tmp_path: Path, far: CameraFarm) -> None:
    with Site(tmp_path / "site", far, options={"stall_s": 4.0, "connect_s": 4.0}) as site:
        site.recorded(3)
        sent = far.sent("gate").viewings[0]
        sh("ip", "link", "set", "cable", "down")
        cut_ns = int(sent.captured_utc_ns[-1])
        site.until(lambda: "camera_lost" in site.open_alarms(), "the lost camera is told of")
        sh("ip", "link", "set", "cable", "up")
        site.until(lambda: "camera_lost" not in site.open_alarms(), "the camera is back")
        site.recorded()
        site.stop()
        (alarm,) = site.kept_alarms()
        assert alarm.kind == "camera_lost"
        assert alarm.raised_utc_ns - cut_ns > 15 * NS_PER_S
        (gap,) = [gap for gap in site.kept_gaps("gate") if gap.reason == "camera_lost"]
        assert gap.end_utc_ns is not None
        assert abs(gap.start_utc_ns - cut_ns) < NS_PER_S
        again = far.sent("gate").viewings[-1]
        assert abs(gap.end_utc_ns - int(again.captured_utc_ns[0])) < 0.2 * NS_PER_S
        site.assert_acknowledged()
        site.assert_in_order()
        site.assert_told("gate")


def test_cameras_with_faults_harm_nobody_else(tmp_path: Path, clip: Path) -> None:
    other = make_clip(clip.parent, seconds=4, fps=FPS, size=(480, 270), gop_s=1, bitrate=300_000, codec="hevc")
    faults: list[Fault] = [
        Slow(8000), Burst(1.0), GarbagePackets(0.3), GarbagePackets(1.0, headers=True), Loss(20.0), NoKeyframes(),
        BackwardStamps(), StallStamps(), JumpStamps(-3600.0), JumpStamps(90_000.0), SwitchClip(other),
        HangUp(reset=True),
    ]  # fmt: skip
    with CameraFarm({name: CameraSpec(clip, join="keyframe") for name in ("good", "bad", "worse")}) as farm:
        with Site(tmp_path / "site", farm) as site:
            site.recorded(cameras=["good", "bad", "worse"])
            pid = site.rig.pid("recorder")
            for number, fault in enumerate(faults):
                farm.fault(("bad", "worse")[number % 2], fault)
                site.recorded(1, cameras=["good"])
                farm.clear(("bad", "worse")[(number + 1) % 2])
            farm.clear("bad")
            farm.clear("worse")
            site.recorded(2, seconds=90.0)
            assert site.rig.pid("recorder") == pid
            site.stop()
            site.assert_acknowledged()
            site.assert_in_order()
            found = site.assert_told("good")
            assert found.told <= FPS, found
            assert len(farm.sent("good").viewings) == 1
            for name in ("bad", "worse"):
                assert all(gap.end_utc_ns is None or gap.end_utc_ns >= gap.start_utc_ns for gap in site.kept_gaps(name))
        assert "Traceback" not in site.rig.log.read_text(encoding="utf-8")
