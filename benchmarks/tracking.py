"""The tracker beside those of the `trackers` package: scores, crossings and speed.

`python -m benchmarks.tracking` prints three Markdown tables. Peers run with their defaults.
"""

from __future__ import annotations

import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
import supervision as sv
import trackers

from benchmarks import mot, scoring
from vedette.analytics.tracking import Tracker
from vedette.model.detections import Detections, Floats, Ints, TrackState
from vedette.model.time import NS_PER_S, Instant

Follow = Callable[[Detections, Instant], tuple[Ints, Floats, Floats]]
"""Detections of one moment to (ids, boxes, scores) of the objects that are confirmed and seen in it."""

Row = dict[str, object]


def vedette(since: TrackState = TrackState.CONFIRMED) -> Follow:
    """Our tracker with its defaults; tracks are told of from the state `since` on."""
    tracker = Tracker()

    def follow(found: Detections, at: Instant) -> tuple[Ints, Floats, Floats]:
        tracks = tracker.update(found, at)
        keep = tracks.seen & (tracks.state >= since)
        return tracks.id[keep], tracks.box[keep], tracks.score[keep]

    return follow


def peer(make: Callable[[], object]) -> Callable[[], Follow]:
    """A tracker of the `trackers` package. It is given boxes in the range of pixels."""
    scale = np.array([1280.0, 720.0, 1280.0, 720.0])

    def start() -> Follow:
        tracker = make()

        def follow(found: Detections, at: Instant) -> tuple[Ints, Floats, Floats]:  # noqa: ARG001 - peers count frames
            answer = tracker.update(  # type: ignore[attr-defined]
                sv.Detections(xyxy=found.box * scale, confidence=found.score, class_id=found.label)
            )
            keep = answer.tracker_id >= 0
            return answer.tracker_id[keep], answer.xyxy[keep] / scale, answer.confidence[keep]

        return follow

    return start


CONTESTANTS: dict[str, Callable[[], Follow]] = {
    "Vedette": vedette,
    "ByteTrack": peer(trackers.ByteTrackTracker),
    "OC-SORT": peer(trackers.OCSORTTracker),
    "SORT": peer(trackers.SORTTracker),
    "C-BIoU": peer(trackers.CBIoUTracker),
}


def track(sequence: mot.Sequence, follow: Follow, numbers: Sequence[int]) -> mot.Rows:
    """Run over the given detections of the chosen frames, timed by the frame rate; boxes in pixels again."""
    parts = []
    for number, rows in sequence.found.by_frame(numbers):
        at = _at((number - 1) / sequence.fps)
        ids, box, score = follow(mot.detections_of(rows, sequence.size), at)
        parts.append((np.full(len(ids), number), ids, box * np.tile(sequence.size, 2), score))
    frame, ids, box, score = (np.concatenate(column) for column in zip(*parts, strict=True))
    return mot.Rows(frame, ids, box, score)


def _at(seconds: float) -> Instant:
    ns = round(seconds * NS_PER_S)
    return Instant(ns, ns)


def scores(name: str, *, half: bool = False) -> tuple[mot.Score, dict[str, mot.Score]]:
    """Scores of one contestant over all sequences together, and of each."""
    scorer, each = mot.Scorer(), {}
    for sequence in mot.sequences():
        numbers = sequence.numbers(sequence.fps / 2 if half else None)
        answer = track(sequence, CONTESTANTS[name](), numbers)
        each[sequence.name] = scorer.add(sequence.name, sequence.truth, answer, numbers)
    return scorer.pooled(), each


def accuracy_rows() -> list[Row]:
    """HOTA, IDF1 and MOTA on the MOTChallenge sequences from their given detections, at the native rate and half."""
    rows: list[Row] = []
    for name in CONTESTANTS:
        for half in (False, True):
            pooled, each = scores(name, half=half)
            row: Row = {"tracker": name, "frame rate": "half" if half else "native"}
            row |= {"HOTA": pooled.hota, "IDF1": pooled.idf1, "MOTA": pooled.mota, "switches": pooled.switches}
            row |= {"mean HOTA": float(np.mean([score.hota for score in each.values()]))}
            rows.append(row | {f"HOTA {title}": score.hota for title, score in each.items()})
    return rows


