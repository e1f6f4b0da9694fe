"""A database that is locked, damaged, deleted or stopped under a running recorder, or before it starts."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from databases import PostgresServer
from fault_site import Site
from vedette.simulator.cameras import CameraFarm, CameraSpec, make_clip
from vedette.simulator.cameras.faults import HangUp
from vedette.store.rescue import backup_path

pytestmark = pytest.mark.slow

FPS = 25
RUBBISH = bytes(range(256)) * 64


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip"), seconds=20, fps=FPS, size=(320, 180), gop_s=1, bitrate=300_000)


@pytest.fixture
def farm(clip: Path) -> Iterator[CameraFarm]:
    with CameraFarm({"gate": CameraSpec(clip, join="keyframe")}) as farm:
        yield farm


@pytest.fixture
def site(tmp_path: Path, farm: CameraFarm) -> Site:
    return Site(tmp_path / "site", farm)


def turn(site: Site) -> None:
    """Have a file ended, with its connection, and the next one begun."""
    site.farm.fault("gate", HangUp())
    site.farm.clear("gate")
    site.recorded()


def path_of(site: Site) -> Path:
    return site.rig.config.data / "vedette.db"


def back_up(site: Site) -> None:
    with closing(site.database()) as database:
        database.backup(backup_path(path_of(site)))


def delete(path: Path) -> None:
    for name in ("", "-wal", "-shm"):
        path.with_name(path.name + name).unlink(missing_ok=True)


def spoil(path: Path) -> None:
    """Other bytes in the same file."""
    with path.open("r+b") as file:
        file.write(RUBBISH)


def swap(path: Path) -> None:
    """Another file of the same name."""
    rubbish = path.with_name("rubbish")
    rubbish.write_bytes(RUBBISH)
    os.replace(rubbish, path)


def assert_all_there(site: Site) -> None:
    """Nothing acknowledged is lost, everything is in order, and every frame is kept but those of the last moment."""
    site.assert_acknowledged()
    site.assert_in_order()
    found = site.account("gate")
    assert found.wrong == 0
    assert found.told + len(found.untold) <= FPS, found


def test_a_database_that_is_locked_for_20_seconds(site: Site, farm: CameraFarm) -> None:
    with site:
        site.recorded()
        with closing(sqlite3.connect(path_of(site), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            frames, closed = farm.sent("gate").frames, len(site.closed)
            turn(site)
            turn(site)
            site.until(lambda: farm.sent("gate").frames > frames + 20 * FPS, "20 s are over")
            assert len(site.closed) == closed, "nothing is told of as finished that has no row"
            other.execute("ROLLBACK")
        site.until(lambda: len(site.closed) >= closed + 2, "the rows are written")
        site.until(lambda: not site.open_alarms(), "the alarm is over")
        site.stop()
    assert_all_there(site)
    assert len(site.kept_alarms()) <= 1
    assert not list(path_of(site).parent.glob("*damaged*"))


@pytest.mark.parametrize("harm", [spoil, delete])
def test_a_database_that_is_destroyed_while_it_is_used(site: Site, harm: Callable[[Path], None]) -> None:
    with site:
        site.recorded()
        back_up(site)
        turn(site)
        site.until(lambda: site.closed, "a file is finished")
        harm(path_of(site))
        turn(site)
        site.until(lambda: len(site.closed) >= 2, "rows are written again")
        site.until(lambda: site.alarms and not site.open_alarms(), "the alarm is over")
        site.stop()
    assert_all_there(site)
    alarms = site.kept_alarms()
    assert [alarm.kind for alarm in alarms] == ["database_broken"], (alarms, site.rig.log.read_text())
    assert len(alarms[0].text.splitlines()) == 1


def test_a_database_that_is_destroyed_before_the_start(site: Site) -> None:
    with site:
        site.recorded()
        back_up(site)
        site.stop()
        swap(path_of(site))
        site.rig.start()
        site.recorded()
        site.stop()
        (alarm,) = site.kept_alarms()
        assert "its copy of" in alarm.text
        assert alarm.cleared_utc_ns is not None
        delete(path_of(site))
        backup_path(path_of(site)).unlink()
        site.rig.start()
        site.recorded()
        site.stop()
    site.assert_acknowledged()
    site.assert_in_order()
    assert site.account("gate").wrong == 0
    assert len(list(path_of(site).parent.glob("*.damaged-*Z"))) == 1


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    folder = Path(tempfile.mkdtemp(prefix="vedette-pg-"))
    server = PostgresServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def test_a_postgresql_that_is_stopped_and_started_again(
    tmp_path: Path, farm: CameraFarm, server: PostgresServer
) -> None:
    with Site(tmp_path / "site", farm, {"database": server.url()}) as site:
        site.recorded()
        server.stop()
        turn(site)
        site.until(lambda: site.open_alarms() == {"database_broken"}, "the database is told of")
        turn(site)
        assert site.closed == []
        server.resume()
        site.until(lambda: len(site.closed) >= 2, "the rows are written")
        site.until(lambda: not site.open_alarms(), "the alarm is over")
        site.stop()
        assert_all_there(site)
        assert [alarm.kind for alarm in site.kept_alarms()] == ["database_broken"]
        # And not there at the start.
        server.stop()
        site.rig.start()
        site.recorded()
        server.resume()
        turn(site)
        site.until(lambda: len(site.closed) >= 4, "the rows are written")
        site.stop()
        site.assert_acknowledged()
        site.assert_in_order()
