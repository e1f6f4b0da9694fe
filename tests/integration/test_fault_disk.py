"""Disks that fill up, fail, turn read-only, vanish and are swapped under a running recorder."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fault_site import EVER, Site
from namespaces import FailingDevice, apart, failing_device, sh, tmpfs
from vedette.model.identity import new_id
from vedette.model.recording import Lock
from vedette.simulator.cameras import CameraFarm, CameraSpec, make_clip
from vedette.simulator.cameras.faults import SwitchClip
from vedette.store.locks import SqlLocks

pytestmark = pytest.mark.slow

FPS = 25
DATA = 6 * 2**20
"""Bytes of a device before which there is only what the file system needs for itself."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clips"), seconds=20, fps=FPS, size=(480, 270), gop_s=1, bitrate=6_000_000)


@pytest.fixture
def farm(clip: Path) -> Iterator[CameraFarm]:
    with CameraFarm({"gate": CameraSpec(clip)}) as farm:
        yield farm


@pytest.fixture(autouse=True)
def namespace() -> Iterator[None]:
    """Mounts of a test are seen by nobody else, and are gone after it."""
    with apart("mnt"):
        yield


def one_disk(folder: Path, farm: CameraFarm, keep_free: str = "0", **more: object) -> Site:
    """A recorder with the one storage folder `disk`."""
    return Site(folder, farm, {"storage": [{"path": "disk", "keep_free": keep_free, **more}]})


def two_disks(folder: Path, farm: CameraFarm) -> Site:
    """A recorder with the storage folders `first` and `second`."""
    return Site(folder, farm, {"storage": [{"path": name, "keep_free": "0"} for name in ("first", "second")]})


def lock(site: Site) -> Lock:
    """Lock everything that is and will be recorded."""
    made = Lock(new_id(1), "gate", 0, EVER, "evidence", 1)
    with closing(site.database()) as database:
        SqlLocks(database).put(made)
    return made


def test_a_disk_full_of_locked_footage(tmp_path: Path, farm: CameraFarm) -> None:
    disk = tmpfs(tmp_path / "disk", "4m")
    with one_disk(tmp_path, farm) as site:
        site.recorded()
        lock(site)
        site.until(lambda: "storage_full" in site.open_alarms(), "the full disk is told of")
        # The disk is looked at every three seconds, and nothing more is said about it.
        frames = farm.sent("gate").frames
        site.until(lambda: farm.sent("gate").frames > frames + 7 * FPS, "it goes on for a while")
        full = [alarm for alarm in site.alarms if alarm.kind == "storage_full"]
        assert [alarm.cleared_utc_ns for alarm in full] == [None], full
        assert site.open_alarms() <= {"storage_full", "storage_soon_full"}
        assert site.rig.pid("recorder")
        sh("mount", "-o", "remount,size=30m", disk)
        site.recorded(2)
        site.until(lambda: "storage_full" not in site.open_alarms(), "the alarm is over")
        site.stop()
        site.assert_acknowledged()
        site.assert_in_order()
        found = site.assert_told("gate")
        assert found.told > 2 * FPS
        assert [gap.reason for gap in site.kept_gaps("gate")].count("storage_full") >= 1
        assert len([alarm for alarm in site.kept_alarms() if alarm.kind == "storage_full"]) == 1


def test_a_full_disk_loses_its_oldest(tmp_path: Path, farm: CameraFarm, clip: Path) -> None:
    tmpfs(tmp_path / "disk", "10m")
    small = make_clip(clip.parent, seconds=20, fps=FPS, size=(320, 180), gop_s=1, bitrate=6_000_000)
    with one_disk(tmp_path, farm, "4 MB") as site:
        site.recorded()
        # A file ends where the size of the pictures changes.
        turns = itertools.count()

        def gone() -> bool:
            farm.clear("gate") if next(turns) % 2 else farm.fault("gate", SwitchClip(small))
            site.recorded(1)
            paths = [tmp_path / "disk" / segment.path for segment in site.closed]
            return sum(not path.exists() for path in paths) >= 3

        site.until(gone, "the oldest files go")
        site.recorded()
        site.stop()
        assert len(site.segments("gate")) < len(site.closed)
        assert "storage_full" not in {alarm.kind for alarm in site.kept_alarms()}
        assert "storage_full" not in {gap.reason for gap in site.kept_gaps("gate")}
        site.assert_in_order()


