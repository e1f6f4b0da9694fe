import numpy as np
import pytest

from vedette.model.detections import Detections, Tracks
from vedette.model.labels import COCO
from vedette.model.observations import Subjects


def test_nothing_found_is_the_default() -> None:
    assert (len(Detections()), len(Tracks()), len(Subjects.none(COCO))) == (0, 0, 0)
    assert Detections().box.shape == Tracks().box.shape == (0, 4)


def test_rows_are_chosen_by_mask_and_by_index() -> None:
    box = np.arange(12, dtype=float).reshape(3, 4)
    found = Detections(box, np.array([0.9, 0.5, 0.1]), np.array([0, 2, 2]), COCO)
    by_mask = found.where(np.array([True, False, True]))
    assert by_mask.score.tolist() == [0.9, 0.1]
    assert found.where(np.array([2, 0])).box[0].tolist() == box[2].tolist()
    assert by_mask.names is found.names


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="detections do not agree"):
        Detections(np.zeros((2, 4)), np.zeros(1), np.zeros(1, np.int64))
    with pytest.raises(ValueError, match="track columns differ"):
        Tracks(id=np.array([1, 2]), box=np.zeros((2, 4)))


def test_anchors_of_subjects_go_by_name() -> None:
    subjects = Subjects.none(COCO)
    assert subjects.anchor("bottom") is subjects.bottom
    assert subjects.anchor("center") is subjects.center
    assert subjects.anchor("top") is subjects.top