def crossing_rows(names: Sequence[str] = ("Vedette", "ByteTrack", "OC-SORT", "SORT")) -> list[Row]:
    """Crossings of the lines of two clips by tracks of the true boxes: what the tracker alone makes wrong.

    Paths of ours begin at the first detection, as the rules judge them once a track is confirmed; peers give no
    identity before.
    """
    rows: list[Row] = []
    for name in names:
        for fps in (None, 5.0, 3.0):
            total = scoring.Score()
            for line in scoring.public_lines():
                if line.clip in _TRUE_BOXES:
                    follow = vedette(TrackState.TENTATIVE) if name == "Vedette" else CONTESTANTS[name]()
                    total += scoring.score(line, _crossings(line, follow, fps))
            row: Row = {"tracker": name, "frames/s": "native" if fps is None else fps}
            rows.append(row | {"true": total.crossings, "miscounted": total.miscounted, "event F1": total.f1})
    return rows


_TRUE_BOXES = {"vtest.avi": (10.0, 795, (768, 576)), "TUD-Campus.mp4": (25.0, 71, (640, 480))}


def _crossings(line: scoring.TruthLine, follow: Follow, fps: float | None) -> list[tuple[str, float]]:
    """Direction and time of each change of side of a bottom centre, without any band or delay."""
    rate, frames, size = _TRUE_BOXES[line.clip]
    boxes = mot.read_rows(scoring.FOOTAGE / "video" / f"{line.clip.rsplit('.', 1)[0]}.gt.txt")
    boxes = mot.Rows(boxes.frame, boxes.id, boxes.box, np.ones(len(boxes.id)))
    clip = mot.Sequence(line.clip, rate, frames, size, boxes, boxes)
    answer = track(clip, follow, clip.numbers(fps))
    paths: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for frame, track_id, box in zip(answer.frame.tolist(), answer.id.tolist(), answer.box.tolist(), strict=True):
        paths[track_id].append(((frame - 1) / rate, (box[0] + box[2]) / 2 - line.line[0][0] * size[0]))
    return [event for path in paths.values() for event in _sides(path)]


def _sides(path: list[tuple[float, float]]) -> Iterator[tuple[str, float]]:
    for (t0, x0), (t1, x1) in pairwise(path):
        if (x0 < 0.0) != (x1 < 0.0):
            yield "forward" if x1 < x0 else "backward", t0 + (t1 - t0) * x0 / (x0 - x1)


def stream(objects: int, frames: int, seed: int = 0) -> list[Detections]:
    """Objects that wander over the picture at 10 frames a second and are found with noise, 19 times out of 20."""
    rng = np.random.default_rng(seed)
    height = min(0.12, 0.9 / np.sqrt(objects))
    size = np.array([0.4 * height, height])
    place, speed = rng.random((objects, 2)), rng.normal(0.0, 0.05, (objects, 2))
    found = []
    for _ in range(frames):
        place = place + speed / 10.0
        speed = np.where((place < 0.0) | (place > 1.0), -speed, speed)
        place = np.clip(place, 0.0, 1.0)
        middle = (place + rng.normal(0.0, 0.03, (objects, 2)) * size)[rng.random(objects) > 0.05]
        score = np.clip(rng.normal(0.8, 0.12, len(middle)), 0.1, 1.0)
        box = np.hstack((middle - size / 2, middle + size / 2))
        found.append(Detections(box, score, np.zeros(len(middle), np.int64), mot.PERSON))
    return found


def speed_rows(counts: Sequence[int] = (10, 50, 200, 1000), frames: int = 60) -> list[Row]:
    """Milliseconds of processor time per update, median over the stream, which each contestant goes through alone."""
    rows: list[Row] = []
    for objects in counts:
        found = stream(objects, frames)
        names = ("Vedette", "ByteTrack", "SORT", "OC-SORT")
        rows.append({"objects": objects, **{f"{name} ms": _median_ms(CONTESTANTS[name](), found) for name in names}})
    return rows


def _median_ms(follow: Follow, found: Sequence[Detections]) -> float:
    spent = []
    for index, detections in enumerate(found):
        began = time.process_time_ns()
        follow(detections, _at(index / 10.0))
        spent.append((time.process_time_ns() - began) / 1e6)
    return float(np.median(spent[5:]))


def markdown(rows: Sequence[Row]) -> str:
    """Rows as a Markdown table."""
    titles = list(rows[0])
    lines = [titles, ["---"] * len(titles)]
    lines += [[f"{v:.3g}" if isinstance(v, float) and v < 10 else f"{v:.1f}" if isinstance(v, float) else str(v)
               for v in row.values()] for row in rows]  # fmt: skip
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Print every table."""
    warnings.simplefilter("ignore")
    for title, rows in (
        ("Scores from given detections", accuracy_rows()),
        ("Crossings with true boxes", crossing_rows()),
        ("Processor time per update", speed_rows()),
    ):
        print(f"### {title}\n\n{markdown(rows)}\n")


if __name__ == "__main__":
    main()
