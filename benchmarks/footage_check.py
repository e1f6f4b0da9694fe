"""What a recorder kept of what virtual cameras sent, frame by frame."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from vedette.clock import SystemClock
from vedette.config import SystemConfig
from vedette.model.recording import Gap, Segment
from vedette.model.time import NS_PER_S
from vedette.simulator.cameras import Viewing, frame_number
from vedette.store.database import Database
from vedette.store.recordings import SqlRecordings
from vedette.video.recording.identity_file import IDENTITY

_EVER = 2**62
_NEAR_NS = NS_PER_S // 2


@dataclass(frozen=True, slots=True)
class Kept:
    """One run of a stream as it lies on the disk.

    pictures  numbers burned into its pictures, in order, decoded from the files
    packets   how many packets its files hold; the same as pictures where everything can be decoded
    """

    run: int
    start_utc_ns: int
    segments: tuple[Segment, ...]
    pictures: tuple[int | None, ...]
    packets: int


def segments_of(config: SystemConfig, camera: str, stream: str = "main") -> list[Segment]:
    """Every committed segment of a stream, oldest first."""
    with closing(Database.open(config.database, clock=SystemClock())) as database:
        return list(SqlRecordings(database).between(camera, stream, 0, _EVER))


def packets_of(config: SystemConfig, segment: Segment) -> int:
    """How many pictures a segment's file holds."""
    return _packets(_roots(config)[segment.storage] / segment.path)


def _roots(config: SystemConfig) -> dict[str, Path]:
    """Storage folders that are there, by uuid."""
    found = {}
    for folder in config.storage:
        with suppress(OSError):
            found[str(json.loads((folder.path / IDENTITY).read_text(encoding="utf-8"))["storage"])] = folder.path
    return found


def kept(config: SystemConfig, camera: str, stream: str = "main") -> list[Kept]:
    """Every run of a stream, decoded to its last picture."""
    roots = _roots(config)
    runs: dict[int, list[Segment]] = {}
    for segment in segments_of(config, camera, stream):
        runs.setdefault(segment.run, []).append(segment)
    found = []
    for run, segments in runs.items():
        segments.sort(key=lambda one: one.start_stream_ns)
        pictures = [number for segment in segments for number in _pictures(roots[segment.storage] / segment.path)]
        packets = sum(_packets(roots[segment.storage] / segment.path) for segment in segments)
        found.append(Kept(run, segments[0].start_utc_ns, tuple(segments), tuple(pictures), packets))
    return sorted(found, key=lambda one: one.start_utc_ns)


def _pictures(path: Path) -> Iterator[int | None]:
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield frame_number(np.asarray(frame.to_ndarray(format="gray"), np.uint8))


def _packets(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(packet.size > 0 for packet in container.demux(video=0))


@dataclass(frozen=True, slots=True)
class Loss:
    """What became of one viewing: a connection of the recorder to a camera, up to `until_utc_ns`.

    lost_s    footage that came after the first keyframe and before the end, and was not kept at the end
    holes     frames that are missing between kept ones, or differ from what was sent
    broken    packets that are kept and cannot be decoded
    late_s    from the end of the one before to the first kept frame of this one; None for the first
    """

    lost_s: float
    holes: int
    broken: int
    late_s: float | None = None


def judge(viewing: Viewing, runs: Sequence[Kept], gop: int, until_utc_ns: int) -> Loss:
    """Compare what was sent in `viewing` with the one of `runs` that was made of it."""
    sent = viewing.sent_utc_ns <= until_utc_ns
    pictures, captured = viewing.picture[sent], viewing.captured_utc_ns[sent]
    keys = np.flatnonzero(pictures % gop == 0)
    if not len(keys):
        return Loss(0.0, 0, 0)
    run = _of(viewing, runs)
    if run is None:
        return Loss((until_utc_ns - int(captured[keys[0]])) / NS_PER_S, 0, 0)
    starts = [key for key in keys.tolist() if pictures[key] == run.pictures[0]]
    first = min(starts, key=lambda key: abs(int(captured[key]) - run.start_utc_ns), default=None)
    if first is None:
        return Loss(0.0, len(run.pictures), run.packets - len(run.pictures))
    expected = viewing.picture[first : first + len(run.pictures)].tolist()
    holes = sum(a != b for a, b in zip(expected, run.pictures, strict=False)) + len(run.pictures) - len(expected)
    end = first + len(run.pictures)
    lost_s = (until_utc_ns - int(viewing.captured_utc_ns[end])) / NS_PER_S if end < viewing.frames else 0.0
    return Loss(max(0.0, lost_s), holes, run.packets - len(run.pictures))


def _of(viewing: Viewing, runs: Sequence[Kept]) -> Kept | None:
    begin, end = int(viewing.captured_utc_ns[0]) - _NEAR_NS, int(viewing.captured_utc_ns[-1]) + _NEAR_NS
    return next((run for run in runs if begin <= run.start_utc_ns <= end), None)


@dataclass(frozen=True, slots=True)
class Account:
    """What became of every frame of a stream.

    sent, kept   frames; those of all connections together
    told         of those that are not kept: frames in the time of a gap, which says why
    untold       of those that are not kept: capture times in UTC ns of frames that no gap speaks of
    wrong        frames in files that were not sent so, or twice
    """

    sent: int
    kept: int
    told: int
    untold: tuple[int, ...]
    wrong: int


def account(
    viewings: Sequence[Viewing], config: SystemConfig, camera: str, gaps: Sequence[Gap], slack_ns: int = _NEAR_NS // 5
) -> Account:
    """Compare all that was sent with all that was kept, file by file, whatever happened in between.

    gaps      of the camera
    slack_ns  by which the recorder's and the camera's word on the capture of a frame may differ
    """
    at = np.concatenate([viewing.captured_utc_ns for viewing in viewings])
    number = np.concatenate([viewing.picture for viewing in viewings])
    times, wrong = np.zeros(len(at), np.int64), 0
    roots = _roots(config)
    for segment in segments_of(config, camera):
        pictures = np.array([-1 if one is None else one for one in _pictures(roots[segment.storage] / segment.path)])
        first = _nearest(at, number, int(pictures[0]), segment.start_utc_ns)
        if first is None:
            wrong += len(pictures)
            continue
        same = number[first : first + len(pictures)]
        wrong += int((same != pictures[: len(same)]).sum()) + len(pictures) - len(same)
        times[first : first + len(pictures)] += 1
    in_gap = np.zeros(len(at), bool)
    for gap in gaps:
        end = _EVER if gap.end_utc_ns is None else gap.end_utc_ns
        in_gap |= (at >= gap.start_utc_ns - slack_ns) & (at <= end + slack_ns)
    away = times == 0
    untold = tuple(int(one) for one in at[away & ~in_gap])
    return Account(len(at), int((~away).sum()), int((away & in_gap).sum()), untold, wrong + int((times > 1).sum()))


def _nearest(at: NDArray[np.int64], number: NDArray[np.int64], picture: int, utc_ns: int) -> int | None:
    """The frame that shows `picture` and was captured about `utc_ns`."""
    shown = np.flatnonzero(number == picture)
    if not len(shown):
        return None
    nearest = int(shown[np.argmin(np.abs(at[shown] - utc_ns))])
    return nearest if abs(int(at[nearest]) - utc_ns) < _NEAR_NS else None
