"""OpenVINO as an engine. It is an extra and imported only when it is asked for."""

from __future__ import annotations

import importlib
import queue
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from vedette.model.errors import DetectorError
from vedette.vision.detectors.decoders import Array

if TYPE_CHECKING:
    import openvino


class OpenVinoEngine:
    """A network on OpenVINO's CPU device.

    threads  runs at once, each on a core of its own; a run takes one of as many requests and waits when all are busy.
    """

    def __init__(self, model: bytes, title: str, *, threads: int = 1) -> None:
        """Load `model`, called `title` in messages. Raises DetectorError, also when OpenVINO is not installed."""
        core = _runtime(title).Core()
        settings: dict[str, Any] = {
            "NUM_STREAMS": threads,
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": "f32",
        }
        self._title = title
        try:
            self._compiled = core.compile_model(core.read_model(model, b""), "CPU", settings)
            self._names = [_name(port, f"output{i}") for i, port in enumerate(self._compiled.outputs)]
            self._requests: queue.SimpleQueue[openvino.InferRequest] = queue.SimpleQueue()
            for _ in range(threads):
                self._requests.put(self._compiled.create_infer_request())
        except RuntimeError as error:
            raise DetectorError(f"OpenVINO cannot load {title}: {_line(error)}") from error

    @property
    def inputs(self) -> Mapping[str, tuple[tuple[int | None, ...], str]]:
        """Name of each input to its shape (None where free) and NumPy type."""
        return {
            _name(port, f"input{i}"): (
                tuple(size.get_length() if size.is_static else None for size in port.partial_shape),
                str(np.dtype(port.element_type.to_dtype())),
            )
            for i, port in enumerate(self._compiled.inputs)
        }

    def run(self, feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        """Outputs by name. Raises DetectorError."""
        request = self._requests.get()
        try:
            answers = request.infer(dict(feeds))
            # The request's own memory is used again by its next run.
            return {name: np.array(answers[i]) for i, name in enumerate(self._names)}
        except RuntimeError as error:
            raise DetectorError(f"OpenVINO failed on {self._title}: {_line(error)}") from error
        finally:
            self._requests.put(request)


def _runtime(title: str) -> ModuleType:
    try:
        return importlib.import_module("openvino")
    except ImportError as error:
        raise DetectorError(
            f"{title}: OpenVINO is not installed; install `vedette[openvino]` or set `engine: onnxruntime`"
        ) from error


def _name(port: openvino.ConstOutput, otherwise: str) -> str:
    names = sorted(port.get_names())
    return names[0] if names else otherwise


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
