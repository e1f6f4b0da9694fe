import json
import os
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from vedette.model.errors import OutputError
from vedette.model.media import StreamInfo
from vedette.model.step import Step
from vedette.reports.outputs import FILES, Ending, Outputs
from vedette.reports.rule_view import RuleView
from vedette.reports.summary import ModelSummary, Performance, SourceSummary

COST = Performance(wall_s=1.0, cpu_s=1.0, frames_decoded=40, frames_analyzed=40, inferences=40, peak_rss_mb=100.0)
SOURCE = SourceSummary(path="yard.mp4", width=320, height=180, frames=40, duration_s=4.0, fps=10.0)
ENDING = Ending(source=SOURCE, performance=COST, model=ModelSummary(name="yolox-nano", sha256="ab" * 32))
STOPPED = Ending(source=SOURCE, performance=COST, model=ENDING.model, complete=False, note="stopped by you")


def frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_all_files_are_there_and_agree(
    tmp_path: Path, walking: Callable[..., Iterator[Step]], info: StreamInfo, gate: RuleView, yard: RuleView
) -> None:
    folder = tmp_path / "a" / "b"
    with Outputs(folder, info=info, rules=[gate, yard]) as outputs:
        for step in walking(4.0):
            outputs.take(step)
        summary = outputs.close(ENDING)
    assert sorted(entry.name for entry in folder.iterdir()) == sorted(FILES)
    assert summary.rules["gate"].counts == {"forward": 2, "backward": 0}
    assert json.loads((folder / "summary.json").read_text("utf-8")) == summary.to_json()
    assert len((folder / "events.jsonl").read_text("utf-8").splitlines()) == 2
    assert len((folder / "tracks.txt").read_text("ascii").splitlines()) == 40
    assert frames(folder / "annotated.mp4") == 40
    heat = cv2.imread(str(folder / "heat_map.png"))
    assert heat is not None
    assert heat.shape[1] == 320
    HTMLParser().feed((folder / "report.html").read_text("utf-8"))


@pytest.mark.parametrize("seen", [0, 1, 13])
def test_an_interruption_at_any_moment_leaves_valid_files(
    tmp_path: Path, walking: Callable[..., Iterator[Step]], info: StreamInfo, gate: RuleView, seen: int
) -> None:
    outputs = Outputs(tmp_path, info=info, rules=[gate])
    for step in islice(walking(4.0), seen):
        outputs.take(step)
    outputs.close(STOPPED)
    found = json.loads((tmp_path / "summary.json").read_text("utf-8"))
    assert (found["complete"], found["note"]) == (False, "stopped by you")
    for line in (tmp_path / "events.jsonl").read_text("utf-8").splitlines():
        json.loads(line)
    assert len((tmp_path / "tracks.txt").read_text("ascii").splitlines()) == seen
    assert (tmp_path / "annotated.mp4").exists() == (seen > 0)
    if seen:
        assert frames(tmp_path / "annotated.mp4") == seen
    assert "stopped by you" in (tmp_path / "report.html").read_text("utf-8")
    assert cv2.imread(str(tmp_path / "heat_map.png")) is not None


def test_a_second_interruption_while_the_report_is_written_leaves_figures_and_video(
    tmp_path: Path,
    walking: Callable[..., Iterator[Step]],
    info: StreamInfo,
    gate: RuleView,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def impatient(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("vedette.reports.outputs.draw_heat_map", impatient)
    with Outputs(tmp_path, info=info, rules=[gate]) as outputs:
        for step in islice(walking(4.0), 7):
            outputs.take(step)
        with pytest.raises(KeyboardInterrupt):
            outputs.close(STOPPED)
    assert json.loads((tmp_path / "summary.json").read_text("utf-8"))["complete"] is False
    assert frames(tmp_path / "annotated.mp4") == 7


def test_an_error_on_the_way_leaves_lists_and_video_whole(
    tmp_path: Path, walking: Callable[..., Iterator[Step]], info: StreamInfo, gate: RuleView
) -> None:
    def broken() -> None:
        with Outputs(tmp_path, info=info, rules=[gate]) as outputs:
            for step in islice(walking(4.0), 15):
                outputs.take(step)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken()
    assert frames(tmp_path / "annotated.mp4") == 15
    assert len((tmp_path / "tracks.txt").read_text("ascii").splitlines()) == 15
    assert not (tmp_path / "summary.json").exists()


def test_without_video_there_is_none_and_an_old_one_goes(
    tmp_path: Path, walking: Callable[..., Iterator[Step]], info: StreamInfo
) -> None:
    (tmp_path / "annotated.mp4").write_bytes(b"of an earlier analysis")
    (tmp_path / "mine.txt").write_text("stays")
    with Outputs(tmp_path, info=info, video=False) as outputs:
        for step in walking(1.0):
            outputs.take(step)
        outputs.close(ENDING)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted({*FILES, "mine.txt"} - {"annotated.mp4"})


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path, info: StreamInfo) -> None:
    (tmp_path / "file").write_text("x")
    for folder in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / ("x" * 300)):
        with pytest.raises(OutputError, match=r"^cannot write .*: choose .*-o$") as caught:
            Outputs(folder, info=info)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", FILES)
def test_a_folder_in_the_place_of_a_file_is_one_clear_line(tmp_path: Path, info: StreamInfo, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(OutputError, match=f"cannot write .*{name}: "):
        Outputs(tmp_path, info=info)


def test_a_full_disk_while_closing_leaves_the_rest(
    tmp_path: Path, walking: Callable[..., Iterator[Step]], info: StreamInfo, gate: RuleView
) -> None:
    outputs = Outputs(tmp_path, info=info, rules=[gate], video=False)
    for step in walking(2.5):
        outputs.take(step)
    (tmp_path / ".heat_map.png.part").symlink_to("/dev/full")
    with pytest.raises(OutputError, match=r"heat_map\.png: the disk is full"):
        outputs.close(ENDING)
    assert json.loads((tmp_path / "summary.json").read_text("utf-8"))["complete"] is True
    assert (tmp_path / "report.html").exists()
    assert not (tmp_path / "heat_map.png").exists()


def test_memory_stays_flat_over_a_long_video(
    tmp_path: Path, make_step: Callable[..., Step], info: StreamInfo, gate: RuleView, yard: RuleView
) -> None:
    def resident_mb() -> float:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    rng = np.random.default_rng(1)
    outputs = Outputs(tmp_path, info=info, rules=[gate, yard], video=False)
    half = 0.0
    for frame in range(6000):
        left = rng.uniform(0, 0.8, 5)
        boxes = {frame * 5 + i + 1: (x, 0.4, x + 0.1, 0.9) for i, x in enumerate(left.tolist())}
        outputs.take(make_step(frame * 10, boxes, ended=tuple(range(frame * 5 - 4, frame * 5 + 1))))
        if frame == 3000:
            half = resident_mb()
    assert resident_mb() - half < 8.0
    outputs.close(ENDING)
