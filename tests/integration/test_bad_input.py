"""Bad input: one line on stderr, status 1 or 2, no traceback, and whole files where there are any.

Videos, sources and folders go through the program as a process of its own. What is refused before anything is opened
goes through its entry point in this process, because starting a program takes a second and there is much to refuse.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import pytest

from vedette.cli.main import run
from video_clips import H264, make_clip, make_sound

LINE = "{id: gate, type: line_crossing, line: [[0.5, 0], [0.5, 1]]"
FILES = ("events.jsonl", "tracks.txt", "annotated.mp4", "summary.json", "heat_map.png", "report.html")
HUGE = "rules: [" + "1," * 600_000 + "]"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n" for before, name in zip("abcd", "bcde", strict=True)
)


@dataclass(frozen=True)
class Said:
    status: int
    out: str
    err: str


def environment() -> dict[str, str]:
    """That of the test; the program never asks a network for weights."""
    return {**os.environ, "VEDETTE_OFFLINE": "1"}


def vedette(*arguments: str | Path, folder: Path, limited: Callable[[], None] | None = None) -> Said:
    """Run the program in `folder`; `limited` is called in the new process before it starts."""
    done = subprocess.run(
        [sys.executable, "-m", "vedette.cli.main", *map(str, arguments)],
        cwd=folder, capture_output=True, text=True, env=environment(), preexec_fn=limited, check=False, timeout=60,
    )  # fmt: skip
    return Said(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def told(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    """The same in this process, for what is refused early."""

    def tell(*arguments: str | Path, folder: Path) -> Said:
        monkeypatch.chdir(folder)
        status = run([str(argument) for argument in arguments])
        return Said(status, *capfd.readouterr())

    return tell


def assert_one_line(said: Said, status: int, *words: str) -> None:
    assert "Traceback" not in said.err
    assert said.status == status, said
    assert said.err.count("\n") == 1, said.err
    assert said.err.startswith("vedette: ")
    assert "Error:" not in said.err
    for word in words:
        assert word in said.err


def assert_whole(folder: Path, *, frames: int | None = None) -> None:
    """Every file of an analysis is there and can be read."""
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    for line in (folder / "events.jsonl").read_text().splitlines():
        json.loads(line)
    summary = json.loads((folder / "summary.json").read_text())
    with av.open(str(folder / "annotated.mp4")) as video:
        shown = sum(1 for _ in video.decode(video=0))
    assert shown == summary["performance"]["frames_analyzed"]
    assert frames is None or shown == frames
    assert (folder / "report.html").read_text().rstrip().endswith("</html>")
    assert (folder / "heat_map.png").read_bytes().startswith(b"\x89PNG")
    for row in (folder / "tracks.txt").read_text().splitlines():
        assert len(row.split(",")) == 9


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds that play."""
    return make_clip(tmp_path_factory.mktemp("clip") / "whole.mp4", H264 or "mpeg4")


# -- the video ------------------------------------------------------------------------------------------------------


def missing(path: Path) -> None:
    assert not path.exists()


def zero_frames(path: Path) -> None:
    make_clip(path, frames=0, container="avi")


def sound_only(path: Path) -> None:
    make_sound(path)


def text(path: Path) -> None:
    path.write_text("this is no video\n" * 100)


def empty(path: Path) -> None:
    path.touch()


def directory(path: Path) -> None:
    path.mkdir()


def half_an_mp4(path: Path) -> None:
    make_clip(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def garbled(path: Path) -> None:
    make_clip(path)
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    size = int.from_bytes(data[start - 8 : start - 4]) - 8
    data[start : start + size] = bytes(size)
    path.write_bytes(data)


def loop(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (missing, "does not exist: check the path"),
        (zero_frames, "has no picture that can be decoded"),
        (sound_only, "has sound but no picture: name a video"),
        (text, "is not a video in a format known here"),
        (empty, "is empty: the copy or the recording failed"),
        (directory, "is a directory: name one video file in it"),
        (half_an_mp4, "incomplete or damaged MP4"),
        (garbled, "has no picture that can be decoded"),
        (loop, "clip.mp4"),
    ],
)
def test_a_file_that_is_no_video(make: object, words: str, tmp_path: Path) -> None:
    assert callable(make)
    make(tmp_path / "clip.mp4")
    said = vedette("analyze", "clip.mp4", "-o", "out", folder=tmp_path)
    assert_one_line(said, 1, "clip.mp4", words)
    assert said.out == ""
    assert not (tmp_path / "out").exists()


