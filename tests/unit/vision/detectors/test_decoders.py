"""Each decoder on a small graph made here and run through the real ONNX Runtime and the declarative adapter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vedette.model.errors import DetectorError
from vedette.model.media import Image
from vedette.vision.detectors import adapter
from vedette.vision.detectors.adapter import ModelInput, OnnxOptions
from vedette.vision.detectors.decoders import DECODERS, Ask, Outputs

Make = Callable[..., bytes]
Array = NDArray[Any]
LABELS = ("person", "car", "truck")
CANVAS = 64


def logit(p: float) -> float:
    return float(np.log(p / (1 - p)))


def floats(*rows: tuple[float, ...]) -> Array:
    return np.array([rows], np.float32)


def yolox_rows() -> Array:
    """A person at cell (2, 1) of stride 8 and a car at cell (1, 0) of stride 32; every other cell is silent."""
    raw = np.zeros((1, 64 + 16 + 4, 8), np.float32)
    raw[0, 1 * 8 + 2] = (0.5, 0.5, np.log(2), np.log(1), 0.9, 0.8, 0.1, 0.0)  # centre (20, 12), size (16, 8)
    raw[0, 64 + 16 + 1] = (-0.5, 0.25, 0.0, np.log(0.5), 1.0, 0.0, 0.6, 0.0)  # centre (16, 8), size (32, 16)
    return raw


PERSON = ([12, 8, 28, 16], 0.72, "person")
CAR = ([0, 0, 32, 16], 0.6, "car")
FAINT = (40.0, 20.0, 8.0, 8.0)

CASES: dict[str, dict[str, Array]] = {
    "yolox": {"output": yolox_rows()},
    "yolov5": {
        "output0": floats(
            (20, 12, 16, 8, 0.9, 0.8, 0.1, 0.0), (16, 8, 32, 16, 1.0, 0.0, 0.6, 0.0), (*FAINT, 0.09, 1.0, 0.0, 0.0)
        )
    },
    "yolov8": {
        "output0": floats(
            (20, 12, 16, 8, 0.72, 0.1, 0.0), (16, 8, 32, 16, 0.0, 0.6, 0.0), (*FAINT, 0.09, 0.0, 0.0)
        ).transpose(0, 2, 1)
    },
    "yolo-end2end": {"output0": floats((12, 8, 28, 16, 0.72, 0), (0, 0, 32, 16, 0.6, 1), (36, 16, 44, 24, 0.09, 0))},
    "rf-detr": {
        "dets": floats((20 / 64, 12 / 64, 0.25, 0.125), (0.25, 0.125, 0.5, 0.25), (0.6, 0.3, 0.1, 0.1)),
        "labels": floats((logit(0.72), -9, -9), (-9, logit(0.6), -9), (logit(0.09), -9, -9)),
    },
    "detr": {
        "logits": np.log(floats((0.72, 0.01, 0.01, 0.26), (0.01, 0.6, 0.01, 0.38), (0.05, 0.01, 0.01, 0.93))),
        "pred_boxes": floats((20 / 64, 12 / 64, 0.25, 0.125), (0.25, 0.125, 0.5, 0.25), (0.6, 0.3, 0.1, 0.1)),
    },
    "d-fine": {
        "labels": np.array([[0, 1, 0]], np.int64),
        "boxes": floats((12, 8, 28, 16), (0, 0, 32, 16), (36, 16, 44, 24)) / np.float32(CANVAS),
        "scores": np.array([[0.72, 0.6, 0.09]], np.float32),
    },
    "rtmdet": {
        "dets": floats((0, 0, 32, 16, 0.6), (12, 8, 28, 16, 0.72), (36, 16, 44, 24, 0.09)),
        "labels": np.array([[1, 0, 0]], np.int64),
    },
}


def options(path: Path, decoder: str, **changes: Any) -> OnnxOptions:
    given: dict[str, Any] = {
        "labels": LABELS,
        "input": ModelInput(size=(CANVAS, CANVAS), resize="letterbox"),
        "threads": 1,
    } | changes
    return OnnxOptions(model=path, decoder=decoder, **given)


def write(folder: Path, model: bytes) -> Path:
    path = folder / "made.onnx"
    path.write_bytes(model)
    return path


def test_every_decoder_has_a_case() -> None:
    assert set(CASES) == set(DECODERS)


@pytest.mark.parametrize("decoder", CASES)
def test_a_decoder_reads_boxes_scores_and_classes(
    decoder: str, tmp_path: Path, make_model: Make, picture: Image
) -> None:
    size_input = DECODERS[decoder].size_input
    path = write(tmp_path, make_model(CASES[decoder], (1, 3, CANVAS, CANVAS), size_input=size_input))
    (found,) = adapter.build(options(path, decoder)).detect([picture])
    assert [found.names[label] for label in found.label] == ["person", "car"]
    np.testing.assert_allclose(found.score, [PERSON[1], CAR[1]], atol=1e-6)
    # The 64 x 32 picture fills the upper half of the canvas at its own scale.
    np.testing.assert_allclose(found.box * [64, 32, 64, 32], [PERSON[0], CAR[0]], atol=1e-4)


@pytest.mark.parametrize("decoder", CASES)
def test_outputs_that_do_not_fit_are_refused_with_both_shapes(decoder: str, tmp_path: Path, make_model: Make) -> None:
    size_input = DECODERS[decoder].size_input
    strange = {"boxes": np.zeros((1, 9, 4 if size_input else 3), np.float32)}
    path = write(tmp_path, make_model(strange, size_input=size_input))
    with pytest.raises(DetectorError) as caught:
        adapter.build(options(path, decoder))
    text = str(caught.value)
    assert f"do not fit decoder '{decoder}': found boxes (1, 9, {4 if size_input else 3}); expected " in text
    assert text.partition("expected ")[2].count("(1, ") >= 1


@pytest.mark.parametrize("decoder", ["yolov5", "yolov8", "rf-detr", "detr", "yolox"])
def test_a_wrong_number_of_labels_is_a_misfit(decoder: str, tmp_path: Path, make_model: Make) -> None:
    path = write(tmp_path, make_model(CASES[decoder]))
    with pytest.raises(DetectorError, match="do not fit decoder"):
        adapter.build(options(path, decoder, labels=("person", "car")))


@pytest.mark.parametrize("decoder", ["yolo-end2end", "rtmdet", "d-fine"])
def test_a_class_without_a_label_is_refused(decoder: str, tmp_path: Path, make_model: Make) -> None:
    path = write(tmp_path, make_model(CASES[decoder], size_input=DECODERS[decoder].size_input))
    with pytest.raises(DetectorError, match="answers class 1, but has only 1 labels"):
        adapter.build(options(path, decoder, labels=("person",)))


@pytest.mark.parametrize("decoder", CASES)
def test_rows_that_are_not_numbers_are_left_out(decoder: str, tmp_path: Path, make_model: Make, picture: Image) -> None:
    broken = {
        name: np.full_like(array, np.nan) if array.dtype == np.float32 else array
        for name, array in CASES[decoder].items()
    }
    path = write(tmp_path, make_model(broken, size_input=DECODERS[decoder].size_input))
    (found,) = adapter.build(options(path, decoder)).detect([picture])
    assert len(found) == 0


@pytest.mark.parametrize("decoder", ["yolov5", "yolov8", "yolo-end2end", "rf-detr", "rtmdet", "d-fine"])
def test_no_rows_at_all_is_no_objects(decoder: str) -> None:
    def none(name: str, array: Array) -> Array:
        axis = 2 if name == "output0" and decoder == "yolov8" else 1
        return np.take(array, [], axis=axis)

    outputs: Outputs = {name: none(name, array) for name, array in CASES[decoder].items()}
    found = DECODERS[decoder].decode(outputs, Ask((CANVAS, CANVAS), 3, 0.1))
    assert found.box.shape == (0, 4)
    assert found.score.shape == found.label.shape == (0,)


def test_yolox_reads_a_canvas_that_is_not_square() -> None:
    raw = np.zeros((1, 8 * 4 + 4 * 2 + 2 * 1, 8), np.float32)
    raw[0, 8 * 3 + 5] = (0.5, 0.5, 0, 0, 1, 1, 0, 0)
    found = DECODERS["yolox"].decode({"output": raw}, Ask((64, 32), 3, 0.1))
    np.testing.assert_allclose(found.box, [[40, 24, 48, 32]])


def test_a_network_gone_wild_gives_no_overflow() -> None:
    raw = np.full((1, 84, 8), 1e30, np.float32)
    found = DECODERS["yolox"].decode({"output": raw[:, :, :] * np.float32(1e-30)}, Ask((64, 64), 3, 0.1))
    assert np.isfinite(found.box).all()
    raw[0, :, 4:] = 1
    assert len(DECODERS["yolox"].decode({"output": raw}, Ask((64, 64), 3, 0.1)).box) == 84
