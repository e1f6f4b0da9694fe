from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from onnx import TensorProto, helper

from vedette.model.errors import DetectorError
from vedette.vision.detectors import openvino_engine
from vedette.vision.detectors.openvino_engine import OpenVinoEngine

Make = Callable[..., bytes]


def doubling() -> bytes:
    graph = helper.make_graph(
        [helper.make_node("Add", ["images", "images"], ["output"])],
        "doubling",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, (1, 3, "h", "w"))],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, (1, 3, "h", "w"))],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def test_free_dimensions_and_types_are_told() -> None:
    assert OpenVinoEngine(doubling(), "doubling").inputs == {"images": ((1, 3, None, None), "float32")}


def test_more_sizes_than_are_kept_from_several_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_engine, "MOST_SIZES", 2)
    engine = OpenVinoEngine(doubling(), "doubling", threads=2)
    pictures = [np.full((1, 3, 4 + n % 3, 5), n, np.float32) for n in range(12)]
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda picture: engine.run({"images": picture})["output"], pictures))
    for picture, answer in zip(pictures, answers, strict=True):
        np.testing.assert_array_equal(answer, picture * 2)


def test_answers_are_not_overwritten_by_the_next_run() -> None:
    engine = OpenVinoEngine(doubling(), "doubling")
    first = engine.run({"images": np.ones((1, 3, 2, 2), np.float32)})["output"]
    engine.run({"images": np.zeros((1, 3, 2, 2), np.float32)})
    assert (first == 2).all()


def test_a_shape_the_network_refuses_is_a_detector_error(make_model: Make) -> None:
    engine = OpenVinoEngine(make_model({"output": np.zeros((1, 2), np.float32)}), "made")
    with pytest.raises(DetectorError, match=r"OpenVINO (cannot run|failed on) made"):
        engine.run({"elsewhere": np.zeros((1, 3, 64, 64), np.float32)})
