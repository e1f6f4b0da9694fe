"""tracks.txt: every box of every track, as MOTChallenge tools read them."""

from __future__ import annotations

import heapq
from pathlib import Path
from typing import Final

import numpy as np

from vedette.model.detections import TrackState
from vedette.model.labels import COCO
from vedette.model.step import Step
from vedette.model.time import NS_PER_S
from vedette.reports.disk import TextLines

HORIZON_NS: Final = 5 * NS_PER_S
"""How long rows wait for a track to be confirmed. A track that takes longer starts in the file this long before."""

_CLASS: Final = {name: index + 1 for index, name in enumerate(COCO)}
_TENTATIVE: Final = int(TrackState.TENTATIVE)
_CONFIRMED: Final = int(TrackState.CONFIRMED)

_Row = tuple[int, int, str]
"""Frame from 1, track id, the line itself."""


class TracksFile:
    """Rows `frame,id,left,top,width,height,score,class,1`, sorted by frame, then id.

    frame is counted from 1 (index of the source frame + 1); left, top, width and height are pixels of the source;
    class is the position of the label in COCO's list of 80, counted from 1 (person 1, car 3), and 0 for a label that
    is not in it. Only detected boxes of confirmed tracks are written, those from before the confirmation included:
    they wait in memory, for at most `HORIZON_NS`.
    """

    def __init__(self, path: Path) -> None:
        self._lines = TextLines(path)
        self._ready: list[_Row] = []
        self._waiting: dict[int, list[tuple[int, _Row]]] = {}

    def take(self, step: Step) -> None:
        """Take in the tracks of `step`, and write the rows that nothing earlier can precede any more."""
        tracks, at_ns = step.tracks, step.frame.at.stream_ns
        for gone in tracks.ended.tolist():
            self._waiting.pop(gone, None)
        if len(tracks):
            self._collect(step, at_ns)
        self._forget_old(at_ns - HORIZON_NS)
        self._write_before(min([step.frame.index + 1, *(rows[0][1][0] for rows in self._waiting.values())]))

    def _collect(self, step: Step, at_ns: int) -> None:
        tracks = step.tracks
        size = np.array([step.frame.width, step.frame.height] * 2, float)
        pixels = tracks.box * size
        chosen = np.flatnonzero(tracks.seen & (tracks.id >= 1))
        for i in chosen.tolist():
            track, state = int(tracks.id[i]), int(tracks.state[i])
            left, top, right, bottom = pixels[i].tolist()
            label = _CLASS.get(tracks.names[int(tracks.label[i])], 0) if tracks.names else 0
            frame = step.frame.index + 1
            line = (
                f"{frame},{track},{left:.2f},{top:.2f},{right - left:.2f},{bottom - top:.2f},"
                f"{float(tracks.score[i]):.4f},{label},1\n"
            )
            row = (frame, track, line)
            if state == _TENTATIVE:
                self._waiting.setdefault(track, []).append((at_ns, row))
            elif state == _CONFIRMED:
                for _, earlier in self._waiting.pop(track, ()):
                    heapq.heappush(self._ready, earlier)
                heapq.heappush(self._ready, row)

    def _forget_old(self, before_ns: int) -> None:
        for track, rows in list(self._waiting.items()):
            fresh = [entry for entry in rows if entry[0] >= before_ns]
            if fresh:
                self._waiting[track] = fresh
            else:
                del self._waiting[track]

    def _write_before(self, frame: int) -> None:
        lines = []
        while self._ready and self._ready[0][0] < frame:
            lines.append(heapq.heappop(self._ready)[2])
        if lines:
            self._lines.add("".join(lines))

    def close(self) -> None:
        """Write what is confirmed and close. Tracks that never were confirmed are left out. Raises OutputError."""
        try:
            lines = [heapq.heappop(self._ready)[2] for _ in range(len(self._ready))]
            self._waiting.clear()
            if lines:
                self._lines.add("".join(lines))
        finally:
            self._lines.close()
