"""Users' own ONNX exports, described instead of programmed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

import numpy as np

from vedette.model.errors import DetectorError, WeightsError
from vedette.model.labels import COCO
from vedette.model.spec import STRICT, Spec
from vedette.vision.detectors.decoders import DECODERS
from vedette.vision.detectors.network import SAME_IOU, Engine, Labels, NetworkDetector, Recipe, usable_cores
from vedette.vision.detectors.openvino_engine import OpenVinoEngine
from vedette.vision.detectors.preprocess import Colour, InputForm, Layout, Resize

COCO91_GAPS: Final = frozenset({0, 12, 26, 29, 30, 45, 66, 68, 69, 71, 83})
"""Category numbers below 91 that COCO's 80 classes leave unused; RF-DETR answers in these numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInput:
    """What the network wants to be fed with.

    size        (width, height) in pixels
    layout      order of the dimensions after the batch
    colour      order of the channels
    resize      `letterbox` (picture to the top left), `letterbox-centre`, or `stretch`
    scale, mean, std   value = (pixel * scale - mean) / std, one mean and std per channel in the network's order
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    size: tuple[int, int]
    layout: Layout = "nchw"
    colour: Colour = "rgb"
    resize: Resize = "letterbox-centre"
    scale: float = 1 / 255
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        if not all(1 <= side <= 4096 for side in self.size):
            raise ValueError(f"size must be width and height from 1 to 4096 pixels, not {list(self.size)}")
        if self.scale <= 0 or min(self.std) <= 0:
            raise ValueError("scale and std must be greater than 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxOptions:
    """Settings of the detector `onnx`.

    model      path of the file
    sha256     when given, a file with another hash is refused
    decoder    how the outputs are read
    input      what goes in
    labels     `coco` (80 classes), `coco91` (the same under COCO's own numbers), a list of names, or the path of a text
               file with one name a line
    min_score  a new track needs a detection with at least this score
    floor      detections with a lower score are not answered at all
    nms_iou    boxes of one class that overlap by more are one object; not used with decoders that need no thinning out
    engine     `openvino` needs the extra of that name
    threads    pictures worked on at once; 0 means all cores
    threads_each  threads within one picture (onnxruntime only); worth more than 1 for large models on one camera
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    model: Path
    decoder: str
    input: ModelInput
    labels: str | tuple[str, ...] = "coco"
    sha256: str | None = None
    min_score: float = 0.3
    floor: float = 0.1
    nms_iou: float = SAME_IOU
    engine: Literal["onnxruntime", "openvino"] = "onnxruntime"
    threads: int = 0
    threads_each: int = 1

    def __post_init__(self) -> None:
        if self.decoder not in DECODERS:
            raise ValueError(f"decoder {self.decoder!r} is not known; known are: {', '.join(DECODERS)}")
        if not 0.0 < self.floor <= self.min_score <= 1.0:
            raise ValueError(
                f"0 < floor <= min_score <= 1 must hold, not floor {self.floor}, min_score {self.min_score}"
            )
        if not 0.0 < self.nms_iou <= 1.0:
            raise ValueError(f"nms_iou must be above 0 and at most 1, not {self.nms_iou}")
        if self.threads < 0 or self.threads_each < 1:
            raise ValueError("threads must be 0 (all cores) or more, threads_each 1 or more")
        if self.sha256 is not None and not _is_sha256(self.sha256):
            raise ValueError("sha256 must be 64 hexadecimal digits")
        if not isinstance(self.labels, str) and not self.labels:
            raise ValueError("labels must not be empty")


def _is_sha256(text: str) -> bool:
    return len(text) == 64 and set(text.lower()) <= set("0123456789abcdef")


def labels_of(given: str | tuple[str, ...]) -> Labels:
    """The names that `labels:` stands for. Raises DetectorError when it is a file that cannot be read."""
    if given == "coco":
        return Labels.plain(COCO)
    if given == "coco91":
        index = np.full(91, -1, np.int64)
        index[[number for number in range(91) if number not in COCO91_GAPS]] = np.arange(len(COCO))
        return Labels(COCO, index)
    if not isinstance(given, str):
        return Labels.plain(tuple(given))
    try:
        lines = Path(given).expanduser().read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a UTF-8 text"
        raise DetectorError(f"labels must be coco, coco91, a list or a text file; {given}: {reason}") from error
    names = tuple(line.strip() for line in lines if line.strip())
    if not names:
        raise DetectorError(f"the labels file {given} has no names in it")
    return Labels.plain(names)


def _model_bytes(options: OnnxOptions) -> tuple[bytes, str]:
    path = options.model.expanduser()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"cannot read the model {path}: {error.strerror or error}") from error
    digest = hashlib.sha256(data).hexdigest()
    if options.sha256 is not None and digest != options.sha256.lower():
        raise WeightsError(f"{path} has sha256 {digest}, but the configuration says {options.sha256}")
    return data, digest


def build(options: OnnxOptions) -> NetworkDetector:
    """The detector, tried once on a black picture to see that the outputs fit. Raises WeightsError, DetectorError."""
    data, digest = _model_bytes(options)
    threads = options.threads or usable_cores()
    title = options.model.name
    engine: Engine
    if options.engine == "openvino":
        engine = OpenVinoEngine(data, title, threads=threads)
    else:
        from vedette.vision.detectors.onnx_runtime import OnnxRuntimeEngine  # noqa: PLC0415 - heavy

        engine = OnnxRuntimeEngine(data, title, threads_each=options.threads_each)
    decoder = DECODERS[options.decoder]
    recipe = Recipe(
        model=title,
        sha256=digest,
        form=_form(options.input, engine, decoder.size_input),
        decoder=decoder,
        labels=labels_of(options.labels),
        floor=options.floor,
        threads=threads,
        same_iou=options.nms_iou,
    )
    detector = NetworkDetector(engine, recipe)
    detector.detect([np.zeros((options.input.size[1], options.input.size[0], 3), np.uint8)])
    return detector


def _form(given: ModelInput, engine: Engine, size_input: str | None) -> InputForm:
    dtypes = [dtype for name, (_, dtype) in engine.inputs.items() if name != size_input]
    return InputForm(
        width=given.size[0],
        height=given.size[1],
        layout=given.layout,
        colour=given.colour,
        resize=given.resize,
        scale=given.scale,
        mean=given.mean,
        std=given.std,
        dtype=dtypes[0] if dtypes and dtypes[0] in {"float32", "float16", "uint8"} else "float32",
    )


SPEC = Spec("onnx", OnnxOptions, build, "Your own ONNX export: YOLOX, YOLO family, RF-DETR, D-FINE, RTMDet")
