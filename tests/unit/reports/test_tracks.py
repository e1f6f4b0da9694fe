from collections.abc import Callable
from pathlib import Path

from vedette.model.step import Step
from vedette.reports.tracks import TracksFile

BOX = (0.25, 0.5, 0.5, 1.0)


def rows(path: Path) -> list[list[float]]:
    return [[float(cell) for cell in line.split(",")] for line in path.read_text("ascii").splitlines()]


def test_rows_are_in_pixels_and_count_frames_from_one(tmp_path: Path, make_step: Callable[..., Step]) -> None:
    file = TracksFile(tmp_path / "t")
    file.take(make_step(0, {7: BOX}))
    file.take(make_step(4, {7: BOX}, label=1))
    file.close()
    assert rows(tmp_path / "t") == [[1, 7, 80, 90, 80, 90, 0.8, 1, 1], [5, 7, 80, 90, 80, 90, 0.8, 3, 1]]


def test_the_beginning_of_a_track_is_written_once_it_is_confirmed(
    tmp_path: Path, make_step: Callable[..., Step]
) -> None:
    file = TracksFile(tmp_path / "t")
    for frame in range(3):
        file.take(make_step(frame, {1: BOX, 2: BOX}, tentative=frozenset({2})))
        assert not [row for row in rows(tmp_path / "t") if row[1] == 2]
    file.take(make_step(3, {1: BOX, 2: BOX}))
    file.take(make_step(4, {1: BOX}))
    file.close()
    found = [row[:2] for row in rows(tmp_path / "t")]
    assert found == [[1, 1], [1, 2], [2, 1], [2, 2], [3, 1], [3, 2], [4, 1], [4, 2], [5, 1]]


def test_tracks_never_confirmed_unseen_or_without_identity_leave_nothing(
    tmp_path: Path, make_step: Callable[..., Step]
) -> None:
    file = TracksFile(tmp_path / "t")
    file.take(make_step(0, {3: BOX, 4: BOX, 0: BOX}, tentative=frozenset({3}), unseen=frozenset({4})))
    file.take(make_step(1, {4: BOX}, unseen=frozenset({4}), ended=(3,)))
    file.close()
    assert rows(tmp_path / "t") == []


def test_a_label_outside_coco_is_class_zero(tmp_path: Path, make_step: Callable[..., Step]) -> None:
    file = TracksFile(tmp_path / "t")
    file.take(make_step(0, {1: BOX}, label=2))
    file.close()
    assert rows(tmp_path / "t")[0][7] == 0


def test_a_track_that_stays_tentative_holds_back_the_rest_for_five_seconds_only(
    tmp_path: Path, make_step: Callable[..., Step]
) -> None:
    file = TracksFile(tmp_path / "t")
    for frame in range(300):
        file.take(make_step(frame, {1: BOX, 2: BOX}, tentative=frozenset({2})))
    assert len(rows(tmp_path / "t")) >= 300 - 52
    file.take(make_step(300, {1: BOX, 2: BOX}))
    file.close()
    found = [row[:2] for row in rows(tmp_path / "t")]
    assert found == sorted(found)
    assert 50 <= len([row for row in found if row[1] == 2]) <= 52


def test_what_is_written_is_whole_lines_at_every_moment(tmp_path: Path, walking: Callable[..., list[Step]]) -> None:
    file = TracksFile(tmp_path / "t")
    for step in walking(2.0):
        file.take(step)
        text = (tmp_path / "t").read_text("ascii")
        assert text == "" or text.endswith(",1\n")
    file.close()
