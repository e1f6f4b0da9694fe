from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vedette.app.process import Process
from vedette.app.server import Wanted, address_of
from vedette.clock import SystemClock
from vedette.config import load_system
from vedette.engine.addresses import Addresses
from vedette.engine.signals import Signals

DOOR = {"source": "rtsp://192.0.2.7/main"}
BEFORE: dict[str, Any] = {"data": "data", "server": {"port": 0}, "cameras": {"door": DOOR}}


@pytest.fixture
def wanted(tmp_path: Path) -> Wanted:
    file = tmp_path / "vedette.yaml"
    file.write_text(json.dumps(BEFORE))
    return Wanted(Process(file, load_system(file), SystemClock(), Signals(), Addresses(tmp_path / "bus")))


def after(wanted: Wanted, text: str) -> bool:
    """Whether serving ends when the file holds `text` and a reload is asked for."""
    wanted.process.file.write_text(text)
    wanted.process.signals.take(1)
    return wanted.is_set()


def test_addresses_are_what_a_browser_takes() -> None:
    assert address_of("127.0.0.1", 8420) == "http://127.0.0.1:8420"
    assert address_of("::1", 8420) == "http://[::1]:8420"


def test_a_new_camera_and_another_rule_disturb_nobody(wanted: Wanted) -> None:
    rule = {"id": "in", "type": "line_crossing", "line": [[0.5, 0], [0.5, 1]]}
    shown = wanted.cameras
    assert not after(wanted, json.dumps(BEFORE | {"cameras": {"door": DOOR, "yard": DOOR}}))
    assert [camera.id for camera in shown] == ["door", "yard"]
    assert not after(wanted, json.dumps(BEFORE | {"cameras": {"door": DOOR | {"rules": [rule]}, "yard": DOOR}}))
    assert not after(wanted, json.dumps(BEFORE | {"cameras": {"door": DOOR | {"name": "Door"}, "yard": DOOR}}))
    assert [camera.name for camera in shown] == ["Door", "yard"]


@pytest.mark.parametrize(
    "change",
    [
        {"cameras": {}},
        {"cameras": {"door": DOOR | {"sub": "rtsp://192.0.2.7/sub"}}},
        {"server": {"port": 8421}},
        {"storage": [{"path": "data/video", "max_size": "1 GB"}]},
    ],
)
def test_other_changes_begin_anew(wanted: Wanted, change: dict[str, Any]) -> None:
    assert after(wanted, json.dumps(BEFORE | change))


def test_a_free_port_is_kept_until_another_is_named(wanted: Wanted) -> None:
    wanted.port = 45_678
    after(wanted, json.dumps(BEFORE | {"cameras": {}}))
    assert wanted.port == 45_678
    after(wanted, json.dumps(BEFORE | {"server": {"port": 8421}}))
    assert wanted.port == 8421


def test_a_wrong_file_changes_nothing(wanted: Wanted) -> None:
    assert not after(wanted, "cameras: [")
    assert [camera.id for camera in wanted.cameras] == ["door"]


def test_a_signal_to_stop_is_heard(wanted: Wanted) -> None:
    assert not wanted.is_set()
    wanted.process.signals.take(15)
    assert wanted.is_set()
