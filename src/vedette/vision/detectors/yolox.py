"""YOLOX-nano, the detector that comes with Vedette (Apache-2.0, Megvii; COCO's 80 classes)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from vedette.model.labels import COCO
from vedette.model.spec import STRICT, Spec
from vedette.vision import weights
from vedette.vision.detectors.decoders import DECODERS
from vedette.vision.detectors.network import SAME_IOU, Engine, Labels, NetworkDetector, Recipe, usable_cores
from vedette.vision.detectors.onnx_shape import free_size
from vedette.vision.detectors.openvino_engine import OpenVinoEngine
from vedette.vision.detectors.preprocess import InputForm

NAME = "yolox-nano"
_STRIDE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class YoloxNanoOptions:
    """Settings of the detector `yolox-nano`.

    min_score  a new track needs a detection with at least this score
    floor      detections with a lower score are not answered at all; weaker ones than `min_score` keep tracks alive
    engine     `openvino` needs the extra of that name
    threads    pictures worked on at once, each on one core; 0 means all cores
    nms_iou    boxes of one class that overlap by more are one object; higher keeps more of a crowd and more doubles
    size       (width, height) in pixels that pictures are scaled into, multiples of 32; larger finds smaller objects
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    min_score: float = 0.3
    floor: float = 0.1
    engine: Literal["onnxruntime", "openvino"] = "onnxruntime"
    threads: int = 0
    nms_iou: float = SAME_IOU
    size: tuple[int, int] = (416, 416)

    def __post_init__(self) -> None:
        if not 0.0 < self.floor <= self.min_score <= 1.0:
            raise ValueError(
                f"0 < floor <= min_score <= 1 must hold, not floor {self.floor}, min_score {self.min_score}"
            )
        if not 0.0 < self.nms_iou <= 1.0:
            raise ValueError(f"nms_iou must be above 0 and at most 1, not {self.nms_iou}")
        if self.threads < 0:
            raise ValueError(f"threads must be 0 (all cores) or more, not {self.threads}")
        if any(side % _STRIDE or not _STRIDE <= side <= 1920 for side in self.size):
            raise ValueError(f"size must be two multiples of {_STRIDE} from {_STRIDE} to 1920, not {list(self.size)}")


def build(options: YoloxNanoOptions) -> NetworkDetector:
    """The detector; fetches its weights when they are not cached. Raises WeightsError, DetectorError."""
    entry = weights.registry().entry(NAME)
    model = free_size(weights.read(NAME))
    threads = options.threads or usable_cores()
    width, height = options.size
    engine: Engine
    if options.engine == "openvino":
        engine = OpenVinoEngine(model, NAME, threads=threads)
    else:
        from vedette.vision.detectors.onnx_runtime import OnnxRuntimeEngine  # noqa: PLC0415 - heavy

        engine = OnnxRuntimeEngine(model, NAME)
    recipe = Recipe(
        model=NAME,
        sha256=entry.sha256,
        form=InputForm(width, height, multiple=_STRIDE),
        decoder=DECODERS["yolox"],
        labels=Labels.plain(COCO),
        floor=options.floor,
        threads=threads,
        same_iou=options.nms_iou,
    )
    return NetworkDetector(engine, recipe)


SPEC = Spec(NAME, YoloxNanoOptions, build, "YOLOX-nano, 80 classes of COCO; small, fast on any CPU, and the default")
