from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from vedette.model.labels import COCO
from vedette.vision.detectors import yolox
from vedette.vision.detectors.yolox import SPEC, YoloxNanoOptions


def test_options_come_from_a_configuration_and_have_defaults() -> None:
    options = TypeAdapter(SPEC.options).validate_python({"min_score": 0.4, "size": [544, 320]})
    assert options == YoloxNanoOptions(min_score=0.4, size=(544, 320))
    assert (YoloxNanoOptions().floor, YoloxNanoOptions().min_score) == (0.1, 0.3)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"score": 0.5}, "score"),
        ({"min_score": 1.5}, "floor <= min_score <= 1"),
        ({"min_score": 0.2, "floor": 0.25}, "floor <= min_score"),
        ({"floor": 0}, "0 < floor"),
        ({"engine": "tensorrt"}, "engine"),
        ({"threads": -2}, "threads"),
        ({"nms_iou": 1.2}, "nms_iou"),
        ({"size": [416, 400]}, "multiples of 32"),
        ({"size": [0, 416]}, "multiples of 32"),
        ({"min_score": float("inf")}, "finite number"),
    ],
)
def test_a_wrong_setting_is_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        TypeAdapter(SPEC.options).validate_python(given)


def test_what_is_built_says_what_it_is() -> None:
    detector = yolox.build(YoloxNanoOptions(size=(640, 384), threads=1))
    assert detector.names == COCO
    assert detector.input_size == (640, 384)
    assert detector.model[0] == "yolox-nano"
    assert len(detector.model[1]) == 64
