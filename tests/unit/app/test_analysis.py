from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vedette
from fakes import FakeSource, FakeStream, blank, people, rule
from vedette.app import analysis as app
from vedette.app.analysis import analyze
from vedette.config import CameraConfig, from_mapping
from vedette.model.detections import Detections
from vedette.model.errors import ConfigError, DetectorError, OutputError, SourceError, SourceLost, UsageError
from vedette.model.media import Image, StreamInfo
from vedette.model.spec import Spec
from vedette.reports.summary import Summary

FPS = 10.0
SIZE = (160, 90)
GATE: Mapping[str, object] = {"rules": [rule(labels=["person"])]}


def position(second: float) -> float:
    """Left edge of the walker: waits a second, goes to the right, waits, and comes back."""
    return float(np.interp(second, [1.0, 5.0, 7.0, 11.0], [0.1, 0.7, 0.7, 0.1]))


def walk(seconds: float = 12.0, fps: float = FPS) -> list[Image]:
    """Pictures of a bright walker on a grey ground."""
    images = []
    for index in range(round(seconds * fps)):
        image = blank(*SIZE)
        left = round(position(index / fps) * SIZE[0])
        image[30:70, left : left + 16] = 240
        images.append(image)
    return images


class Eyes:
    """Finds the bright walker wherever it is in whatever it is shown."""

    names = people().names
    input_size = (416, 416)
    model = ("eyes", "00" * 32)

    def __init__(self, label: str = "person") -> None:
        self.label = label
        self.shown = 0

    def detect(self, images: list[Image]) -> list[Detections]:
        self.shown += len(images)
        return [self._found(image) for image in images]

    def _found(self, image: Image) -> Detections:
        rows, columns = np.nonzero(image[:, :, 0] > 200)
        if not len(rows):
            return Detections(names=self.names)
        height, width = image.shape[:2]
        box = (columns.min() / width, rows.min() / height, (columns.max() + 1) / width, (rows.max() + 1) / height)
        return people(box, label=self.label)


@dataclass
class Stage:
    """What `analyze` is given instead of files and weights."""

    source: FakeSource = field(default_factory=lambda: FakeSource(walk(), fps=FPS))
    eyes: Any = field(default_factory=Eyes)
    asked: list[str] = field(default_factory=list)
    streams: list[FakeStream] = field(default_factory=list)

    def open(self) -> FakeStream:
        self.streams.append(self.source.open())
        return self.streams[-1]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    made = Stage()

    def source_for(address: str) -> Stage:
        made.asked.append(address)
        return made

    real = CameraConfig.__init__

    def seeing(self: CameraConfig, **values: Any) -> None:
        spec, options = values["detector"]
        real(self, **{**values, "detector": (Spec(spec.name, spec.options, lambda _: made.eyes), options)})

    monkeypatch.setattr(app, "source_for", source_for)
    monkeypatch.setattr(CameraConfig, "__init__", seeing)
    return made


def counts(result: Summary, name: str = "gate") -> tuple[int, int]:
    found = result.rules[name].counts
    return found["forward"], found["backward"]


def events(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def test_the_example_of_the_readme_runs(
    stage: Stage, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (repository / "README.md").read_text(), re.DOTALL)
    assert len(example.strip().splitlines()) <= 12
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "README.md", "exec"), {})  # noqa: S102 - the example is ours
    assert stage.asked == ["shop.mp4"]
    assert capsys.readouterr().out == "in 1 out 1\n"
    assert (tmp_path / "out" / "report.html").exists()


def test_it_is_what_the_package_offers() -> None:
    assert vedette.analyze is analyze
    with pytest.raises(AttributeError, match="has no attribute 'analyse'"):
        _ = vedette.analyse


def test_both_ways_are_counted_once(stage: Stage, tmp_path: Path) -> None:
    result = analyze("clip", GATE, tmp_path)
    # The line looks down, so what goes to the right comes from its left: backward, then forward.
    assert counts(result) == (1, 1)
    first, second = events(tmp_path)
    assert (first["direction"], second["direction"]) == ("backward", "forward")
    assert first["t_s"] == pytest.approx(3.33, abs=0.2)
    assert second["t_s"] == pytest.approx(8.67, abs=0.2)
    assert stage.streams[0].closed


@pytest.mark.usefixtures("stage")
def test_rules_come_as_a_mapping_a_file_a_configuration_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(json.dumps(GATE))
    for rules in (GATE, path, str(path), from_mapping(GATE)):
        assert counts(analyze("clip", rules)) == (1, 1)
    empty: dict[str, object] = {}
    for nothing in (None, empty):
        result = analyze("clip", nothing)
        assert result.rules == {}
        assert result.complete