def test_a_file_that_may_not_be_read(clip: Path, tmp_path: Path) -> None:
    locked = tmp_path / "clip.mp4"
    locked.write_bytes(clip.read_bytes())
    locked.chmod(0)
    libc = ctypes.CDLL(None)

    def like_anybody() -> None:
        """Takes root's right to read every file (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH) from the process to come."""
        if os.geteuid() == 0 and any(libc.prctl(24, right, 0, 0, 0) for right in (1, 2)):
            raise OSError("root cannot lay down its rights here")

    said = vedette("analyze", "clip.mp4", folder=tmp_path, limited=like_anybody)
    assert_one_line(said, 1, "clip.mp4", "may not be read")


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("nonsense://somewhere", 2, "known are file, net, rtsp, sim, webcam"),
        ("sim:nowhere", 1, "known are shop-entrance, fence-line"),
        ("sim:shop-entrance?seconds=0", 2, "seconds"),
        ("rtsp://127.0.0.1:1/stream", 1, "refuses the connection: check the port"),
        ("webcam:frontdoor", 2, "write webcam:0"),
    ],
)
def test_a_source_that_is_not_there(
    address: str, status: int, words: str, tmp_path: Path, told: Callable[..., Said]
) -> None:
    assert_one_line(told("analyze", address, "-o", "out", folder=tmp_path), status, words)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("container", ["mp4", "avi", "matroska"])
def test_a_truncated_file_is_analysed_as_far_as_it_goes(container: str, tmp_path: Path) -> None:
    options = {"movflags": "faststart"} if container == "mp4" else {}
    whole = make_clip(tmp_path / "clip", container=container, mux_options=options, group=5)
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    (tmp_path / "rules.yaml").write_text(f"rules: [{LINE}}}]\n")
    said = vedette("analyze", "clip", "-c", "rules.yaml", "-o", "out", folder=tmp_path)
    assert_one_line(said, 1, "breaks off", "copy it again")
    assert said.out == "What was found until then is in out\n"
    assert_whole(tmp_path / "out")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["complete"] is False
    assert summary["note"].startswith("ended after ")
    assert 5 < summary["source"]["frames"] < 50


# -- the rules ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ("rules: [{id: a, type: line_crosing, line: [[0, 0], [1, 1]]}]", "did you mean 'line_crossing'?"),
        (f"rules: [{LINE}, lables: [person]}}]", "unknown key 'lables'; did you mean 'labels'?"),
        ("rulez: []", "unknown key 'rulez'; did you mean 'rules'?"),
        ("rules: [{id: a, type: intrusion, zone: [[0, 0], [1, 1]]}]", "at least three points"),
        ("rules: [{id: a, type: line_crossing, line: [[0.5, 0.5], [0.5, 0.5]]}]", "a line needs a length"),
        ("rules: [{id: a, type: line_crossing, line: [[.nan, 0], [1, 1]]}]", "must be a finite number"),
        (f"rules: [{LINE}}}, {LINE}}}]", "the id 'gate' is already taken by rules[0]"),
        (f"rules: [{LINE}, labels: [persn]}}]", "unknown label 'persn' (did you mean 'person'?)"),
        ("rules: [{id: total, type: count, of: [gate]}]", "refers to 'gate', which does not exist"),
        ("rules: !!python/name:os.system", "is not allowed here: write the plain value"),
        ("analysis: {fps: 0}", "fps must be 'native' or a number above 0"),
        ("detector: {name: yolox-huge}", "did you mean 'yolox-nano'?"),
        ("detector: {min_score: 2}", "min_score <= 1 must hold"),
        ("rules: [", "line 1: not valid YAML"),
        ("", "is empty"),
        (HUGE, "is larger than 1 MB"),
        (BOMB, "more than 20000 values"),
    ],
)
def test_rules_that_are_wrong(rules: str, words: str, clip: Path, tmp_path: Path, told: Callable[..., Said]) -> None:
    (tmp_path / "rules.yaml").write_text(rules)
    said = told("analyze", clip, "-c", "rules.yaml", "-o", "out", folder=tmp_path)
    assert_one_line(said, 2, "rules.yaml: ", words)
    assert [path.name for path in tmp_path.iterdir()] == ["rules.yaml"]


