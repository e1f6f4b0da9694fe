from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import av
import pytest

from recorded_packets import session
from vedette.app import stored
from vedette.app.formats import Mp4Format
from vedette.app.process import make_data_folder
from vedette.app.storages import open_storages
from vedette.clock import SystemClock
from vedette.config import SystemConfig, from_mapping, system_from_mapping
from vedette.model.errors import ConfigError, DatabaseError, OutputError, StorageError
from vedette.model.recording import Run, Segment
from vedette.model.time import NS_PER_S
from vedette.store.database import Database
from vedette.store.ledger import SqlLedger

CAMERA = "door"
SECONDS = 6


def ignored(share: float) -> None:
    assert 0.0 <= share <= 1.0


@pytest.fixture
def config(tmp_path: Path) -> SystemConfig:
    cameras = {CAMERA: {"source": "rtsp://192.0.2.7/main"}, "yard": {"source": "rtsp://192.0.2.8/main"}}
    return system_from_mapping({"data": "data", "storage": [{"path": "video"}], "cameras": cameras}, tmp_path)


@pytest.fixture
def span(config: SystemConfig) -> tuple[int, int]:
    """Six seconds in files of two; the last one is being written: the database does not know it yet."""
    made = [replace(packet, camera=CAMERA, stream="main") for packet in session(SECONDS)]
    begin = made[0].at.utc_ns
    make_data_folder(config.data)
    (files,) = open_storages(config)
    run = Run(made[0].run, CAMERA, "main", begin, "here")
    form = Mp4Format(fragment_s=1.0, segment_s=2.0)
    fragmenter = form.fragmenter(run)
    with closing(Database.open(config.database, clock=SystemClock(), role="recorder")) as database:
        ledger = SqlLedger(database)
        ledger.put_storage(files.storage)
        ledger.begin_run(run)
        file = None
        for cut in [cut for packet in made for cut in fragmenter.feed(packet)] + fragmenter.finish():
            if cut.opens:
                if file is not None:
                    commit(ledger, file.finish())
                file = form.create(files, run, cut)
            assert file is not None
            file.write(cut)
    return begin, begin + SECONDS * NS_PER_S


def commit(ledger: SqlLedger, segment: Segment | None) -> None:
    assert segment is not None
    ledger.commit(segment)


def frames(path: Path) -> int:
    with av.open(str(path)) as film:
        return sum(1 for _ in film.decode(video=0))


def test_an_export_reaches_up_to_what_is_being_written(
    config: SystemConfig, span: tuple[int, int], tmp_path: Path
) -> None:
    assert stored.export(config, [CAMERA], span, tmp_path / "out.mp4", ignored) == [tmp_path / "out.mp4"]
    assert frames(tmp_path / "out.mp4") == SECONDS * 25


def test_a_file_that_ends_in_the_middle_of_a_fragment_is_exported_to_the_one_before(
    config: SystemConfig, span: tuple[int, int], tmp_path: Path
) -> None:
    newest = max((tmp_path / "video").rglob("*.mp4"))
    newest.write_bytes(newest.read_bytes()[:-100])
    stored.export(config, [CAMERA], span, tmp_path / "out.mp4", ignored)
    assert frames(tmp_path / "out.mp4") == (SECONDS - 1) * 25


def test_the_span_is_kept(config: SystemConfig, span: tuple[int, int], tmp_path: Path) -> None:
    begin = span[0]
    early = (begin - 100 * NS_PER_S, begin - 50 * NS_PER_S)
    with pytest.raises(OutputError, match="nothing of door was recorded in this time"):
        stored.export(config, [CAMERA], early, tmp_path / "out.mp4", ignored)
    assert not (tmp_path / "out.mp4").exists()
    stored.export(config, [CAMERA], (begin, begin + NS_PER_S), tmp_path / "out.mp4", ignored)
    assert frames(tmp_path / "out.mp4") == 25


