"""ONNX Runtime as an engine."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

# Its wheels (1.29 and later on Linux) tell Microsoft what runs where, and keep an identifier of the machine, unless
# this stands in the environment before they are loaded. Nothing leaves the machine.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

from vedette.model.errors import DetectorError
from vedette.vision.detectors.decoders import Array

# For whoever had loaded it before; on Windows the environment is not asked.
onnxruntime.disable_telemetry_events()

_TYPES: Final = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(uint8)": "uint8",
    "tensor(int64)": "int64",
}
_ERRORS_ONLY: Final = 3


def _foreign_errors() -> tuple[type[Exception], ...]:
    """ONNX Runtime's own exceptions have no base class of theirs."""
    state = onnxruntime.capi.onnxruntime_pybind11_state
    named = (getattr(state, name, None) for name in dir(state))
    return (*(t for t in named if isinstance(t, type) and issubclass(t, Exception)), ValueError, RuntimeError)


_FOREIGN: Final = _foreign_errors()


class OnnxRuntimeEngine:
    """A network on ONNX Runtime, one thread per run unless told otherwise."""

    def __init__(
        self,
        model: bytes,
        title: str,
        *,
        threads_each: int = 1,
        providers: Sequence[str] = ("CPUExecutionProvider",),
    ) -> None:
        """Load `model`; `title` stands for it in messages. Raises DetectorError."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads_each
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        # Spinning would keep a core busy between frames, which decoding and recording need.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._title = title
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=list(providers))
        except _FOREIGN as error:
            raise DetectorError(f"ONNX Runtime cannot load {title}: {_line(error)}") from error
        self._outputs = [output.name for output in self._session.get_outputs()]

    @property
    def inputs(self) -> Mapping[str, tuple[tuple[int | None, ...], str]]:
        """Name of each input to its shape (None where free) and NumPy type."""
        return {
            item.name: (_shape(item.shape), _TYPES.get(item.type, item.type)) for item in self._session.get_inputs()
        }

    def run(self, feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        """Outputs by name. Raises DetectorError."""
        try:
            answers = self._session.run(None, dict(feeds))
        except _FOREIGN as error:
            raise DetectorError(f"ONNX Runtime failed on {self._title}: {_line(error)}") from error
        return dict(zip(self._outputs, answers, strict=True))


def _shape(shape: Sequence[Any]) -> tuple[int | None, ...]:
    return tuple(size if isinstance(size, int) and size > 0 else None for size in shape)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
