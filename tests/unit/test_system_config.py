from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from vedette.config import InvalidConfig, load_system
from vedette.config.sizes import bytes_of
from vedette.model.errors import ConfigError

WHOLE = """\
site: Corner shop
data: state
timezone: Europe/Berlin
storage:
  - {path: video, max_size: 500 GB, keep_free: 5GB}
retention: {days: 14, reason: the insurance asks for two weeks}
server: {port: 8421}
cameras:
  front-door:
    name: Front door
    source: rtsp://shop:{password}@192.0.2.7/main
    sub: rtsp://shop:{password}@192.0.2.7/sub
    password_file: secret
    record: {main: continuous, sub: event, pre_s: 3, audio: true}
    masks: [[[0, 0], [0.2, 0], [0.2, 0.2]]]
    rules:
      - {id: gate, type: line_crossing, line: [[0.42, 0.0], [0.42, 1.0]], labels: [person]}
  yard:
    source: sim:fence-line?live=true
    timezone: UTC
    analysis: {fps: native}
    record: {main: schedule, schedule: [{start: "18:00", end: "06:00"}]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("p@ss/word\n")
    return tmp_path


def problems(folder: Path, text: str) -> tuple[str, ...]:
    (folder / "vedette.yaml").write_text(text)
    with pytest.raises(InvalidConfig) as refused:
        load_system(folder / "vedette.yaml")
    return refused.value.problems


def test_a_whole_system(folder: Path) -> None:
    (folder / "vedette.yaml").write_text(WHOLE)
    found = load_system(folder / "vedette.yaml")
    assert (found.site, found.data, found.database) == (
        "Corner shop", folder / "state", f"sqlite:///{folder / 'state' / 'vedette.db'}",
    )  # fmt: skip
    (storage,) = found.storage
    assert (storage.path, storage.max_size, storage.keep_free) == (folder / "video", 500 * 10**9, 5 * 10**9)
    door, yard = found.cameras
    assert door.streams["main"] == "rtsp://shop:p%40ss%2Fword@192.0.2.7/main"
    assert (door.analyzed, yard.analyzed) == ("sub", "main")
    assert (door.config.analysis.fps, yard.config.analysis.fps) == (5.0, None)
    assert (door.config.timezone, yard.config.timezone) == (ZoneInfo("Europe/Berlin"), ZoneInfo("UTC"))
    assert door.watch.record.audio
    assert not yard.watch.record.audio
    assert found.camera("yard") is yard


def test_passwords_are_not_shown(folder: Path) -> None:
    (folder / "vedette.yaml").write_text(WHOLE.replace("{password}", "geheim"))
    assert "geheim" not in repr(load_system(folder / "vedette.yaml"))


def test_an_unknown_camera_is_told_with_the_known(folder: Path) -> None:
    (folder / "vedette.yaml").write_text(WHOLE)
    with pytest.raises(ConfigError, match="there is no camera 'back-door': known are front-door, yard"):
        load_system(folder / "vedette.yaml").camera("back-door")


def test_nothing_has_to_be_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(folder / "share"))
    (folder / "vedette.yaml").write_text("site: Home\n")
    found = load_system(folder / "vedette.yaml")
    assert found.data == folder / "share" / "vedette"
    assert [one.path for one in found.storage] == [folder / "share" / "vedette" / "video"]
    assert found.retention.days == 3.0
    assert (found.server.host, found.server.port) == ("127.0.0.1", 8420)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (("reason: the insurance asks for two weeks", "reason: ' '"), "line 6: retention: keeping footage for more"),
        (("port: 8421", "host: 0.0.0.0"), "line 7: server: host must be 127.0.0.1"),
        (("max_size: 500 GB", "max_size: lots"), "line 5: storage[0]: 'lots' is no size"),
        (("front-door:", "Front Door:"), "line 9: cameras.Front Door: the id 'Front Door' may hold lower case"),
        (("front-door:", "../etc:"), "line 9: cameras.../etc: the id '../etc' may hold"),
        (("    name: Front door", "    nmae: Front door"), "line 10: cameras.front-door: unknown key 'nmae'; did"),
        (("source: sim:", "source: gopher://"), "cameras.yard.source: unknown source 'gopher'"),
        (("source: sim:fence-line?live=true", "sub: sim:fence-line"), "cameras.yard: 'source' is missing"),
        (("type: line_crossing", "type: line_crosing"), "cameras.front-door.rules[0] 'gate': unknown rule type"),
        (("labels: [person]", "labels: [perso]"), "front-door.rules[0] 'gate': labels[0]: unknown label 'perso'"),
        (("pre_s: 3", "pre_s: 3000"), "cameras.front-door.record: pre_s must be between 0 and 300"),
        (("password_file: secret", "password_file: missing"), "cameras.front-door.password_file: cannot be read"),
        (("    password_file: secret\n", ""), "cameras.front-door.source: has {password} in it"),
        (("password_file: secret", "password_env: VEDETTE_NO_SUCH"), "VEDETTE_NO_SUCH is not set"),
        (("timezone: UTC", "timezone: Mars/Olympus"), "cameras.yard.timezone: unknown time zone 'Mars/Olympus'"),
        (("schedule: [{start: \"18:00\", end: \"06:00\"}]", "pre_s: 1"), "recording by schedule needs one"),
        (("[0.2, 0], [0.2, 0.2]]]", "[0.2, 0]]]"), "a mask needs at least three corners"),
        (("    masks:", "    options: {transprt: udp}\n    masks:"), "transprt"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(folder: Path, changed: tuple[str, str], told: str) -> None:
    assert changed[0] in WHOLE
    assert any(told in line for line in problems(folder, WHOLE.replace(*changed, 1)))


def test_everything_wrong_is_told_at_once(folder: Path) -> None:
    text = WHOLE.replace("pre_s: 3", "pre_s: -1").replace("line_crossing", "lines").replace("days: 14", "days: 0")
    assert len(problems(folder, text)) == 3


@pytest.mark.parametrize(
    ("size", "expected"), [("1 kB", 1000), ("1.5 GiB", 3 * 2**29), (17, 17), ("2TB", 2 * 10**12), ("5 m", 5 * 10**6)]
)
def test_sizes(size: Any, expected: int) -> None:  # noqa: ANN401
    assert bytes_of(size) == expected


@pytest.mark.parametrize("size", ["", "-1 GB", "GB", "1 PB", "1e9", "nan"])
def test_what_is_no_size(size: str) -> None:
    with pytest.raises(ValueError, match="is no size"):
        bytes_of(size)
