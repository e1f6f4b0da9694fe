from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto
from pydantic import TypeAdapter, ValidationError

from vedette.model.errors import DetectorError, WeightsError
from vedette.model.labels import COCO
from vedette.vision.detectors import adapter
from vedette.vision.detectors.adapter import OnnxOptions, labels_of
from vedette.vision.detectors.network import NetworkDetector

Make = Callable[..., bytes]

ROWS = {"output0": np.array([[(0, 0, 32, 32, 0.9, 0), (32, 32, 64, 64, 0.5, 1)]], np.float32)}


def parsed(**given: Any) -> OnnxOptions:
    """The options as a configuration file gives them."""
    return TypeAdapter(OnnxOptions).validate_python(given)


@pytest.fixture
def path(tmp_path: Path, make_model: Make) -> Path:
    file = tmp_path / "made.onnx"
    file.write_bytes(make_model(ROWS))
    return file


def built(path: Path, **given: Any) -> NetworkDetector:
    return adapter.build(parsed(**{"model": str(path), "decoder": "yolo-end2end", "input": {"size": [64, 64]}} | given))


def test_a_plain_configuration_makes_a_detector(path: Path) -> None:
    detector = built(path)
    assert detector.names == COCO
    assert detector.input_size == (64, 64)
    assert detector.model == ("made.onnx", hashlib.sha256(path.read_bytes()).hexdigest())
    (found,) = detector.detect([np.zeros((64, 64, 3), np.uint8)])
    assert [found.names[i] for i in found.label] == ["person", "bicycle"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"colour": "rgb"}, "colour"),
        ({"input": {"size": [64, 64], "color": "rgb"}}, "color"),
        ({"input": {"size": [0, 64]}}, "1 to 4096 pixels"),
        ({"input": {"size": [64, 64], "std": [0, 1, 1]}}, "greater than 0"),
        ({"decoder": "yolo"}, "known are: yolox, yolov5"),
        ({"min_score": 0.05}, "floor <= min_score"),
        ({"min_score": float("nan")}, "finite number"),
        ({"nms_iou": 0}, "nms_iou"),
        ({"threads": -1}, "threads"),
        ({"sha256": "abc"}, "64 hexadecimal digits"),
        ({"labels": []}, "must not be empty"),
    ],
)
def test_a_wrong_setting_is_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        parsed(**{"model": "a.onnx", "decoder": "yolox", "input": {"size": [64, 64]}} | given)


def test_the_hash_is_held_against_the_file(path: Path) -> None:
    built(path, sha256=hashlib.sha256(path.read_bytes()).hexdigest().upper())
    with pytest.raises(WeightsError, match="but the configuration says 0000"):
        built(path, sha256="0" * 64)


def test_a_missing_model_and_one_that_is_none_are_said(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"cannot read the model .*nothing\.onnx: No such file"):
        built(tmp_path / "nothing.onnx")
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(DetectorError, match=r"ONNX Runtime cannot load text\.onnx"):
        built(tmp_path / "text.onnx")
    with pytest.raises(DetectorError, match=r"OpenVINO cannot load text\.onnx"):
        built(tmp_path / "text.onnx", engine="openvino")


def test_an_input_that_is_not_as_declared_is_refused(path: Path) -> None:
    with pytest.raises(DetectorError, match=r"has shape \(1, 3, 64, 64\), but declared is \(1, 3, 32, 32\) \(nchw\)"):
        built(path, input={"size": [32, 32]})
    with pytest.raises(DetectorError, match="nhwc"):
        built(path, input={"size": [64, 64], "layout": "nhwc"})


def test_free_dimensions_take_the_declared_size(tmp_path: Path, make_model: Make) -> None:
    file = tmp_path / "free.onnx"
    file.write_bytes(make_model(ROWS, ("n", 3, "h", "w")))
    assert built(file, input={"size": [96, 64]}).input_size == (96, 64)


@pytest.mark.parametrize("kind", [TensorProto.UINT8, TensorProto.FLOAT16])
def test_bytes_and_half_floats_are_fed_where_the_network_wants_them(
    tmp_path: Path, make_model: Make, kind: int
) -> None:
    file = tmp_path / "typed.onnx"
    file.write_bytes(make_model(ROWS, (1, 64, 64, 3), kind=kind))
    given = {"size": [64, 64], "layout": "nhwc", "scale": 1.0}
    assert len(built(file, input=given).detect([np.zeros((9, 9, 3), np.uint8)])[0]) == 2


def test_a_type_nobody_feeds_is_refused(tmp_path: Path, make_model: Make) -> None:
    file = tmp_path / "typed.onnx"
    file.write_bytes(make_model(ROWS, kind=TensorProto.INT64))
    with pytest.raises(DetectorError, match="wants int64"):
        built(file)


def test_a_decoder_that_needs_the_size_as_an_input_says_so(path: Path) -> None:
    with pytest.raises(DetectorError, match="has no input 'orig_target_sizes'"):
        built(path, decoder="d-fine")


def test_labels_are_coco_its_own_numbers_a_list_or_a_file(tmp_path: Path) -> None:
    assert labels_of("coco").names == COCO
    own = labels_of("coco91")
    assert own.classes == 91
    names = {number: COCO[index] for number, index in enumerate(own.index) if index >= 0}
    assert len(names) == 80
    assert (names[1], names[3], names[13], names[44], names[90]) == (
        "person",
        "car",
        "stop sign",
        "bottle",
        "toothbrush",
    )
    assert labels_of(("forklift", "person")).names == ("forklift", "person")
    file = tmp_path / "labels.txt"
    file.write_text("\ufeffforklift\n\n person \n", encoding="utf-8")
    assert labels_of(str(file)).names == ("forklift", "person")


def test_a_labels_file_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="coco, coco91, a list or a text file"):
        labels_of(str(tmp_path / "nothing.txt"))
    (tmp_path / "empty.txt").write_text("\n \n")
    with pytest.raises(DetectorError, match="has no names"):
        labels_of(str(tmp_path / "empty.txt"))
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(DetectorError, match="UTF-8"):
        labels_of(str(tmp_path / "binary.txt"))


def test_numbers_that_stand_for_nothing_are_left_out(tmp_path: Path, make_model: Make) -> None:
    rows = np.array([[(0, 0, 32, 32, 0.9, 12), (0, 0, 32, 32, 0.8, 1)]], np.float32)
    file = tmp_path / "made.onnx"
    file.write_bytes(make_model({"output0": rows}))
    (found,) = built(file, labels="coco91").detect([np.zeros((64, 64, 3), np.uint8)])
    assert [found.names[i] for i in found.label] == ["person"]


def test_without_openvino_the_message_says_how_to_get_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(DetectorError, match=r"install `vedette\[openvino\]` or set `engine: onnxruntime`"):
        built(path, engine="openvino")
