"""The public clips and simulated scenes, and ours run over them the way a user runs it.

Everything goes through `vedette.analyze` with its default settings; only rules with their labels, and the camera's view
where it looks straight down, are given.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import av

from benchmarks import scoring
from benchmarks.scoring import TruthLine
from vedette.app.analysis import analyze
from vedette.engine.pace import Pace
from vedette.model.media import Frame
from vedette.plugins import source_for
from vedette.reports.summary import Summary

RATES: tuple[float | None, ...] = (None, 10.0, 5.0, 3.0)
"""Frames a second that are analysed; None is the clip's own rate."""
VARIABLE = "traffic_camera_vfr.mp4"
EMPTY = ("bottle-detection.mp4", "issue53_brightness_change.avi")
"""Clips without a person or vehicle."""
_ANYTHING = ["person", "vehicle"]


def rate_name(fps: float | None) -> str:
    """How a rate is called in tables."""
    return "native" if fps is None else f"{fps:g}"


@dataclass(frozen=True)
class Clip:
    """A video with what is asked of it.

    limit_s   only the first so many seconds are looked at; None is all
    lines     what truly crossed each line, in seconds of the clip; one rule each, called by the line's name
    """

    name: str
    path: Path
    rules: tuple[Mapping[str, object], ...]
    lines: tuple[TruthLine, ...] = ()
    view: str = "oblique"
    limit_s: float | None = None

    @cached_property
    def fps(self) -> float:
        """Frames a second as the header says."""
        stream = source_for(str(self.path)).open()
        stream.close()
        return stream.info.fps

    def rate(self, fps: float | None) -> float | None:
        """`fps`, or None where the clip has no more frames than that: both are then the same run."""
        return None if fps is None or fps >= self.fps else fps

    def frames(self, fps: float | None = None) -> Iterator[Frame]:
        """The frames that an analysis at `fps` looks at."""
        stream, pace = source_for(str(self.path)).open(), Pace(fps)
        try:
            for frame in stream.frames(0.0, self.limit_s):
                if pace.takes(frame.at):
                    yield frame
        finally:
            stream.close()


def line_rule(line: TruthLine) -> dict[str, object]:
    """The rule that counts across `line`."""
    return {"id": line.name, "type": "line_crossing", "line": [list(p) for p in line.line], "labels": list(line.labels)}


def public_clips(limit_s: float | None = None) -> tuple[list[Clip], list[str]]:
    """Clips with true crossings, and the names of files that are not there."""
    wanted = {name: name for name in scoring.PUBLIC} | {VARIABLE: "traffic_camera.mp4"}
    clips, missing = [], []
    for name, truth_of in wanted.items():
        path = scoring.FOOTAGE / "video" / name
        try:
            lines = scoring.lines_of(truth_of)
        except FileNotFoundError as error:
            missing.append(f"{name}: no {error.filename}")
            continue
        if path.exists():
            clips.append(_clip(path, lines, limit_s))
        else:
            missing.append(f"{name}: no such footage")
    return clips, missing


def empty_clips(limit_s: float | None = None) -> tuple[list[Clip], list[str]]:
    """Clips where nothing is to be found, under rules that would catch any person or vehicle anywhere."""
    rules: tuple[Mapping[str, object], ...] = (
        {"id": "down", "type": "line_crossing", "line": [[0.5, 0.0], [0.5, 1.0]], "labels": _ANYTHING},
        {"id": "across", "type": "line_crossing", "line": [[0.0, 0.5], [1.0, 0.5]], "labels": _ANYTHING},
        {"id": "all", "type": "intrusion", "zone": [[0, 0], [1, 0], [1, 1], [0, 1]], "labels": _ANYTHING},
    )
    paths = [scoring.FOOTAGE / "video" / name for name in EMPTY]
    clips = [Clip(path.name, path, rules, limit_s=limit_s) for path in paths if path.exists()]
    return clips, [f"{path.name}: no such footage" for path in paths if not path.exists()]


def _clip(path: Path, lines: Sequence[TruthLine], limit_s: float | None) -> Clip:
    if path.name == VARIABLE:
        lines = [_retimed(line, path) for line in lines]
    if limit_s is not None:
        lines = [replace(line, crossings=tuple(c for c in line.crossings if c.last_s < limit_s)) for line in lines]
    rules = tuple(line_rule(line) for line in lines)
    return Clip(path.name, path, rules, tuple(lines), lines[0].view, limit_s)


def _retimed(line: TruthLine, path: Path) -> TruthLine:
    """The same pictures shown at other times: each true frame at its own time stamp."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stamps = sorted(packet.pts for packet in container.demux(stream) if packet.pts is not None)
        shown_s = [float((pts - stamps[0]) * (stream.time_base or 0)) for pts in stamps]
    moved = [replace(c, first_s=shown_s[round(c.first_s * 25)], last_s=shown_s[round(c.last_s * 25)])
             for c in line.crossings]  # fmt: skip
    return replace(line, clip=path.name, crossings=tuple(moved))


@dataclass(frozen=True, slots=True)
class Event:
    """What a rule reported."""

    rule: str
    kind: str
    direction: str | None
    label: str
    t_s: float
    frame: int


@dataclass(frozen=True, slots=True)
class Run:
    """One analysis.

    followed  frames in which something was followed
    """

    events: tuple[Event, ...]
    summary: Summary
    followed: int

    def crossings(self, rule: str) -> list[scoring.Happening]:
        """Direction and time of each event of a line."""
        return [(event.direction or "", event.t_s) for event in self.events if event.rule == rule]

    def score(self, lines: Sequence[TruthLine]) -> scoring.Score:
        """Judged against the truth, lines pooled."""
        return sum((scoring.score(line, self.crossings(line.name)) for line in lines), scoring.Score())


def run(clip: Clip, fps: float | None = None, mode: str = "gated") -> Run:
    """Ours over one clip."""
    rules: dict[str, object] = {"rules": [dict(rule) for rule in clip.rules]}
    if clip.view != "oblique":
        rules["view"] = clip.view
    if mode != "gated":
        rules["analysis"] = {"mode": mode}
    with tempfile.TemporaryDirectory() as folder:
        summary = analyze(clip.path, rules, folder, fps=fps, end_s=clip.limit_s, video=False)
        lines = (Path(folder) / "events.jsonl").read_text(encoding="utf-8").splitlines()
        tracks = (Path(folder) / "tracks.txt").read_text(encoding="utf-8").splitlines()
    return Run(
        tuple(_event(json.loads(line)) for line in lines), summary, len({row.split(",", 1)[0] for row in tracks})
    )


def _event(record: Mapping[str, Any]) -> Event:
    return Event(**{column.name: record[column.name] for column in fields(Event)})


@dataclass(frozen=True, slots=True)
class Runs:
    """Analyses that were made already in this session are not made again."""

    _known: dict[tuple[str, float | None, str], Run] = field(default_factory=dict)

    def of(self, clip: Clip, fps: float | None = None, mode: str = "gated") -> Run:
        """Ours over `clip` at `fps` frames a second."""
        key = (clip.name, clip.rate(fps), mode)
        if key not in self._known:
            self._known[key] = run(clip, clip.rate(fps), mode)
        return self._known[key]
