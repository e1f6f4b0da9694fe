"""OpenVINO as an engine. It is an extra and imported only when it is asked for."""

from __future__ import annotations

import importlib
import queue
import threading
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vedette.model.errors import DetectorError
from vedette.vision.detectors.decoders import Array

if TYPE_CHECKING:
    import openvino

MOST_SIZES: Final = 8
"""Compiled input sizes that are kept; the one unused for longest goes first."""

Shapes = tuple[tuple[int, ...], ...]


class OpenVinoEngine:
    """A network on OpenVINO's CPU device, compiled anew for each input size it meets.

    A network left free in size ran at 0.6 of the speed of one compiled for the size at hand (2026.4, YOLOX-nano).

    threads  runs at once, each on a core of its own; a run takes one of as many requests and waits when all are busy.
    """

    def __init__(self, model: bytes, title: str, *, threads: int = 1) -> None:
        """Load `model`, called `title` in messages. Raises DetectorError, also when OpenVINO is not installed."""
        self._core = _runtime(title).Core()
        self._threads = threads
        self._title = title
        self._lock = threading.Lock()
        self._by_shape: dict[Shapes, queue.SimpleQueue[openvino.InferRequest]] = {}
        try:
            self._model = self._core.read_model(model, b"")
        except RuntimeError as error:
            raise DetectorError(f"OpenVINO cannot load {title}: {_line(error)}") from error
        self._names = [_name(port, f"output{i}") for i, port in enumerate(self._model.outputs)]

    @property
    def inputs(self) -> Mapping[str, tuple[tuple[int | None, ...], str]]:
        """Name of each input to its shape (None where free) and NumPy type."""
        return {
            _name(port, f"input{i}"): (
                tuple(size.get_length() if size.is_static else None for size in port.partial_shape),
                str(np.dtype(port.element_type.to_dtype())),
            )
            for i, port in enumerate(self._model.inputs)
        }

    def run(self, feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        """Outputs by name. Raises DetectorError."""
        requests = self._requests(feeds)
        request = requests.get()
        try:
            answers = request.infer(dict(feeds))
            # The request's own memory is used again by its next run.
            return {name: np.array(answers[i]) for i, name in enumerate(self._names)}
        except RuntimeError as error:
            raise DetectorError(f"OpenVINO failed on {self._title}: {_line(error)}") from error
        finally:
            requests.put(request)

    def _requests(self, feeds: Mapping[str, Array]) -> queue.SimpleQueue[openvino.InferRequest]:
        """Free requests for feeds of these shapes."""
        shapes = tuple(array.shape for array in feeds.values())
        with self._lock:
            requests = self._by_shape.pop(shapes, None) or self._compiled(feeds)
            self._by_shape[shapes] = requests
            if len(self._by_shape) > MOST_SIZES:
                del self._by_shape[next(iter(self._by_shape))]
        return requests

    def _compiled(self, feeds: Mapping[str, Array]) -> queue.SimpleQueue[openvino.InferRequest]:
        settings: dict[str, Any] = {
            "NUM_STREAMS": self._threads,
            "INFERENCE_NUM_THREADS": self._threads,
            "INFERENCE_PRECISION_HINT": "f32",
        }
        try:
            model = self._model.clone()
            model.reshape({name: list(array.shape) for name, array in feeds.items()})
            compiled = self._core.compile_model(model, "CPU", settings)
            requests: queue.SimpleQueue[openvino.InferRequest] = queue.SimpleQueue()
            for _ in range(self._threads):
                requests.put(compiled.create_infer_request())
        except RuntimeError as error:
            raise DetectorError(f"OpenVINO cannot run {self._title}: {_line(error)}") from error
        return requests


def _runtime(title: str) -> ModuleType:
    try:
        return importlib.import_module("openvino")
    except ImportError as error:
        raise DetectorError(
            f"{title}: OpenVINO is not installed; install `vedette[openvino]` or set `engine: onnxruntime`"
        ) from error


def _name(port: openvino.Output | openvino.ConstOutput, otherwise: str) -> str:
    names = sorted(port.get_names())
    return names[0] if names else otherwise


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