@pytest.fixture
def device(tmp_path: Path) -> Iterator[FailingDevice]:
    """The storage folder `disk` on a device of its own."""
    with failing_device(tmp_path / "image", tmp_path / "disk", 64 * 2**20) as device:
        yield device


def test_a_device_that_fails(tmp_path: Path, farm: CameraFarm, device: FailingDevice) -> None:
    with one_disk(tmp_path, farm) as site:
        site.recorded()
        device.fail_from(DATA)
        site.until(lambda: "storage_lost" in site.open_alarms(), "the failing disk is told of")
        device.fail_from(0)
        site.until(lambda: "storage_lost" not in site.open_alarms(), "the disk is used again")
        site.recorded()
        site.stop()
        (alarm,) = site.kept_alarms()
        assert "Input/output error" in alarm.text
        site.assert_acknowledged()
        site.assert_in_order()
        site.assert_told("gate")


def test_a_file_system_that_turns_read_only(tmp_path: Path, farm: CameraFarm, device: FailingDevice) -> None:
    with one_disk(tmp_path, farm) as site:
        site.recorded()
        device.turn_read_only()
        site.until(lambda: "storage_lost" in site.open_alarms(), "the disk is told of")
        # It is looked at again after two seconds, and found to be as it was.
        frames = farm.sent("gate").frames
        site.until(lambda: farm.sent("gate").frames > frames + 6 * FPS, "it goes on for a while")
        assert site.open_alarms() == {"storage_lost"}
        device.mount_again()
        site.until(lambda: "storage_lost" not in site.open_alarms(), "the disk is used again")
        site.recorded()
        site.stop()
        assert [alarm.kind for alarm in site.kept_alarms()] == ["storage_lost"]
        site.assert_acknowledged()
        site.assert_in_order()
        site.assert_told("gate")


def test_a_vanished_disk_with_another_one_beside_it(tmp_path: Path, farm: CameraFarm) -> None:
    first, second = tmpfs(tmp_path / "first", "200m"), tmpfs(tmp_path / "second", "200m")
    with two_disks(tmp_path, farm) as site:
        site.recorded()
        home, other = (first, second) if list(first.rglob("*.mp4")) else (second, first)
        away = tmp_path / "away"
        away.mkdir()
        sh("mount", "--move", home, away)
        site.until(lambda: "storage_lost" in site.open_alarms(), "the lost disk is told of")
        site.until(lambda: list(other.rglob("*.mp4")), "recording goes on elsewhere")
        site.recorded()
        assert list(home.iterdir()) == [], "something was written into the folder under the disk"
        tmpfs(home, "10m")
        (home / "other").mkdir()
        site.recorded()
        assert [one.name for one in home.iterdir()] == ["other"], "something was written to another disk"
        sh("umount", home)
        sh("mount", "--move", away, home)
        site.until(lambda: "storage_lost" not in site.open_alarms(), "the disk is used again")
        site.recorded()
        site.stop()
        assert [alarm.kind for alarm in site.kept_alarms()] == ["storage_lost"]
        site.assert_acknowledged()
        site.assert_in_order()
        found = site.assert_told("gate")
        # The rest of a group of pictures, and what came before it was noticed.
        assert found.told <= 4 * FPS, found


def test_the_only_disk_vanishes_and_comes_back(tmp_path: Path, farm: CameraFarm) -> None:
    disk, away = tmpfs(tmp_path / "disk", "200m"), tmp_path / "away"
    away.mkdir()
    with one_disk(tmp_path, farm) as site:
        site.recorded()
        sh("mount", "--move", disk, away)
        site.until(lambda: "storage_lost" in site.open_alarms(), "the lost disk is told of")
        assert list(disk.iterdir()) == []
        sh("mount", "--move", away, disk)
        site.until(lambda: "storage_lost" not in site.open_alarms(), "the disk is used again")
        site.recorded()
        site.stop()
        assert {gap.reason for gap in site.kept_gaps("gate")} >= {"storage_lost"}
        assert [alarm.kind for alarm in site.kept_alarms()] == ["storage_lost"]
        site.assert_acknowledged()
        site.assert_in_order()
        site.assert_told("gate")
