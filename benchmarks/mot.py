"""MOTChallenge files and scores: the common ground on which trackers are compared."""

from __future__ import annotations

import configparser
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import trackeval

from benchmarks.scoring import FOOTAGE
from vedette.model.detections import Bools, Detections, Floats, Ints

PERSON = ("person",)


@dataclass(frozen=True, slots=True)
class Rows:
    """Boxes of a sequence, sorted by frame.

    frame  (n,) from 1
    id     (n,) identity, -1 where none
    box    (n, 4) left, top, right, bottom in pixels
    score  (n,) confidence of detections, flag of ground truth
    """

    frame: Ints
    id: Ints
    box: Floats
    score: Floats

    def where(self, keep: Bools) -> Rows:
        """The rows chosen by a mask."""
        return Rows(self.frame[keep], self.id[keep], self.box[keep], self.score[keep])

    def by_frame(self, frames: Iterable[int]) -> Iterator[tuple[int, Rows]]:
        """Each frame number of `frames` with its rows, frames without any included."""
        for number in frames:
            lo, hi = np.searchsorted(self.frame, [number, number + 1])
            yield number, Rows(self.frame[lo:hi], self.id[lo:hi], self.box[lo:hi], self.score[lo:hi])


def read_rows(path: Path) -> Rows:
    """A MOTChallenge text file: `frame, id, left, top, width, height, score, ...`."""
    table = np.loadtxt(path, delimiter=",", ndmin=2)
    table = table[np.argsort(table[:, 0], kind="stable")]
    box = np.hstack((table[:, 2:4], table[:, 2:4] + table[:, 4:6]))
    return Rows(table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), box, table[:, 6])


@dataclass(frozen=True, slots=True)
class Sequence:
    """One sequence with its given detections and its truth; `fps` is the true capture rate."""

    name: str
    fps: float
    frames: int
    size: tuple[int, int]
    found: Rows
    truth: Rows

    def numbers(self, fps: float | None = None) -> list[int]:
        """Frame numbers when so many frames a second are looked at, all where `fps` is None."""
        step = 1.0 if fps is None else max(1.0, self.fps / fps)
        return [number for k in range(self.frames) if (number := 1 + round(k * step)) <= self.frames]


def read_sequence(folder: Path) -> Sequence:
    """A folder with `seqinfo.ini`, `det.txt` and `gt.txt`. Rows of the truth that are flagged 0 are left out."""
    parser = configparser.ConfigParser()
    parser.read(folder / "seqinfo.ini")
    facts = parser["Sequence"]
    truth = read_rows(folder / "gt.txt")
    return Sequence(
        facts["name"],
        float(facts["frameRate"]),
        int(facts["seqLength"]),
        (int(facts["imWidth"]), int(facts["imHeight"])),
        read_rows(folder / "det.txt"),
        truth.where(truth.score > 0),
    )


def sequences() -> list[Sequence]:
    """Every sequence of the footage folder, by name."""
    return [read_sequence(path.parent) for path in sorted((FOOTAGE / "tracking_mot").glob("*/seqinfo.ini"))]


def detections_of(rows: Rows, size: tuple[int, int], names: tuple[str, ...] = PERSON) -> Detections:
    """Rows of one frame as detections in 0..1 of a picture of `size` (width, height) pixels, all of the first class."""
    return Detections(rows.box / np.tile(size, 2), rows.score.copy(), np.zeros(len(rows.score), np.int64), names)


def iou(a: Floats, b: Floats) -> Floats:
    """(n, m) intersection over union of (n, 4) and (m, 4) boxes."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.clip(high - low, 0.0, None).prod(axis=2)
    area_a, area_b = ((box[:, 2:] - box[:, :2]).prod(axis=1) for box in (a, b))
    return np.asarray(shared / np.maximum(area_a[:, None] + area_b[None] - shared, 1e-12))


@dataclass(frozen=True, slots=True)
class Score:
    """Scores in per cent, and identity switches as a number."""

    hota: float
    deta: float
    assa: float
    idf1: float
    mota: float
    switches: int


class Scorer:
    """Collects sequences and scores them with `trackeval`, alone and pooled (its combination over sequences)."""

    def __init__(self) -> None:
        quiet = {"PRINT_CONFIG": False}
        self._metrics = (trackeval.metrics.HOTA(), trackeval.metrics.Identity(quiet), trackeval.metrics.CLEAR(quiet))
        self._parts: list[dict[str, dict[str, Any]]] = [{} for _ in self._metrics]

    def add(self, name: str, truth: Rows, answer: Rows, frames: Iterable[int]) -> Score:
        """Score one sequence over the frames that were looked at."""
        data = _eval_data(truth, answer, list(frames))
        results = [metric.eval_sequence(data) for metric in self._metrics]
        for part, result in zip(self._parts, results, strict=True):
            part[name] = result
        return _score(*results)

    def pooled(self) -> Score:
        """All sequences together."""
        return _score(*(m.combine_sequences(part) for m, part in zip(self._metrics, self._parts, strict=True)))


def _eval_data(truth: Rows, answer: Rows, frames: list[int]) -> dict[str, Any]:
    """What `trackeval` asks of a data set: contiguous ids and similarities, frame by frame."""
    looked = np.array(frames)
    truth, answer = truth.where(np.isin(truth.frame, looked)), answer.where(np.isin(answer.frame, looked))
    names = [np.unique(rows.id) for rows in (truth, answer)]
    ids: list[list[Ints]] = [[], []]
    alike = []
    for (_, t), (_, a) in zip(truth.by_frame(frames), answer.by_frame(frames), strict=True):
        ids[0].append(np.searchsorted(names[0], t.id))
        ids[1].append(np.searchsorted(names[1], a.id))
        alike.append(iou(t.box, a.box))
    return {
        "gt_ids": ids[0],
        "tracker_ids": ids[1],
        "similarity_scores": alike,
        "num_timesteps": len(frames),
        "num_gt_ids": len(names[0]),
        "num_tracker_ids": len(names[1]),
        "num_gt_dets": len(truth.id),
        "num_tracker_dets": len(answer.id),
    }


def _score(hota: dict[str, Any], identity: dict[str, Any], clear: dict[str, Any]) -> Score:
    return Score(
        hota=100.0 * float(hota["HOTA"].mean()),
        deta=100.0 * float(hota["DetA"].mean()),
        assa=100.0 * float(hota["AssA"].mean()),
        idf1=100.0 * float(identity["IDF1"]),
        mota=100.0 * float(clear["MOTA"]),
        switches=int(clear["IDSW"]),
    )
