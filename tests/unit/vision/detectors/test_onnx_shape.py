from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession

from vedette.model.errors import DetectorError
from vedette.vision.detectors.onnx_shape import free_size


def frozen_model() -> onnx.ModelProto:
    """A 3 x 3 convolution with 8 x 8 written everywhere, in between as well, and a large weight."""
    weight = np.arange(5 * 3 * 3 * 3, dtype=np.float32).reshape(5, 3, 3, 3)
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["images", "weight"], ["between"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["between"], ["output"]),
        ],
        "frozen",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, (1, 3, 8, 8))],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, (1, 5, 8, 8))],
        [numpy_helper.from_array(weight, "weight")],
        value_info=[helper.make_tensor_value_info("between", TensorProto.FLOAT, (1, 5, 8, 8))],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_a_frozen_size_becomes_free_and_the_answers_stay() -> None:
    frozen = frozen_model().SerializeToString()
    free = free_size(frozen)
    onnx.checker.check_model(onnx.load_from_string(free))
    before = InferenceSession(frozen, providers=["CPUExecutionProvider"])
    after = InferenceSession(free, providers=["CPUExecutionProvider"])
    picture = np.random.default_rng(1).random((1, 3, 8, 8), np.float32)
    np.testing.assert_array_equal(after.run(None, {"images": picture})[0], before.run(None, {"images": picture})[0])
    assert after.run(None, {"images": np.zeros((1, 3, 5, 11), np.float32)})[0].shape == (1, 5, 5, 11)


def test_nothing_but_shapes_changes() -> None:
    model = frozen_model()
    model.producer_name = "somebody"
    free = onnx.load_from_string(free_size(model.SerializeToString()))
    assert free.producer_name == "somebody"
    assert free.graph.node == model.graph.node
    assert free.graph.initializer == model.graph.initializer
    assert free.graph.input[0].name == "images"
    assert [d.dim_value or d.dim_param for d in free.graph.input[0].type.tensor_type.shape.dim] == [
        1,
        3,
        "height",
        "width",
    ]
    assert not free.graph.value_info


@pytest.mark.parametrize("cut", [1, 7, 40])
def test_a_file_cut_short_is_refused(cut: int) -> None:
    with pytest.raises(DetectorError, match="not an ONNX file"):
        free_size(frozen_model().SerializeToString()[:-cut])


def test_text_is_refused() -> None:
    with pytest.raises(DetectorError, match="not an ONNX file"):
        free_size(b"<html>not found</html>")
