"""The real file layer, on a real disk: the storage folder vanishes, is swapped, is full, is linked away."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path, PurePosixPath

import pytest

from fakes_recording import MemoryLedger
from recorded_packets import UTC_NS, session
from recording_session import assert_in_order, cuts_of, record
from vedette.model.errors import FileExists, FileMissing, StorageError, StorageFull, StorageGone
from vedette.model.recording import Doomed, Storage
from vedette.model.recording_ports import Files
from vedette.video.recording.delete import delete
from vedette.video.recording.disk import DiskFiles
from vedette.video.recording.failures import storage_error
from vedette.video.recording.fsck import check
from vedette.video.recording.identity_file import IDENTITY
from vedette.video.recording.recovery import Recovered, recover

PATH = PurePosixPath("gate/main/2025-11-24/16-00-00Z-1.mp4")


@pytest.fixture
def files(tmp_path: Path) -> DiskFiles:
    return DiskFiles.open(tmp_path / "storage")


def test_it_is_a_file_layer(files: DiskFiles) -> None:
    layer: Files = files
    with_content = layer.create(PATH)
    with_content.write(b"abc")
    with_content.write(b"defg")
    with_content.sync()
    with_content.truncate(5)
    with_content.write(b"X")
    with_content.sync(whole=True)
    with_content.close()
    with_content.close()
    assert layer.read(PATH) == b"abcdeX"
    assert layer.read(PATH, 2, 2) == b"cd"
    assert layer.read(PATH, 4, 100) == b"eX"
    assert layer.size(PATH) == 6
    again = layer.append(PATH)
    again.write(b"!")
    again.close()
    assert layer.read(PATH, 5) == b"X!"
    assert list(layer.files()) == [PATH]
    assert layer.free_bytes() > 0
    layer.check()
    layer.unlink(PATH)
    layer.unlink(PATH)
    layer.sync_folder(PATH.parent)
    assert layer.size(PATH) is None
    with pytest.raises(FileMissing):
        layer.read(PATH)
    with pytest.raises(FileMissing):
        layer.append(PATH)


def test_a_file_is_never_overwritten(files: DiskFiles) -> None:
    files.create(PATH).close()
    with pytest.raises(FileExists):
        files.create(PATH)


def test_empty_days_go_with_their_last_file_and_come_back(files: DiskFiles) -> None:
    other = PATH.with_name("16-01-00Z-2.mp4")
    for path in (PATH, other):
        files.create(path).close()
    folder = Path(files.storage.path) / PATH.parent
    files.unlink(PATH)
    assert folder.exists()
    files.unlink(other)
    assert not folder.exists()
    files.sync_folder(PATH.parent)
    files.create(PATH).close()
    shutil.rmtree(folder)
    files.create(PATH).close()
    assert files.size(PATH) == 0


def test_the_identity_is_written_once_and_stays(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "storage"
    first = DiskFiles.open(folder)
    assert json.loads((folder / IDENTITY).read_text())["storage"] == first.storage.id
    assert DiskFiles.open(folder).storage == first.storage
    assert DiskFiles.open(folder, first.storage.id).storage == first.storage
    assert [each.name for each in folder.iterdir()] == [IDENTITY]


@pytest.mark.parametrize("content", ["", "{}", "[]", "null", '{"storage": 7}', '{"storage": "x"}', "\xff" * 9000])
def test_a_damaged_identity_is_never_replaced(tmp_path: Path, content: str) -> None:
    files = DiskFiles.open(tmp_path)
    (tmp_path / IDENTITY).write_text(content, encoding="latin-1")
    for expected in (None, files.storage.id):
        with pytest.raises(StorageGone, match="damaged"):
            DiskFiles.open(tmp_path, expected)
    with pytest.raises(StorageGone):
        files.check()
    assert (tmp_path / IDENTITY).read_text(encoding="latin-1") == content


def use(files: DiskFiles) -> list[type[StorageError]]:
    """What every way of using the layer raises."""
    found = []
    ways = [
        files.check, lambda: files.create(PATH), lambda: files.append(PATH), lambda: files.unlink(PATH),
        lambda: files.sync_folder(PATH.parent), lambda: files.read(PATH), lambda: files.size(PATH),
        lambda: list(files.files()), files.free_bytes, files.claim,
    ]  # fmt: skip
    for way in ways:
        with pytest.raises(StorageError) as caught:
            way()
        found.append(caught.type)
        assert "\n" not in str(caught.value)
    return found


def test_nothing_is_written_into_the_folder_an_unmounted_disk_leaves_behind(tmp_path: Path, files: DiskFiles) -> None:
    folder = Path(files.storage.path)
    folder.rename(tmp_path / "unplugged")
    folder.mkdir()
    assert set(use(files)) == {StorageGone}
    assert list(folder.iterdir()) == []
    with pytest.raises(StorageGone, match="mounted"):
        DiskFiles.open(folder, files.storage.id)
    folder.rmdir()
    assert set(use(files)) == {StorageGone}
    with pytest.raises(StorageGone, match="mounted"):
        DiskFiles.open(folder, files.storage.id)
    assert not folder.exists()
    (tmp_path / "unplugged").rename(folder)
    files.create(PATH).close()
    files.check()


def test_another_disk_in_its_place_is_not_written_into(tmp_path: Path, files: DiskFiles) -> None:
    folder = Path(files.storage.path)
    folder.rename(tmp_path / "first")
    other = DiskFiles.open(folder)
    assert set(use(files)) == {StorageGone}
    with pytest.raises(StorageGone, match="another storage folder"):
        DiskFiles.open(folder, files.storage.id)
    other.check()
    assert [each.name for each in folder.iterdir()] == [IDENTITY]


def test_the_same_disk_mounted_again_is_taken_up(tmp_path: Path, files: DiskFiles) -> None:
    files.create(PATH).close()
    folder = Path(files.storage.path)
    shutil.copytree(folder, tmp_path / "copy")
    shutil.rmtree(folder)
    (tmp_path / "copy").rename(folder)
    files.check()
    files.create(PATH.with_name("b.mp4")).close()
    assert len(list(files.files())) == 2


def test_a_storage_folder_may_be_a_link_but_nothing_in_it_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    files = DiskFiles.open(tmp_path / "link")
    DiskFiles(Storage(files.storage.id, str(tmp_path / "link")), ()).check()
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "16-00-00Z-1.mp4").write_bytes(b"secret")
    (tmp_path / "real" / "gate").symlink_to(secret)
    (tmp_path / "real" / "yard").mkdir()
    (tmp_path / "real" / "yard" / "x.mp4").symlink_to(secret / "16-00-00Z-1.mp4")
    for path in ("gate/16-00-00Z-1.mp4", "yard/x.mp4"):
        for way in (files.read, files.append, files.create):
            with pytest.raises(StorageError):
                way(PurePosixPath(path))
    assert list(files.files()) == []
    assert (secret / "16-00-00Z-1.mp4").read_bytes() == b"secret"
    files.unlink(PurePosixPath("yard/x.mp4"))
    assert (secret / "16-00-00Z-1.mp4").exists()


@pytest.mark.parametrize("path", ["../x.mp4", "/etc/x.mp4", "gate/../../x.mp4", "gate/\x00.mp4"])
def test_no_path_leads_out_of_the_folder(files: DiskFiles, path: str) -> None:
    for way in (files.create, files.read, files.unlink, files.append, files.size):
        with pytest.raises(StorageError):
            way(PurePosixPath(path))


def test_only_folders_and_files_named_like_ours_are_looked_at(files: DiskFiles) -> None:
    root = Path(files.storage.path)
    files.create(PATH).close()
    for name in ("lost+found", ".Trash-0", "gate/main/.hidden", "deep/a/b/c/d/e/f/g/h/i"):
        (root / name).mkdir(parents=True)
        (root / name / "x.mp4").touch()
    (root / "notes.txt").touch()
    (root / "folder.mp4").mkdir()
    assert list(files.files()) == [PATH]


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, StorageFull), (errno.EDQUOT, StorageFull), (errno.EIO, StorageGone), (errno.EROFS, StorageGone),
        (errno.ENODEV, StorageGone), (errno.ESTALE, StorageGone), (errno.ENOTCONN, StorageGone),
        (errno.ENOENT, FileMissing), (errno.EEXIST, FileExists), (errno.EACCES, StorageError),
        (errno.EFBIG, StorageError), (errno.EMFILE, StorageError),
    ],
)  # fmt: skip
def test_what_the_machine_says_in_our_words(number: int, kind: type[StorageError]) -> None:
    error = storage_error(OSError(number, os.strerror(number)), "it cannot be written")
    assert type(error) is kind
    assert str(error).startswith("it cannot be written: ")


def test_only_one_recorder_at_a_time(files: DiskFiles) -> None:
    other = DiskFiles.open(Path(files.storage.path))
    files.claim()
    files.claim()
    with pytest.raises(StorageError, match="another recorder"):
        other.claim()
    files.release()
    files.release()
    other.claim()
    other.release()


def test_every_new_folder_and_file_is_synced_into_the_one_above(
    files: DiskFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = files.storage.path
    steps: list[str] = []

    def noted(name: str) -> None:
        real = getattr(os, name)

        def call(handle: int) -> None:
            steps.append(f"{name} {os.readlink(f'/proc/self/fd/{handle}').removeprefix(root) or '/'}")
            real(handle)

        monkeypatch.setattr(os, name, call)

    noted("fsync")
    noted("fdatasync")
    record(files, MemoryLedger(), cuts_of(session(2), 1.0, 60.0), first_id=1)
    day = f"/{PATH.parent}"
    assert steps == [
        "fsync /", "fsync /gate", "fsync /gate/main", f"fdatasync /{PATH}", f"fsync {day}",
        f"fdatasync /{PATH}", f"fsync /{PATH}", f"fsync {day}",
    ]  # fmt: skip


def test_a_recording_on_a_real_disk(files: DiskFiles) -> None:
    ledger = MemoryLedger()
    record(files, ledger, cuts_of(session(6), 1.0, 2.0))
    assert_in_order(files, ledger)
    assert check(files, ledger, ledger, hashes=True) == []
    newest = max(ledger.segments.values(), key=lambda segment: segment.id)
    del ledger.segments[newest.id]
    with (Path(files.storage.path) / newest.path).open("ab") as torn:
        torn.write(b"\x00\x00\x01\x00prft")
    (Path(files.storage.path) / newest.path).with_name("00-00-00Z-1.mp4").write_bytes(b"\x00" * 100)
    found = recover([files], ledger, UTC_NS)
    assert (found.torn, found.segments, len(found.removed)) == (8, (newest,), 1)
    assert_in_order(files, ledger)
    assert recover([files], ledger, UTC_NS) == Recovered()


def test_deleting_everything_leaves_an_empty_folder(files: DiskFiles) -> None:
    ledger = MemoryLedger()
    record(files, ledger, cuts_of(session(6), 1.0, 2.0))
    doomed = [Doomed(each.id, each.storage, each.path, each.size) for each in ledger.segments.values()]
    done = delete({files.storage.id: files}, ledger, doomed)
    assert (done.segments, done.bytes) == (len(doomed), sum(each.size for each in doomed))
    assert list(files.files()) == []
    assert sorted(each.name for each in (Path(files.storage.path) / "gate" / "main").iterdir()) == []
