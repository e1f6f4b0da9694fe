"""What each stage costs, tracker and rules beside the usual packages, and whole videos end to end.

Processor time is that of the working thread, so that what else the machine does at the same time matters less. Ratios
come from both sides taking turns on the same detections.
"""

from __future__ import annotations

import statistics
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count

import cv2
import supervision as sv
from trackers import ByteTrackTracker

from benchmarks import clips, recipe, tracking
from benchmarks.clips import Clip, Runs
from benchmarks.scoring import TruthLine
from benchmarks.table import Part, Row, Table, Verdict
from vedette.analytics.rules.base import RuleContext
from vedette.analytics.ruleset import RuleSet
from vedette.analytics.scene import Scene, SceneOptions
from vedette.analytics.tracking import Tracker, TrackerOptions
from vedette.app.analysis import analyze
from vedette.config import from_mapping
from vedette.model.detections import Detections, Tracks
from vedette.model.media import Image
from vedette.model.ports import Rule
from vedette.model.time import NS_PER_S, Instant
from vedette.vision.detectors.decoders import Array
from vedette.vision.detectors.network import Engine, NetworkDetector
from vedette.vision.detectors.preprocess import prepare
from vedette.vision.detectors.yolox import YoloxNanoOptions, build
from vedette.vision.motion import MotionDetector
from vedette.vision.perception import Perception

CLIPS = ("vtest.avi", "traffic_camera.mp4")
OBJECTS = (10, 50, 200, 1000)
LEAST_RATIO = 5.0
_ACROSS = TruthLine("", "gate", ((0.5, 0.0), (0.5, 1.0)), ("person",), "oblique", ())
_ALL_RULES: tuple[Mapping[str, object], ...] = (
    {"id": "yard", "type": "intrusion", "zone": [[0.1, 0.5], [0.6, 0.5], [0.6, 1], [0.1, 1]]},
    {"id": "door", "type": "region", "zone": [[0.3, 0.2], [0.7, 0.2], [0.7, 0.8], [0.3, 0.8]]},
    {"id": "bench", "type": "loitering", "zone": [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]},
    {"id": "room", "type": "occupancy", "zone": [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]},
    {"id": "queue", "type": "dwell", "zone": [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]},
    {"id": "heat", "type": "heat_map"},
)


def measure(runs: Runs, *, quick: bool, say: Callable[[str], None]) -> Part:  # noqa: ARG001 - all parts alike
    """Stages, then many objects, then end to end."""
    known, missing = clips.public_clips(8.0 if quick else None)
    chosen = [clip for clip in known if clip.name in CLIPS]
    stages: list[Row] = []
    for clip in chosen:
        say(f"stages of {clip.name}")
        stages += stage_rows(clip)
    objects: list[Row] = []
    for number in OBJECTS:
        say(f"{number} objects")
        objects.append(object_row(number, 20 if quick else 30 if number == max(OBJECTS) else 60, 1 if quick else 3))
    ends: list[Row] = []
    for clip in chosen:
        say(f"{clip.name} end to end")
        ends += [end_row(clip, outputs=outputs) for outputs in (False, True)]
    ratio = next(float(row["times as fast"] or 0.0) for row in objects if row["objects"] == 200)
    verdict = Verdict(
        "Tracker and one line at 200 objects",
        f"at least {LEAST_RATIO:g} times as fast as ByteTrack and LineZone",
        f"{ratio:.1f} times",
        ratio >= LEAST_RATIO,
    )
    skipped = [line for line in missing if line.split(":", 1)[0] in CLIPS]
    return Part(
        [
            Table("Milliseconds per stage, one thread", stages, _STAGE_NOTE),
            Table("Tracker, scene and one line with many objects", objects, _OBJECT_NOTE),
            Table("End to end", ends, _END_NOTE),
        ],
        [verdict],
        skipped,
    )


_STAGE_NOTE = (
    "Median wall time and mean processor time of a call, calls per analysed frame, and their products. Decoding runs "
    "on threads of its own; its processor time is that of all of them. Perception overhead is perceiving less motion "
    "and detection."
)
_OBJECT_NOTE = (
    "Median milliseconds of processor time per frame over the same boxes, three turns each. Ours is tracker, scene and "
    "one line_crossing; theirs is `trackers` ByteTrackTracker and supervision LineZone with their defaults, given "
    "boxes in their own form."
)
_END_NOTE = (
    "`vedette.analyze` at the native rate with one line, from the call to its return, with all cores; outputs are "
    "lists, annotated video, heat map and report."
)


