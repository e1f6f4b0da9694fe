"""Is an 8-bit YOLOX-nano worth keeping? Static QDQ quantisation, per channel, held against float32.

    python -m benchmarks.quantise [--write docs/design/int8.md]

Calibration frames come from the test footage and serve this measurement only; evaluation uses other frames of the two
clips with published boxes. Calibrating on frames of the evaluated scenes favours 8 bits, so a loss here is a loss.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import os
import platform
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import onnx
import onnx.version_converter
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from vedette.model.detections import Detections, Floats
from vedette.model.labels import COCO
from vedette.model.media import Image
from vedette.vision import weights
from vedette.vision.detectors.decoders import DECODERS
from vedette.vision.detectors.network import Labels, NetworkDetector, Recipe
from vedette.vision.detectors.nms import iou
from vedette.vision.detectors.onnx_runtime import OnnxRuntimeEngine
from vedette.vision.detectors.onnx_shape import free_size
from vedette.vision.detectors.preprocess import InputForm, prepare

FOOTAGE: Final = Path(os.environ.get("VEDETTE_FOOTAGE", "../shared/footage"))
FORM: Final = InputForm(416, 416, multiple=32)
FULL: Final = InputForm(416, 416)
SCORE: Final = 0.3
SETS: Final = {"vtest": ("vtest.avi", 10), "TUD-Campus": ("TUD-Campus.mp4", 2)}
"""Clip and how many frames lie between two that are evaluated."""
CALIBRATION: Final = {"vtest.avi": 45, "TUD-Campus.mp4": 9, "traffic_camera.mp4": 40, "car-detection.mp4": 45}


@dataclass(frozen=True, slots=True)
class Truth:
    """One evaluated frame: boxes in pixels that count, and boxes that neither count nor may be blamed."""

    image: Image
    box: Floats
    ignored: Floats


@dataclass(frozen=True, slots=True)
class Score:
    """Persons against the published boxes at IoU 0.5."""

    recall: float
    precision: float
    ap50: float


def frames(clip: str, step: int, first: int = 0) -> Iterator[tuple[int, Image]]:
    """Every `step`-th frame of a clip of the footage, with its number from 0."""
    capture = cv2.VideoCapture(str(FOOTAGE / "video" / clip))
    number = 0
    while capture.grab():
        if number % step == first % step:
            ok, image = capture.retrieve()
            if ok:
                yield number, np.asarray(image, np.uint8)
        number += 1
    capture.release()


def truths(clip: str, step: int) -> list[Truth]:
    """Frames of a clip with the boxes of its MOT file, whose frame numbers start at 1."""
    by_frame: dict[int, list[list[float]]] = {}
    with (FOOTAGE / "video" / clip).with_suffix(".gt.txt").open() as file:
        for row in csv.reader(file):
            by_frame.setdefault(int(row[0]) - 1, []).append([float(value) for value in row[2:7]])
    found = []
    for number, image in frames(clip, step):
        rows = np.array(by_frame.get(number, []), float).reshape(-1, 5)
        box = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], axis=1)
        found.append(Truth(image, box[rows[:, 4] > 0], box[rows[:, 4] <= 0]))
    return found


def matched(truth: Truth, found: Detections) -> list[tuple[float, bool]]:
    """(score, is right) of each person found, ignored ones left out; greedy from the best score down."""
    height, width = truth.image.shape[:2]
    persons = found.where(found.label == COCO.index("person"))
    box = persons.box * np.array([width, height, width, height])
    overlap, beside = iou(box, truth.box), iou(box, truth.ignored)
    taken: set[int] = set()
    rows = []
    for i, score in enumerate(persons.score):
        free = [j for j in range(len(truth.box)) if j not in taken and overlap[i, j] >= 0.5]
        if free:
            taken.add(max(free, key=lambda j, i=i: overlap[i, j]))  # type: ignore[misc]
            rows.append((float(score), True))
        elif not (beside[i] >= 0.5).any():
            rows.append((float(score), False))
    return rows


def judge(detector: NetworkDetector, sets: Sequence[Truth]) -> Score:
    """Recall and precision at SCORE, and the area under the precision envelope over recall."""
    rows = sorted((row for t in sets for row in matched(t, detector.detect([t.image])[0])), key=lambda row: -row[0])
    total = sum(len(t.box) for t in sets)
    right = np.cumsum([row[1] for row in rows])
    precision = right / np.arange(1, len(rows) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    ap = float(np.sum(np.diff(right / total, prepend=0.0) * envelope))
    at = sum(score >= SCORE for score, _ in rows) - 1
    return Score(float(right[at] / total), float(precision[at]), ap)


class Pictures(CalibrationDataReader):  # type: ignore[misc]
    """Network inputs for calibration."""

    def __init__(self) -> None:
        tensors = (prepare(image, FULL)[0] for clip, step in CALIBRATION.items() for _, image in frames(clip, step, 5))
        self._feeds = iter([{"images": tensor} for tensor in tensors])

    def get_next(self) -> dict[str, Any] | None:
        """The next input, None at the end."""
        return next(self._feeds, None)


def head_nodes(model: Any) -> list[str]:  # noqa: ANN401 - onnx carries no types
    """The last convolutions and all that follows them: boxes and probabilities share a tensor there."""
    readers: dict[str, list[Any]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    reaches: dict[str, bool] = {}
    for node in reversed(model.graph.node):
        after = [reader for name in node.output for reader in readers.get(name, [])]
        reaches[node.name] = any(reader.op_type == "Conv" or reaches[reader.name] for reader in after)
    return [name for name, leads_on in reaches.items() if not leads_on]


def quantised(method: CalibrationMethod, *, keep_head: bool) -> bytes:
    """YOLOX-nano in 8 bits; with `keep_head` its last layers stay float32."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        raised, prepared, target = (Path(folder) / f"{name}.onnx" for name in ("raised", "prepared", "int8"))
        # Scales per channel came with operator set 13; the file has 11.
        onnx.save(
            onnx.version_converter.convert_version(onnx.load(str(weights.path_of("yolox-nano"))), 13), str(raised)
        )
        quant_pre_process(str(raised), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(target),
            Pictures(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            calibrate_method=method,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=head_nodes(onnx.load(str(prepared))) if keep_head else [],
        )
        return target.read_bytes()


def detector(model: bytes) -> NetworkDetector:
    """`model` as the product runs it, on one thread."""
    recipe = Recipe("measured", "", FORM, DECODERS["yolox"], Labels.plain(COCO), floor=0.05, threads=1)
    return NetworkDetector(OnnxRuntimeEngine(free_size(model), "measured"), recipe)


def milliseconds(models: Sequence[bytes]) -> list[float]:
    """Median of one run of each on a full canvas, network only, one thread; in turns, so that all suffer alike."""
    engines = [OnnxRuntimeEngine(free_size(model), "measured") for model in models]
    feeds = {"images": prepare(next(frames("vtest.avi", 1))[1], FULL)[0]}
    times: list[list[float]] = [[] for _ in engines]
    for _ in range(40):
        for engine, row in zip(engines, times, strict=True):
            start = time.perf_counter()
            engine.run(feeds)
            row.append(time.perf_counter() - start)
    return [1e3 * statistics.median(row[5:]) for row in times]


def agreement(one: NetworkDetector, other: NetworkDetector, pictures: Sequence[Image]) -> float:
    """Share of `one`'s objects of SCORE and more that `other` finds, same class, IoU 0.7, at 0.05 and more."""
    tally: Counter[bool] = Counter()
    for picture in pictures:
        (a,), (b,) = one.detect([picture]), other.detect([picture])
        a = a.where(a.score >= SCORE)
        same = (iou(a.box, b.box) >= 0.7) & (a.label[:, None] == b.label)
        tally.update(same.any(axis=1).tolist())
    return tally[True] / max(tally.total(), 1)


def table() -> str:
    """Every variant in a row of a Markdown table."""
    sets = {name: truths(*chosen) for name, chosen in SETS.items()}
    traffic = [image for _, image in frames("traffic_camera.mp4", 40, 20)]
    models = {
        "float32": weights.read("yolox-nano"),
        "int8, min-max": quantised(CalibrationMethod.MinMax, keep_head=True),
        "int8, percentile, all layers": quantised(CalibrationMethod.Percentile, keep_head=False),
        "int8, percentile, head float32": quantised(CalibrationMethod.Percentile, keep_head=True),
    }
    speed = milliseconds(list(models.values()))
    base = detector(models["float32"])
    lines = [
        "| model | MB | ms, 1 thread | clip | recall at .3 | precision at .3 | AP50 | float32's boxes found again |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (title, model), ms in zip(models.items(), speed, strict=True):
        tried = detector(model)
        cells = f"| {title} | {len(model) / 1e6:.1f} | {ms:.1f}"
        for name, frames_of in sets.items():
            score = judge(tried, frames_of)
            same = agreement(base, tried, [t.image for t in frames_of])
            lines.append(
                f"{cells} | {name} | {score.recall:.3f} | {score.precision:.3f} | {score.ap50:.3f} | {same:.3f} |"
            )
            cells = "| | |"
        lines.append(f"| | | | traffic_camera | | | | {agreement(base, tried, traffic):.3f} |")
    return "\n".join(lines)


def main() -> None:
    """Measure and print; with --write also into the note, between its two marks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path, help="Markdown file whose table is replaced")
    chosen = parser.parse_args()
    version = f"onnxruntime {__import__('onnxruntime').__version__}, {platform.machine()}, {os.cpu_count()} cores"
    text = f"{table()}\n\n({version}; `python -m benchmarks.quantise`)\n"
    print(text)
    if chosen.write:
        before, _, rest = chosen.write.read_text().partition("<!-- table -->\n")
        _, _, after = rest.partition("<!-- end -->")
        chosen.write.write_text(f"{before}<!-- table -->\n{text}<!-- end -->{after}")


if __name__ == "__main__":
    main()
