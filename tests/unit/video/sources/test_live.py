"""The reader behind live sources, fed from a file instead of a network."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from vedette.clock import SimulatedClock
from vedette.model.errors import SourceLost
from vedette.model.media import Frame
from vedette.video.sources import live
from vedette.video.sources.live import LiveStream
from video_clips import make_clip, number_in


class Ticking(SimulatedClock):
    """A clock on which every packet comes a frame later than the one before."""

    def monotonic_ns(self) -> int:
        self.advance(0.04)
        return super().monotonic_ns()


def stream_of(path: Path, stall_s: float = 5.0) -> LiveStream:
    return LiveStream(av.open(str(path)), "camera", stall_s, Ticking())


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "a.ts", "mpeg2video", frames=200, group=25)


@pytest.fixture
def silent(clip: Path, tmp_path: Path) -> Iterator[LiveStream]:
    """A stream that sends half of a clip and then nothing, with its connection open."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    data = clip.read_bytes()
    ended = threading.Event()

    def send() -> None:
        with pipe.open("wb", buffering=0) as out:
            out.write(data[: len(data) // 2])
            ended.wait()

    sender = threading.Thread(target=send)
    sender.start()
    stream = LiveStream(av.open(str(pipe)), "camera", 0.2, Ticking())
    yield stream
    stream.close()
    ended.set()
    sender.join()


def test_end_is_a_loss_after_all_that_came(clip: Path) -> None:
    stream = stream_of(clip)
    seen: list[int] = []
    with pytest.raises(SourceLost, match="camera broke off: the camera ended it"):
        seen.extend(packet.dts_ns for packet in stream.packets())
    stream.close()
    stream = stream_of(clip)
    frames: list[Frame] = []
    with pytest.raises(SourceLost):
        frames.extend(stream.frames())
    stream.close()
    assert frames[-1].index == 199
    assert number_in(frames[-1].image) == 199


def test_slow_viewer_jumps_to_the_newest_keyframe_and_counts_what_it_left_out(clip: Path) -> None:
    stream = stream_of(clip)
    frames = stream.frames()
    seen = [next(frames)]
    with stream._changed:
        assert stream._changed.wait_for(lambda: bool(stream._lost), timeout=20)
    with pytest.raises(SourceLost):
        seen.extend(frames)
    stream.close()
    assert stream.dropped > 100
    assert seen[-1].index == 199
    assert [number_in(frame.image) for frame in seen[5:]] == [frame.index for frame in seen[5:]]
    assert all(a.at.stream_ns <= b.at.stream_ns for a, b in itertools.pairwise(seen))


def test_packets_are_never_left_out(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "BACKLOG", 8)
    stream = stream_of(clip)
    waiting: list[int] = []
    with pytest.raises(SourceLost):
        waiting.extend(len(stream._waiting) for _ in stream.packets())
    stream.close()
    assert len(waiting) == 200
    assert max(waiting) <= 8


def test_close_ends_a_blocked_reader(silent: LiveStream) -> None:
    silent._stall_s = 60.0
    count = 0
    closer = threading.Timer(0.5, silent.close)
    closer.start()
    for _ in silent.packets():
        count += 1
    closer.join()
    assert 50 < count < 150


def test_silence_is_a_loss(silent: LiveStream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "GRACE_S", 0.1)
    with pytest.raises(SourceLost, match="no picture came for"):
        list(silent.packets())


def test_close_from_many_threads(clip: Path) -> None:
    for _ in range(10):
        stream = stream_of(clip)
        frames = stream.frames()
        next(frames)
        closers = [threading.Thread(target=stream.close) for _ in range(4)]
        for closer in closers:
            closer.start()
        rest = list(itertools.islice(frames, 1000))
        for closer in closers:
            closer.join()
        assert len(rest) < 200


def test_is_read_once(clip: Path) -> None:
    stream = stream_of(clip)
    next(iter(stream.frames()))
    with pytest.raises(RuntimeError, match="read once"):
        next(iter(stream.frames()))
    stream.close()