class Watch:
    """Adds up what named pieces of work cost."""

    def __init__(self) -> None:
        self.wall: dict[str, list[float]] = defaultdict(list)
        self.cpu: dict[str, list[float]] = defaultdict(list)

    @contextmanager
    def on(self, name: str) -> Iterator[None]:
        """Time one piece of work of this thread, in milliseconds."""
        wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
        yield
        self.cpu[name].append((time.thread_time_ns() - cpu) / 1e6)
        self.wall[name].append((time.perf_counter_ns() - wall) / 1e6)


class TimedEngine:
    """An engine whose runs are timed, as is the preparing of pictures."""

    def __init__(self, engine: Engine, watch: Watch) -> None:
        self._engine, self._watch = engine, watch

    @property
    def inputs(self) -> Mapping[str, tuple[tuple[int | None, ...], str]]:
        """As of the engine itself."""
        return self._engine.inputs

    def run(self, feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        """Run and time."""
        with self._watch.on("network"):
            return self._engine.run(feeds)


class TimedDetector:
    """The detector on one thread, taken apart: preparing the picture is done once more to be timed alone."""

    def __init__(self, watch: Watch) -> None:
        plain = build(YoloxNanoOptions(threads=1))
        self._inner = NetworkDetector(TimedEngine(plain.engine, watch), plain.recipe)
        self._watch = watch
        self.names, self.input_size, self.model = self._inner.names, self._inner.input_size, self._inner.model

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        """Detect and time."""
        for image in images:
            with self._watch.on("preprocessing"):
                prepare(image, self._inner.recipe.form)
        with self._watch.on("detection"):
            return self._inner.detect(images)


def rules_of(entries: Iterable[Mapping[str, object]]) -> RuleSet:
    """Rules as the product builds them."""
    config = from_mapping({"rules": [dict(entry) for entry in entries]})
    built: list[Rule] = [rule.spec.build(rule.options, RuleContext(rule_hash=rule.hash)) for rule in config.rules]
    return RuleSet(built)


def stage_rows(clip: Clip) -> list[Row]:
    """Every stage of the loop over one clip."""
    watch, frames = Watch(), 0
    line = clips.line_rule(clip.lines[0])
    one, several = rules_of([line]), rules_of([line, *_ALL_RULES])
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        perception, motion, tracker = Perception(TimedDetector(watch)), MotionDetector(), _tracker()
        scene, tracks = None, Tracks()
        for frame in clip.frames():
            frames += 1
            with watch.on("motion"):
                motion.look(frame)
            with watch.on("perceiving"):
                sight = perception.perceive(frame, tracks)
            with watch.on("tracker"):
                tracks = tracker.update(sight.detections, frame.at)
            scene = scene or Scene(frame.width / frame.height, _scene_options())
            with watch.on("scene"):
                now = scene.observe(tracks, frame.at, frame.index, sight.facts)
            with watch.on("rules: one line"):
                one.update(now)
            with watch.on("rules: one of each of seven"):
                several.update(now)
    finally:
        cv2.setNumThreads(before)
    return [_decode_row(clip), *_stages(clip, watch, frames)]


def _decode_row(clip: Clip) -> Row:
    wall, cpu, frames = time.perf_counter(), time.process_time(), 0
    for _ in clip.frames():
        frames += 1
    wall_ms, cpu_ms = 1e3 * (time.perf_counter() - wall) / frames, 1e3 * (time.process_time() - cpu) / frames
    return _stage(clip, "decoding", 1.0, wall_ms, cpu_ms)


def _stage(clip: Clip, name: str, calls: float, wall_ms: float, cpu_ms: float) -> Row:
    return {"clip": clip.name, "stage": name, "wall ms": wall_ms, "processor ms": cpu_ms, "calls/frame": calls,
            "wall ms/frame": wall_ms * calls, "processor ms/frame": cpu_ms * calls}  # fmt: skip


def _stages(clip: Clip, watch: Watch, frames: int) -> list[Row]:
    wall = {name: statistics.median(times) for name, times in watch.wall.items()}
    cpu = {name: statistics.fmean(times) for name, times in watch.cpu.items()}
    total = {name: (sum(watch.wall[name]) / frames, sum(watch.cpu[name]) / frames) for name in watch.wall}
    calls = {name: len(times) / frames for name, times in watch.wall.items()}
    looked = calls["network"]

    def rest(of: str, *parts: str) -> tuple[float, float]:
        left = [total[of][k] - sum(total[part][k] for part in parts) for k in (0, 1)]
        return max(left[0], 0.0), max(left[1], 0.0)

    def plain(name: str) -> Row:
        return _stage(clip, name, calls[name], wall[name], cpu[name])

    doubles = rest("detection", "preprocessing", "network")
    # The detector prepares each picture once more under the clock, which perceiving must not be charged with.
    overhead = rest("perceiving", "motion", "detection", "preprocessing")
    return [
        plain("motion"),
        plain("preprocessing"),
        plain("network"),
        _stage(clip, "decoding boxes and NMS", looked, doubles[0] / looked, doubles[1] / looked),
        _stage(clip, "perception overhead", 1.0, *overhead),
        plain("tracker"),
        plain("scene"),
        plain("rules: one line"),
        plain("rules: one of each of seven"),
    ]


def _tracker() -> Tracker:
    options = from_mapping({}).detector[1]
    return Tracker(TrackerOptions(high=options.min_score, start=options.min_score + 0.1))


def _scene_options() -> SceneOptions:
    return SceneOptions(least_move=0.2, least_score=0.3)


def object_row(objects: int, frames: int, rounds: int = 3) -> Row:
    """Both sides over the same detections, in turns; the first five frames of each turn are not counted."""
    watch, size = Watch(), (1280, 720)
    stream = [(Instant(ns, ns), found) for ns, found in zip(count(0, NS_PER_S // 10), tracking.stream(objects, frames))]
    boxes = [recipe.as_supervision(found, size) for _, found in stream]
    crossed: dict[str, int] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(rounds):
            crossed["ours"] = _ours(stream, watch)
            crossed["theirs"] = _theirs(boxes, size, watch)
    ms = {
        name: statistics.median(x for k, x in enumerate(times) if k % frames >= 5) for name, times in watch.cpu.items()
    }
    ours, theirs = ms["tracker"] + ms["scene"] + ms["rule"], ms["ByteTrack"] + ms["LineZone"]
    return {
        "objects": objects, **{f"{name} ms": value for name, value in ms.items()}, "ours ms": ours, "theirs ms": theirs,
        "times as fast": theirs / ours, "crossings ours": crossed["ours"], "crossings theirs": crossed["theirs"],
    }  # fmt: skip


def _ours(stream: Iterable[tuple[Instant, Detections]], watch: Watch) -> int:
    tracker, scene, rules = _tracker(), Scene(16 / 9, _scene_options()), rules_of([clips.line_rule(_ACROSS)])
    crossed = 0
    for index, (at, found) in enumerate(stream):
        with watch.on("tracker"):
            tracks = tracker.update(found, at)
        with watch.on("scene"):
            now = scene.observe(tracks, at, index)
        with watch.on("rule"):
            crossed += len(rules.update(now))
    return crossed


def _theirs(boxes: Iterable[sv.Detections], size: tuple[int, int], watch: Watch) -> int:
    tracker, counter = ByteTrackTracker(frame_rate=10.0), recipe.zone(_ACROSS, size, recipe.VARIANTS[0])
    crossed = 0
    for found in boxes:
        with watch.on("ByteTrack"):
            tracked = tracker.update(found)
        with watch.on("LineZone"):
            ways = counter.trigger(tracked)
        crossed += int(sum(way.sum() for way in ways))
    return crossed


def end_row(clip: Clip, *, outputs: bool) -> Row:
    """One whole analysis."""
    rules = {"rules": [clips.line_rule(clip.lines[0])]}
    with tempfile.TemporaryDirectory() as folder:
        wall, cpu = time.perf_counter(), time.process_time()
        summary = analyze(clip.path, rules, folder if outputs else None, end_s=clip.limit_s)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    work = summary.performance
    return {
        "clip": clip.name, "outputs": outputs, "frames": work.frames_analyzed,
        "frames/s": work.frames_analyzed / wall, "times real time": summary.source.duration_s / wall,
        "wall ms/frame": 1e3 * wall / work.frames_analyzed, "processor ms/frame": 1e3 * cpu / work.frames_analyzed,
        "inferences/frame": work.inferences / work.frames_analyzed,
    }  # fmt: skip