@pytest.mark.usefixtures("stage")
def test_no_folder_is_touched_where_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert counts(analyze(Path("clip"), GATE)) == (1, 1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("stage")
def test_the_summary_has_the_keys_that_are_promised(tmp_path: Path) -> None:
    result = analyze("clip", GATE, tmp_path, video=False)
    written = json.loads((tmp_path / "summary.json").read_text())
    assert written == result.to_json()
    assert list(written) == ["source", "rules", "performance", "model", "vedette", "complete"]
    assert written["source"] == {
        "path": "clip", "width": 160, "height": 90, "frames": 120, "duration_s": 12.0, "fps": pytest.approx(10.0)
    }  # fmt: skip
    gate = written["rules"]["gate"]
    assert {"type", "counts", "by_label", "events", "values"} <= set(gate)
    assert (gate["type"], gate["counts"], gate["events"]) == ("line_crossing", {"forward": 1, "backward": 1}, 2)
    performance = written["performance"]
    assert list(performance) == [
        "wall_s", "cpu_s", "frames_decoded", "frames_analyzed", "inferences", "peak_rss_mb"
    ]  # fmt: skip
    assert performance["frames_decoded"] == performance["frames_analyzed"] == 120
    assert 0 < performance["inferences"] < 120
    assert written["model"] == {"name": "eyes", "sha256": "00" * 32}
    assert not (tmp_path / "annotated.mp4").exists()


def test_every_inference_is_told(stage: Stage) -> None:
    assert analyze("clip", GATE).performance.inferences == stage.eyes.shown


@pytest.mark.usefixtures("stage")
@pytest.mark.parametrize("fps", [3.0, 5.0])
def test_fewer_frames_give_the_same_events(fps: float, tmp_path: Path) -> None:
    result = analyze("clip", {**GATE, "analysis": {"fps": 10}}, tmp_path, fps=fps)
    assert result.performance.frames_analyzed == 12 * fps
    assert result.performance.frames_decoded == 120
    assert counts(result) == (1, 1)
    assert [event["t_s"] for event in events(tmp_path)] == pytest.approx([3.33, 8.67], abs=1 / fps)


@pytest.mark.usefixtures("stage")
def test_the_rules_say_how_many_frames_unless_the_caller_does() -> None:
    rules = {**GATE, "analysis": {"fps": 5}}
    assert analyze("clip", rules).performance.frames_analyzed == 60
    assert analyze("clip", rules, fps=10.0).performance.frames_analyzed == 120


@pytest.mark.usefixtures("stage")
def test_a_stretch_gives_the_events_that_the_whole_has_there(tmp_path: Path) -> None:
    analyze("clip", GATE, tmp_path / "whole")
    whole = events(tmp_path / "whole")
    part = analyze("clip", GATE, tmp_path / "part", start_s=6.0, end_s=11.0)
    (one,) = events(tmp_path / "part")
    assert part.source.frames == 50
    assert part.source.duration_s == pytest.approx(5.0)
    assert one["direction"] == whole[1]["direction"]
    assert one["t_s"] == pytest.approx(whole[1]["t_s"], abs=0.1)
    assert abs(one["frame"] - whole[1]["frame"]) <= 1


def test_progress_is_told_in_seconds_of_the_stream(stage: Stage) -> None:
    told: list[tuple[float, StreamInfo]] = []
    analyze("clip", GATE, start_s=2.0, end_s=3.0, progress=lambda second, info: told.append((second, info)))
    assert [second for second, _ in told] == pytest.approx([2.0 + n / 10 for n in range(10)])
    assert told[0][1] == stage.streams[0].info


def test_from_overhead_a_thing_without_a_name_counts_at_its_centre(stage: Stage, tmp_path: Path) -> None:
    stage.eyes = Eyes(label="cell phone")
    assert counts(analyze("clip", GATE)) == (0, 0)
    result = analyze("clip", {**GATE, "view": "overhead"}, tmp_path)
    assert counts(result) == (1, 1)
    assert {event["label"] for event in events(tmp_path)} == {"mover"}
    assert [event["anchor"][1] for event in events(tmp_path)] == pytest.approx([50 / 90] * 2, abs=0.03)


def test_a_moving_view_is_looked_at_in_every_frame(stage: Stage) -> None:
    assert analyze("clip", {**GATE, "view": "moving"}).performance.inferences == stage.eyes.shown == 120


def test_a_thing_that_never_moves_is_no_event(stage: Stage) -> None:
    stage.source = FakeSource([walk(1.0)[0]] * 100, fps=FPS)
    zone = [[0, 0], [1, 0], [1, 1], [0, 1]]
    result = analyze("clip", {"rules": [{"id": "yard", "type": "intrusion", "zone": zone}]})
    assert result.rules["yard"].events == 0
    assert result.performance.inferences < 40


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"start_s": -1.0}, "not negative"),
        ({"start_s": float("inf")}, "number of seconds"),
        ({"start_s": float("nan")}, "number of seconds"),
        ({"end_s": 0.0}, "after the start"),
        ({"end_s": float("inf")}, "number of seconds"),
        ({"start_s": 5.0, "end_s": 5.0}, "after the start"),
        ({"fps": 0.0}, "fps must be above 0"),
        ({"fps": float("nan")}, "fps must be above 0"),
        ({"fps": 1001.0}, "at most 1000"),
    ],
)
def test_a_request_that_makes_no_sense_opens_nothing(options: dict[str, float], words: str, stage: Stage) -> None:
    with pytest.raises(UsageError, match=words):
        analyze("clip", GATE, **options)  # type: ignore[arg-type]
    assert stage.asked == []


