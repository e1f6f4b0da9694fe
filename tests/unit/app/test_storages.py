from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from vedette.app.storages import KnownStorages, limits_of, open_storages
from vedette.config import SystemConfig, system_from_mapping
from vedette.model.errors import OutputError, StorageError, StorageGone


def config(folder: Path, *places: str) -> SystemConfig:
    (folder / "data").mkdir(exist_ok=True)
    storage = [{"path": place, "max_size": "5 GB", "keep_free": "1 GB"} for place in places or ("video",)]
    return system_from_mapping({"data": "data", "storage": storage}, folder)


def test_folders_are_made_and_known_again(tmp_path: Path) -> None:
    first = open_storages(config(tmp_path, "a", "b"))
    again = open_storages(config(tmp_path, "b", "a"))
    assert [files.storage for files in again] == [files.storage for files in reversed(first)]


def test_an_empty_mount_point_is_not_taken_for_the_disk(tmp_path: Path) -> None:
    (was,) = open_storages(config(tmp_path))
    shutil.rmtree(tmp_path / "video")
    (away,) = open_storages(config(tmp_path))
    assert away.storage.id == was.storage.id
    with pytest.raises(StorageGone):
        away.check()
    (tmp_path / "video").mkdir()
    (empty,) = open_storages(config(tmp_path))
    with pytest.raises(StorageGone):
        empty.check()
    assert list((tmp_path / "video").iterdir()) == []


def test_a_file_in_the_place_of_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "video").write_text("")
    with pytest.raises(StorageError, match="a file is where a folder should be"):
        open_storages(config(tmp_path))


def test_a_register_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    made = config(tmp_path)
    (tmp_path / "data" / "storages.json.part").mkdir()
    with pytest.raises(OutputError, match="cannot be written into"):
        open_storages(made)


def test_an_unchanged_register_is_not_written_again(tmp_path: Path) -> None:
    open_storages(config(tmp_path))
    (tmp_path / "data" / "storages.json.part").mkdir()
    assert len(open_storages(config(tmp_path))) == 1


@pytest.mark.parametrize("register", ["", "[1]", '"x"', "{", '{"video": null}'])
def test_a_damaged_register_is_made_anew_from_the_folders(tmp_path: Path, register: str) -> None:
    (was,) = open_storages(config(tmp_path))
    (tmp_path / "data" / "storages.json").write_text(register)
    assert list(KnownStorages(config(tmp_path))) == [was.storage.id]
    (again,) = open_storages(config(tmp_path))
    assert again.storage == was.storage
    assert json.loads((tmp_path / "data" / "storages.json").read_text())[was.storage.path] == was.storage.id


def test_whoever_only_reads_makes_no_folder(tmp_path: Path) -> None:
    assert len(KnownStorages(config(tmp_path))) == 0
    assert not (tmp_path / "video").exists()


def test_whoever_only_reads_hears_of_folders_that_are_made_later(tmp_path: Path) -> None:
    known = KnownStorages(config(tmp_path))
    assert len(known) == 0
    (made,) = open_storages(config(tmp_path))
    assert known[made.storage.id].storage == made.storage
    with pytest.raises(KeyError):
        known["another"]


def test_limits_go_by_the_folder(tmp_path: Path) -> None:
    made = config(tmp_path, "a", "b")
    storages = open_storages(made)
    limits = limits_of(made, storages)
    assert {limits[files.storage.id].most for files in storages} == {5 * 10**9}
    assert {limits[files.storage.id].keep_free for files in storages} == {10**9}