def test_what_cannot_be_exported_is_told(config: SystemConfig, span: tuple[int, int], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no camera 'gate': known are door, yard"):
        stored.export(config, ["gate"], span, tmp_path / "out.mp4", ignored)
    with pytest.raises(OutputError, match="nothing of yard"):
        stored.export(config, ["yard"], span, tmp_path / "out.mp4", ignored)
    (tmp_path / "there.mp4").write_text("mine")
    with pytest.raises(OutputError, match="is not overwritten"):
        stored.export(config, [CAMERA], span, tmp_path / "there.mp4", ignored)
    assert (tmp_path / "there.mp4").read_text() == "mine"
    with pytest.raises(OutputError, match="cannot be made"):
        stored.export(config, [CAMERA, "yard"], span, tmp_path / "there.mp4" / "below", ignored)


def test_a_camera_that_is_named_twice_is_exported_once(
    config: SystemConfig, span: tuple[int, int], tmp_path: Path
) -> None:
    assert stored.export(config, [CAMERA, CAMERA], span, tmp_path / "out.mp4", ignored) == [tmp_path / "out.mp4"]


def test_nothing_is_made_by_asking(config: SystemConfig, tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="there is no database"):
        stored.export(config, [CAMERA], (0, 1), tmp_path / "out.mp4", ignored)
    with pytest.raises(DatabaseError, match="there is no database"):
        stored.replay(config, CAMERA, from_mapping({}), (0, 1), ignored)
    for repair in (False, True):
        with pytest.raises(StorageError, match="nothing was ever recorded into"):
            stored.fsck(config, hashes=False, repair=repair)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("span")
def test_fsck_takes_up_what_was_being_written(config: SystemConfig) -> None:
    found = stored.fsck(config, hashes=False, repair=False)
    assert sorted(finding.kind for finding in found) == ["no_row", "run"]
    found = stored.fsck(config, hashes=True, repair=True)
    assert [finding.kind for finding in found if finding.repaired] == ["no_row", "run"]
    assert stored.fsck(config, hashes=True, repair=False) == []


@pytest.mark.usefixtures("span")
def test_fsck_leaves_a_running_recorder_alone(config: SystemConfig) -> None:
    (files,) = open_storages(config)
    files.claim()
    try:
        assert stored.fsck(config, hashes=True, repair=False) == []
        with pytest.raises(StorageError, match="stop the recorder first"):
            stored.fsck(config, hashes=False, repair=True)
    finally:
        files.release()


@pytest.mark.usefixtures("span")
def test_fsck_finds_a_changed_byte(config: SystemConfig, tmp_path: Path) -> None:
    first = min((tmp_path / "video").rglob("*.mp4"))
    content = bytearray(first.read_bytes())
    content[-50] ^= 1
    first.write_bytes(bytes(content))
    assert "hash" not in {finding.kind for finding in stored.fsck(config, hashes=False, repair=False)}
    assert "hash" in {finding.kind for finding in stored.fsck(config, hashes=True, repair=False)}


def test_a_lost_database_is_made_anew_from_the_recordings(
    config: SystemConfig, span: tuple[int, int], tmp_path: Path
) -> None:
    for path in config.data.glob("*"):
        path.unlink()
    with pytest.raises(DatabaseError, match="fsck --repair makes it anew"):
        stored.fsck(config, hashes=False, repair=False)
    found = stored.fsck(config, hashes=False, repair=True)
    assert {(finding.kind, finding.repaired) for finding in found} == {("no_row", True)}
    stored.export(config, [CAMERA], span, tmp_path / "out.mp4", ignored)
    assert frames(tmp_path / "out.mp4") == SECONDS * 25


def test_no_tracks_make_no_events(config: SystemConfig, span: tuple[int, int]) -> None:
    past = stored.replay(config, CAMERA, from_mapping({}), span, ignored)
    assert (past.events, past.tracks, dict(past.counts)) == ((), 0, {})
    with pytest.raises(ConfigError, match="there is no camera"):
        stored.replay(config, "gate", from_mapping({}), span, ignored)