def test_wrong_rules_open_nothing(stage: Stage) -> None:
    with pytest.raises(ConfigError, match="unknown key 'rulez'"):
        analyze("clip", {"rulez": []})
    assert stage.asked == []


@pytest.mark.parametrize(
    ("start_s", "end_s", "words"),
    [
        (50.0, None, r"no picture from 50 s on, it lasts 11.9 s"),
        (50.0, 60.0, r"no picture from 50 to 60 s, it lasts 11.9 s"),
    ],
)
@pytest.mark.usefixtures("stage")
def test_an_empty_stretch_is_told_with_the_length(start_s: float, end_s: float | None, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        analyze("clip", GATE, start_s=start_s, end_s=end_s)


def test_a_source_that_breaks_off_leaves_what_was_found(stage: Stage, tmp_path: Path) -> None:
    stage.source = FakeSource(walk(), fps=FPS, lost_after=60)
    with pytest.raises(SourceLost, match="told to break off") as caught:
        analyze("clip", GATE, tmp_path)
    assert caught.value.__notes__ == [f"What was found until then is in {tmp_path}"]
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["complete"] is False
    assert summary["note"] == "ended after 5.9 s of video: the fake was told to break off"
    assert summary["rules"]["gate"]["counts"] == {"forward": 0, "backward": 1}
    assert len(events(tmp_path)) == 1
    assert stage.streams[0].closed


def test_a_source_that_breaks_off_at_once_promises_nothing(stage: Stage, tmp_path: Path) -> None:
    stage.source = FakeSource(walk(), fps=FPS, lost_after=0)
    with pytest.raises(SourceLost) as caught:
        analyze("clip", GATE, tmp_path)
    assert not hasattr(caught.value, "__notes__")


def test_nothing_is_written_before_the_detector_is_there(stage: Stage, tmp_path: Path) -> None:
    def broken(_: object) -> Eyes:
        raise DetectorError("no such thing")

    config = from_mapping(GATE)
    spec, options = config.detector
    object.__setattr__(config, "detector", (Spec(spec.name, spec.options, broken), options))
    with pytest.raises(DetectorError):
        analyze("clip", config, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert stage.streams[0].closed


def test_an_output_that_cannot_be_written_closes_the_source(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(OutputError):
        analyze("clip", GATE, tmp_path / "out")
    assert stage.streams[0].closed


class Interrupted(Eyes):
    """Somebody presses Ctrl-C while the detector looks for the fifth time, `presses` times."""

    def __init__(self, presses: int) -> None:
        super().__init__()
        self.presses = presses

    def _found(self, image: Image) -> Detections:
        if self.shown == 5:
            for _ in range(self.presses):
                os.kill(os.getpid(), signal.SIGINT)
        return super()._found(image)


def test_ctrl_c_waits_until_the_frame_is_written(stage: Stage, tmp_path: Path) -> None:
    stage.eyes = Interrupted(1)
    with pytest.raises(KeyboardInterrupt):
        analyze("clip", {**GATE, "analysis": {"mode": "whole"}}, tmp_path, video=False)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["performance"]["frames_analyzed"] == summary["performance"]["frames_decoded"] == 5
    assert summary["note"] == "interrupted after 0.4 s of video"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_does_not_wait(stage: Stage, tmp_path: Path) -> None:
    stage.eyes = Interrupted(2)
    with pytest.raises(KeyboardInterrupt):
        analyze("clip", {**GATE, "analysis": {"mode": "whole"}}, tmp_path, video=False)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["performance"]["frames_analyzed"] == 4
    assert summary["complete"] is False


def test_it_runs_in_any_thread(stage: Stage) -> None:
    results: list[Summary] = []
    worker = threading.Thread(target=lambda: results.append(analyze("clip", GATE)))
    worker.start()
    worker.join()
    assert counts(results[0]) == (1, 1)
    assert stage.asked == ["clip"]
