from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Make = Callable[..., bytes]


def constant_model(
    outputs: Mapping[str, NDArray[Any]],
    shape: tuple[int | str, ...] = (1, 3, 64, 64),
    *,
    size_input: str | None = None,
    kind: int = TensorProto.FLOAT,
) -> bytes:
    """An ONNX file that answers `outputs` whatever the picture of `shape` is.

    With `size_input`, boxes called `boxes` are multiplied by that input's width and height, as D-FINE's file does.
    """
    inputs = [helper.make_tensor_value_info("images", kind, shape)]
    initial = [numpy_helper.from_array(array, f"{name}_stored") for name, array in outputs.items()]
    nodes = []
    for name in outputs:
        if size_input and name == "boxes":
            inputs.append(helper.make_tensor_value_info(size_input, TensorProto.INT64, (1, 2)))
            nodes += [
                helper.make_node("Concat", [size_input, size_input], ["whwh"], axis=1),
                helper.make_node("Cast", ["whwh"], ["whwh_float"], to=TensorProto.FLOAT),
                helper.make_node("Mul", ["boxes_stored", "whwh_float"], ["boxes"]),
            ]
        else:
            nodes.append(helper.make_node("Identity", [f"{name}_stored"], [name]))
    declared = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for name, array in outputs.items()
    ]
    graph = helper.make_graph(nodes, "made", inputs, declared, initial)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


@pytest.fixture
def make_model() -> Make:
    return constant_model


@pytest.fixture
def picture() -> NDArray[np.uint8]:
    """64 x 32, so that half of a square canvas is border."""
    return np.full((32, 64, 3), 90, np.uint8)
