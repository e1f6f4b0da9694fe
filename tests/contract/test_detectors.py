"""What every detector keeps to. A new one joins by a row in DETECTORS."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from vedette.model.detections import Detections
from vedette.model.errors import DetectorError
from vedette.model.media import Image
from vedette.model.ports import Detector
from vedette.vision.detectors import adapter, yolox
from vedette.vision.detectors.adapter import ModelInput, OnnxOptions
from vedette.vision.detectors.yolox import YoloxNanoOptions


def brightness_model() -> bytes:
    """Two fixed boxes whose scores grow with the brightness of the picture, as (1, 2, 6) corners, score, class."""
    base = np.array([[(4, 4, 30, 60, 0.0, 0), (20, 10, 60, 40, 0.1, 2)]], np.float32)
    weight = np.array([[(0, 0, 0, 0, 0.8, 0), (0, 0, 0, 0, 0.4, 0)]], np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["images"], ["mean"], axes=[1, 2, 3], keepdims=0),
            helper.make_node("Mul", ["weight", "mean"], ["part"]),
            helper.make_node("Add", ["base", "part"], ["output0"]),
        ],
        "brightness",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, (1, 3, 64, 64))],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, (1, 2, 6))],
        [numpy_helper.from_array(base, "base"), numpy_helper.from_array(weight, "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def adapted(folder: Path) -> Detector:
    path = folder / "brightness.onnx"
    path.write_bytes(brightness_model())
    return adapter.build(
        OnnxOptions(model=path, decoder="yolo-end2end", input=ModelInput(size=(64, 64), resize="stretch"), threads=2)
    )


DETECTORS: dict[str, Callable[[Path], Detector]] = {
    "yolox-nano": lambda _: yolox.build(YoloxNanoOptions(floor=0.05, threads=2)),
    "yolox-nano, one thread": lambda _: yolox.build(YoloxNanoOptions(floor=0.05, threads=1)),
    "yolox-nano, openvino": lambda _: yolox.build(YoloxNanoOptions(floor=0.05, engine="openvino", threads=2)),
    "onnx": adapted,
}


@pytest.fixture(scope="module", params=DETECTORS)
def detector(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Detector:
    return DETECTORS[request.param](tmp_path_factory.mktemp("models"))


def drawn(width: int = 640, height: int = 360) -> Image:
    """A stop sign by a road and an orange ball on the grass."""
    image = np.full((360, 640, 3), (200, 170, 140), np.uint8)
    image[200:] = (60, 120, 70)
    cv2.rectangle(image, (176, 160), (184, 340), (130, 130, 130), -1)
    angles = np.deg2rad(np.arange(22.5, 382.5, 45))
    octagon = np.stack([180 + 80 * np.cos(angles), 120 + 80 * np.sin(angles)], axis=1)
    cv2.fillPoly(image, [octagon.astype(np.int32)], (255, 255, 255))
    cv2.fillPoly(image, [(octagon * 0.92 + np.array([180, 120]) * 0.08).astype(np.int32)], (40, 20, 190))
    cv2.putText(image, "STOP", (118, 136), cv2.FONT_HERSHEY_DUPLEX, 1.5, (255, 255, 255), 4, cv2.LINE_AA)
    cv2.circle(image, (460, 280), 40, (30, 120, 240), -1, cv2.LINE_AA)
    image = cv2.GaussianBlur(image, (3, 3), 0).astype(np.uint8)
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def noise(seed: int, width: int, height: int) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def assert_same(a: Detections, b: Detections) -> None:
    np.testing.assert_array_equal(a.box, b.box)
    np.testing.assert_array_equal(a.score, b.score)
    np.testing.assert_array_equal(a.label, b.label)
    assert a.names == b.names


def test_no_picture_gives_no_answer(detector: Detector) -> None:
    assert detector.detect([]) == []


def test_a_batch_answers_as_its_pictures_do_one_by_one(detector: Detector) -> None:
    pictures = [drawn(), noise(1, 416, 416), drawn(300, 500), noise(2, 64, 48), drawn(1280, 720)]
    together = detector.detect(pictures)
    assert len(together) == len(pictures)
    for picture, found in zip(pictures, together, strict=True):
        assert_same(found, detector.detect([picture])[0])


def test_the_same_picture_gives_the_same_answer_and_stays_untouched(detector: Detector) -> None:
    picture = drawn()
    before = picture.copy()
    first = detector.detect([picture])[0]
    assert len(first), "the drawn picture holds something"
    assert_same(first, detector.detect([picture])[0])
    np.testing.assert_array_equal(picture, before)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (4000, 10), (10, 4000), (2, 900), (417, 415), (1920, 1080)])
def test_answers_are_well_formed_at_every_size(detector: Detector, width: int, height: int) -> None:
    for picture in (noise(width, width, height), drawn(width, height)):
        (found,) = detector.detect([picture])
        assert found.box.dtype == np.float64
        assert found.score.dtype == np.float64
        assert found.label.dtype == np.int64
        assert found.names == detector.names
        assert ((found.box >= 0) & (found.box <= 1)).all()
        assert (found.box[:, 2:] > found.box[:, :2]).all()
        assert (np.diff(found.score) <= 0).all()
        assert ((found.score > 0) & (found.score <= 1)).all()
        assert ((found.label >= 0) & (found.label < len(detector.names))).all()


def test_a_picture_that_is_a_view_into_another_is_taken(detector: Detector) -> None:
    crop = drawn()[20:300, 40:500]
    assert_same(detector.detect([crop])[0], detector.detect([crop.copy()])[0])
    mirrored = drawn()[:, ::-1]
    assert_same(detector.detect([mirrored])[0], detector.detect([mirrored.copy()])[0])


@pytest.mark.parametrize("shape", [(48, 64), (48, 64, 1), (48, 64, 4), (0, 64, 3)])
def test_anything_but_a_colour_picture_is_refused(detector: Detector, shape: tuple[int, ...]) -> None:
    with pytest.raises(DetectorError, match="a picture must be uint8 of shape"):
        detector.detect([drawn(), np.zeros(shape, np.uint8)])


def test_names_and_size_are_stated(detector: Detector) -> None:
    assert len(set(detector.names)) == len(detector.names) > 0
    assert min(detector.input_size) > 0


def test_the_engines_agree_on_yolox() -> None:
    first = yolox.build(YoloxNanoOptions(threads=1)).detect([drawn()])[0]
    second = yolox.build(YoloxNanoOptions(threads=1, engine="openvino")).detect([drawn()])[0]
    assert first.names[first.label[0]] == "stop sign"
    assert first.score[0] > 0.5
    np.testing.assert_allclose(first.box[0] * [640, 360, 640, 360], [100, 40, 260, 200], atol=12)
    strong = first.score > 0.12
    assert len(second) >= strong.sum()
    for box, score, label in zip(first.box[strong], first.score[strong], first.label[strong], strict=True):
        near = np.abs(second.box - box).max(axis=1) < 0.003
        assert (near & (second.label == label) & (np.abs(second.score - score) < 0.005)).any()
