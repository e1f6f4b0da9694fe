import json
import time
from itertools import islice, pairwise
from pathlib import Path
from threading import Timer

import psutil
import pytest

from vedette.clock import SimulatedClock
from vedette.model.errors import ConfigError, SourceError, SourceLost
from vedette.model.media import StreamInfo
from vedette.simulator.live import LiveSimStream, plain
from vedette.simulator.live_camera import Show, TruthWriter, settings_from
from vedette.simulator.settings import Appearance, Settings, find_scene, set_stage
from vedette.simulator.source import SimOptions, SimSource, build
from vedette.video.encoding import PictureEncoder

SMALL = Settings(size=(192, 108), fps=10.0, people=8)
ADDRESS = "sim:fence-line?live=true&size=192x108&fps=10&people=8&gop_s=0.5"


def opened(address: str = ADDRESS) -> LiveSimStream:
    stream = build(SimOptions(), address).open()
    assert isinstance(stream, LiveSimStream)
    return stream


def test_packets_come_at_the_pace_of_the_clock_and_were_captured_now() -> None:
    stream = opened()
    try:
        assert stream.info == StreamInfo("sim:fence-line", 192, 108, 10.0, live=True, codec="h264")
        packets = []
        for packet in islice(stream.packets(), 25):
            assert -0.01 < time.time() - packet.at.utc_ns / 1e9 < 1.0
            packets.append(packet)
        assert packets[0].key
        assert packets[0].codec.extradata
        assert [b.number - a.number for a, b in pairwise(packets)] == [1] * 24
        assert all(b.dts_ns > a.dts_ns for a, b in pairwise(packets))
        assert len({id(packet.codec) for packet in packets}) == 1
        for a, b in pairwise(packets):
            assert (b.at.utc_ns - a.at.utc_ns) / 1e9 == pytest.approx(b.at.seconds_since(a.at), abs=0.1)
        keys = [packet.at.stream_s for packet in packets if packet.key]
        assert len(keys) >= 4
    finally:
        stream.close()


def test_frames_are_its_pictures() -> None:
    stream = opened()
    frames = list(stream.frames(0.2, 0.8))
    stream.close()
    assert frames
    assert all(0.2 <= frame.at.stream_s < 0.8 for frame in frames)
    assert all(frame.image.shape == (108, 192, 3) for frame in frames)
    assert [frame.index for frame in frames] == [round(frame.at.stream_s * 10) for frame in frames]


def test_close_ends_the_process_and_whoever_reads() -> None:
    stream = opened()
    packets = stream.packets()
    next(packets)
    closer = Timer(0.3, stream.close)
    closer.start()
    assert len(list(packets)) < 10
    closer.join()
    assert not psutil.pid_exists(stream.pid)
    stream.close()
    assert list(packets) == []


def test_a_process_that_dies_is_a_lost_source() -> None:
    stream = opened()
    packets = stream.packets()
    next(packets)
    psutil.Process(stream.pid).kill()
    with pytest.raises(SourceLost, match="the process that draws it has ended"):
        list(packets)
    with pytest.raises(SourceError, match="open it again"):
        next(stream.packets())
    stream.close()


def test_what_cannot_be_drawn_is_said_when_opening() -> None:
    events = (Appearance(1.0, "dance"),)
    with pytest.raises(SourceError, match="no act 'dance'"):
        SimSource(find_scene("fence-line"), Settings(size=(192, 108), events=events), live=True).open()


@pytest.mark.parametrize("wrong", ["live=yes", "live=", "live=true&live=true", "gop_s=0", "truth=/etc/passwd"])
def test_wrong_parameters(wrong: str) -> None:
    with pytest.raises(ConfigError):
        build(SimOptions(), f"sim:fence-line?{wrong}")


def test_settings_survive_the_way_to_the_other_process() -> None:
    for settings in (SMALL, Settings(events=(Appearance(1.0, "glimpse", 0.8),), light="night", noise=1.5)):
        assert settings_from(json.loads(json.dumps(plain(settings)))) == settings


class SlowMachine(SimulatedClock):
    """Every look at the clock costs time, as everything does on a busy machine."""

    cost_s = 0.0

    def monotonic_ns(self) -> int:
        self.advance(self.cost_s)
        return super().monotonic_ns()


def test_a_slow_machine_leaves_frames_out_and_does_not_fall_behind(tmp_path: Path) -> None:
    clock, stage = SlowMachine(), set_stage(find_scene("fence-line"), SMALL)
    clock.cost_s = 0.12
    began_ns = 0
    truth = TruthWriter(tmp_path / "truth.jsonl", stage)
    show = Show(stage, clock, truth)
    encoder = PictureEncoder("x", "main", *SMALL.size, SMALL.fps, prompt=True)
    seen = []
    for packet in islice(show.packets(encoder), 150):
        behind_s = (clock.utc_ns() - packet.at.utc_ns) / 1e9
        assert 0.0 <= behind_s < 0.5
        began_ns = began_ns or packet.at.utc_ns - packet.at.stream_ns
        assert packet.at.utc_ns - packet.at.stream_ns == pytest.approx(began_ns, abs=1e6)
        seen.append(packet.at.stream_s)
    assert show.left_out > 75
    assert seen[-1] > 25
    steps = [b - a for a, b in pairwise(seen)]
    assert min(steps) > 0.09
    assert max(steps) < 0.5
    rows = [json.loads(line) for line in (tmp_path / "truth.jsonl").read_text().splitlines()]
    assert [row["t_s"] for row in rows] == sorted(row["t_s"] for row in rows)
    assert {row["kind"] for row in rows} == {"crossing", "visit"}
    assert rows[-1]["t_s"] <= seen[-1]


def test_events_of_a_live_scene_come_once(tmp_path: Path) -> None:
    settings = Settings(size=(192, 108), fps=5.0, events=(Appearance(2.0, "drive"),))
    stage = set_stage(find_scene("fence-line"), settings)
    truth = TruthWriter(tmp_path / "truth.jsonl", stage)
    encoder = PictureEncoder("x", "main", *settings.size, settings.fps, prompt=True)
    for _ in islice(Show(stage, SimulatedClock(), truth).packets(encoder), 60):
        pass
    rows = [json.loads(line) for line in (tmp_path / "truth.jsonl").read_text().splitlines()]
    assert [(row["kind"], row["line"], row["label"]) for row in rows] == [("crossing", "road", "car")]
    assert 2.0 < rows[0]["t_s"] < 5.0