def test_a_tag_that_would_run_a_program(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text("rules: !!python/object/apply:os.system ['touch ran']\n")
    said = vedette("analyze", clip, "-c", "rules.yaml", "-o", "out", folder=tmp_path)
    assert_one_line(said, 2, "rules.yaml: line 1: ", "is not allowed here: write the plain value")
    assert [path.name for path in tmp_path.iterdir()] == ["rules.yaml"]


def test_rules_that_are_not_there(clip: Path, tmp_path: Path, told: Callable[..., Said]) -> None:
    said = told("analyze", clip, "-c", "rules.yaml", folder=tmp_path)
    assert_one_line(said, 2, "rules.yaml: cannot be read: No such file or directory")


# -- the request ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (("--start", "-1"), 2, "not negative"),
        (("--start", "inf"), 2, "number of seconds"),
        (("--start", "nan"), 2, "number of seconds"),
        (("--start", "5", "--end", "2"), 2, "after the start"),
        (("--end", "inf"), 2, "number of seconds"),
        (("--fps", "0"), 2, "fps must be above 0"),
        (("--fps", "nan"), 2, "fps must be above 0"),
        (("--fps", "many"), 2, "see vedette analyze --help"),
        (("--start", "100"), 1, "it lasts 2.0 s: choose another start or end"),
        (("--nonsense",), 2, "No such option"),
    ],
)
def test_a_request_that_makes_no_sense(
    options: Sequence[str], status: int, words: str, clip: Path, told: Callable[..., Said]
) -> None:
    said = told("analyze", clip, *options, folder=clip.parent)
    assert_one_line(said, status, words)
    assert said.out == ""


# -- the folder for the results -------------------------------------------------------------------------------------


def test_a_file_is_in_the_way_of_the_folder(clip: Path, tmp_path: Path, told: Callable[..., Said]) -> None:
    (tmp_path / "out").write_text("mine")
    said = told("analyze", clip, "-o", "out", folder=tmp_path)
    assert_one_line(said, 1, "cannot write out", "choose another folder with -o")
    assert (tmp_path / "out").read_text() == "mine"


def test_a_folder_is_in_the_way_of_a_file(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / "summary.json" / "mine").mkdir(parents=True)
    said = vedette("analyze", clip, "-o", "out", folder=tmp_path)
    assert_one_line(said, 1, "cannot write out/summary.json", "a folder of that name is in the way")
    assert said.out == ""


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    source = "sim:shop-entrance?seconds=3&size=320x180"
    said = vedette("analyze", source, "-o", "out", folder=tmp_path, limited=small_disk)
    assert_one_line(said, 1, "cannot write out/annotated.mp4")
    for line in (tmp_path / "out" / "events.jsonl").read_text().splitlines():
        json.loads(line)


def test_an_earlier_result_is_not_touched_by_a_request_that_fails(
    clip: Path, tmp_path: Path, told: Callable[..., Said]
) -> None:
    out = tmp_path / "out"
    assert vedette("analyze", clip, "-o", out, folder=tmp_path).status == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    (tmp_path / "broken.onnx").write_text("no model")
    broken = "{name: onnx, model: broken.onnx, decoder: yolox, labels: coco, input: {size: [64, 64]}}"
    (tmp_path / "rules.yaml").write_text(f"detector: {broken}\n")
    said = told("analyze", clip, "-c", "rules.yaml", "-o", out, folder=tmp_path)
    assert_one_line(said, 1, "broken.onnx")
    assert said.out == ""
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


# -- Ctrl-C ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("impatient", [False, True])
def test_ctrl_c_leaves_what_was_found(impatient: bool, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(f"rules: [{LINE}}}]\n")
    out = tmp_path / "out"
    source = "sim:shop-entrance?seconds=600&size=320x180"
    program = [sys.executable, "-m", "vedette.cli.main", "analyze", source, "-c", "rules.yaml", "-o", "out"]
    with subprocess.Popen(
        program, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    ) as running:
        try:
            _wait_for(out / "annotated.mp4", running)
            time.sleep(0.3)
            running.send_signal(signal.SIGINT)
            if impatient:
                _wait_for(out / "summary.json", running)
                running.send_signal(signal.SIGINT)
            said = Said(running.wait(timeout=30), *running.communicate())
        finally:
            running.kill()
    # The second Ctrl-C may meet a program that is all but gone; a shell calls both endings 130.
    assert said.status == 130 or (impatient and said.status == -signal.SIGINT)
    assert said.err == "vedette: interrupted\n"
    summary = json.loads((out / "summary.json").read_text())
    assert summary["complete"] is False
    assert summary["note"].startswith("interrupted after ")
    with av.open(str(out / "annotated.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) == summary["performance"]["frames_analyzed"] > 0
    if not impatient:
        assert said.out == "What was found until then is in out\n"
        assert_whole(out)


def _wait_for(path: Path, running: subprocess.Popen[str]) -> None:
    """Until the program has begun to write `path`."""
    for _ in range(600):
        if path.exists() and path.stat().st_size:
            return
        assert running.poll() is None, running.communicate()
        time.sleep(0.05)
