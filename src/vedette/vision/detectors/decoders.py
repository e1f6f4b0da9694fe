"""Network outputs to boxes: one pure function per family of exports.

Every decoder gets the outputs for one picture (batch dimension 1 still there) and answers corners in pixels of the
canvas. It checks the shapes first and says what it found and what it expected, since a wrong decoder gives boxes that
look almost right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vedette.model.detections import Floats, Ints
from vedette.model.errors import DetectorError

Array = NDArray[Any]
Outputs = Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class Ask:
    """What a decoder must know beside the outputs.

    canvas   (width, height) of the network's input in pixels
    classes  number of classes
    floor    boxes with a lower score are left out
    """

    canvas: tuple[int, int]
    classes: int
    floor: float


@dataclass(frozen=True, slots=True)
class Candidates:
    """box (n, 4) corners in canvas pixels, score (n,), label (n,) index of the class; in no order."""

    box: Floats
    score: Floats
    label: Ints


Decode = Callable[[Outputs, Ask], Candidates]


@dataclass(frozen=True, slots=True)
class Decoder:
    """A decoder and what belongs to it.

    overlapping  the network answers several boxes per object, which have to be thinned out
    size_input   name of a second input that takes the canvas size, int64 (1, 2) width and height, if there is one
    """

    decode: Decode
    overlapping: bool
    size_input: str | None = None


def _misfit(decoder: str, expected: str, outputs: Outputs) -> DetectorError:
    found = ", ".join(f"{name} {tuple(array.shape)}" for name, array in outputs.items())
    return DetectorError(f"the model's outputs do not fit decoder {decoder!r}: found {found}; expected {expected}")


def _only(decoder: str, expected: str, outputs: Outputs, fits: Callable[[Array], bool]) -> Array:
    """The first output, when it is a batch of one that `fits`."""
    array = next(iter(outputs.values()))
    if array.ndim != 3 or array.shape[0] != 1 or not fits(array[0]):
        raise _misfit(decoder, expected, outputs)
    return np.asarray(array[0])


def _corners(centre_size: Floats) -> Floats:
    half = centre_size[:, 2:] / 2
    return np.concatenate([centre_size[:, :2] - half, centre_size[:, :2] + half], axis=1)


def _best(scores: Array, ask: Ask, rows: Ints) -> tuple[Floats, Ints, Ints]:
    """Score, class and row of every row of (n, classes) `scores` whose best class reaches the floor."""
    label = scores.argmax(axis=1) if len(scores) else np.zeros(0, np.int64)
    score = scores[np.arange(len(scores)), label].astype(np.float64)
    keep = score >= ask.floor
    return score[keep], label[keep].astype(np.int64), rows[keep]


@lru_cache(maxsize=64)
def _grid(canvas: tuple[int, int]) -> tuple[Floats, Floats]:
    """(n, 2) cell corners in cells and (n, 1) strides of YOLOX's three maps, in the order of its output."""
    cells, strides = [], []
    for stride in (8, 16, 32):
        columns, rows = canvas[0] // stride, canvas[1] // stride
        x, y = np.meshgrid(np.arange(columns, dtype=float), np.arange(rows, dtype=float))
        cells.append(np.stack([x.ravel(), y.ravel()], axis=1))
        strides.append(np.full((columns * rows, 1), float(stride)))
    return np.concatenate(cells), np.concatenate(strides)


def yolox(outputs: Outputs, ask: Ask) -> Candidates:
    """YOLOX as its authors export it: (1, n, 5 + classes) raw over strides 8, 16, 32; scores are probabilities.

    Centre = (p + cell) * stride, size = exp(p) * stride, score = objectness * class (Ge et al. 2021, arXiv 2107.08430).
    """
    cells, strides = _grid(ask.canvas)
    wanted = (len(cells), 5 + ask.classes)
    raw = _only("yolox", f"(1, {wanted[0]}, {wanted[1]})", outputs, lambda a: a.shape == wanted)
    # A score cannot exceed its objectness, so most rows need no look at their classes.
    rows = np.flatnonzero(raw[:, 4] >= ask.floor)
    score, label, rows = _best(raw[rows, 4:5] * raw[rows, 5:], ask, rows)
    part, stride = raw[rows, :4].astype(np.float64), strides[rows]
    # exp() is bounded so that a broken network gives huge boxes, not overflows.
    centre_size = np.concatenate([part[:, :2] + cells[rows], np.exp(np.minimum(part[:, 2:], 20.0))], axis=1) * stride
    return Candidates(_corners(centre_size), score, label)


def yolov5(outputs: Outputs, ask: Ask) -> Candidates:
    """YOLOv5, v7 and decoded YOLOX: (1, n, 5 + classes) centre, size in pixels, objectness, classes."""
    wanted = 5 + ask.classes
    rows_of = _only("yolov5", f"(1, n, {wanted})", outputs, lambda a: a.shape[1] == wanted)
    rows = np.flatnonzero(rows_of[:, 4] >= ask.floor)
    score, label, rows = _best(rows_of[rows, 4:5] * rows_of[rows, 5:], ask, rows)
    return Candidates(_corners(rows_of[rows, :4].astype(np.float64)), score, label)


def yolov8(outputs: Outputs, ask: Ask) -> Candidates:
    """YOLOv8 and its successors: (1, 4 + classes, n) centre, size in pixels, classes; no objectness."""
    wanted = 4 + ask.classes
    columns = _only("yolov8", f"(1, {wanted}, n)", outputs, lambda a: a.shape[0] == wanted)
    score, label, rows = _best(columns[4:].T, ask, np.arange(columns.shape[1]))
    return Candidates(_corners(columns[:4, rows].T.astype(np.float64)), score, label)


def yolo_end2end(outputs: Outputs, ask: Ask) -> Candidates:
    """YOLO exports that thin out their boxes themselves: (1, n, 6) corners in pixels, score, class."""
    found = _only("yolo-end2end", "(1, n, 6)", outputs, lambda a: a.shape[1] == 6)
    rows = found[found[:, 4] >= ask.floor].astype(np.float64)
    return Candidates(rows[:, :4], rows[:, 4], rows[:, 5].round().astype(np.int64))


def _pair(decoder: str, expected: str, outputs: Outputs, last: tuple[int, int | None]) -> tuple[Array, Array]:
    """Two outputs told apart by what they are called or, failing that, by shape: `last` are their last dimensions."""
    arrays = [(name, array) for name, array in outputs.items() if array.shape[:1] == (1,)]
    boxes = [(n, a) for n, a in arrays if a.ndim == 3 and a.shape[2] == last[0]]
    boxes.sort(key=lambda item: not ("box" in item[0] or "det" in item[0]))
    for name, box in boxes:
        for other, value in arrays:
            if other == name or value.shape[1:2] != box.shape[1:2]:
                continue
            if (value.ndim == 2) if last[1] is None else (value.ndim == 3 and value.shape[2] == last[1]):
                return np.asarray(box[0]), np.asarray(value[0])
    raise _misfit(decoder, expected, outputs)


def _on_canvas(box: Array, ask: Ask) -> Floats:
    """(n, 4) centre and size in 0..1 of the canvas to corners in pixels."""
    return _corners(box.astype(np.float64) * np.array([*ask.canvas, *ask.canvas], float))


def rf_detr(outputs: Outputs, ask: Ask) -> Candidates:
    """RF-DETR, RT-DETR, Deformable DETR: boxes (1, n, 4) centre, size in 0..1; logits (1, n, classes), sigmoid."""
    expected = f"boxes (1, n, 4) and logits (1, n, {ask.classes})"
    box, logits = _pair("rf-detr", expected, outputs, (4, ask.classes))
    probability = 1.0 / (1.0 + np.exp(-np.clip(logits.astype(np.float64), -60.0, 60.0)))
    score, label, rows = _best(probability, ask, np.arange(len(probability)))
    return Candidates(_on_canvas(box[rows], ask), score, label)


def detr(outputs: Outputs, ask: Ask) -> Candidates:
    """The first DETR: boxes (1, n, 4); logits (1, n, classes + 1) under a softmax, the last class is "no object"."""
    expected = f"boxes (1, n, 4) and logits (1, n, {ask.classes + 1})"
    box, logits = _pair("detr", expected, outputs, (4, ask.classes + 1))
    power = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True, initial=-60.0))
    probability = power / power.sum(axis=1, keepdims=True)
    score, label, rows = _best(probability[:, :-1], ask, np.arange(len(probability)))
    return Candidates(_on_canvas(box[rows], ask), score, label)


def rtmdet(outputs: Outputs, ask: Ask) -> Candidates:
    """RTMDet from mmdeploy, end to end: dets (1, n, 5) corners in pixels and score; labels (1, n)."""
    dets, labels = _pair("rtmdet", "dets (1, n, 5) and labels (1, n)", outputs, (5, None))
    keep = dets[:, 4] >= ask.floor
    rows = dets[keep].astype(np.float64)
    return Candidates(rows[:, :4], rows[:, 4], labels[keep].round().astype(np.int64))


def d_fine(outputs: Outputs, ask: Ask) -> Candidates:
    """D-FINE, deployed: `labels` (1, n), `boxes` (1, n, 4) corners in pixels of the size given, `scores` (1, n)."""
    names = ("labels", "boxes", "scores")
    n = outputs["scores"].shape[-1] if "scores" in outputs else 0
    wanted = ((1, n), (1, n, 4), (1, n))
    if tuple(outputs[name].shape if name in outputs else () for name in names) != wanted:
        raise _misfit("d-fine", "labels (1, n), boxes (1, n, 4) and scores (1, n)", outputs)
    label, box, score = (outputs[name][0] for name in names)
    keep = score >= ask.floor
    return Candidates(box[keep].astype(np.float64), score[keep].astype(np.float64), label[keep].astype(np.int64))


DECODERS: Final[Mapping[str, Decoder]] = {
    "yolox": Decoder(yolox, overlapping=True),
    "yolov5": Decoder(yolov5, overlapping=True),
    "yolov8": Decoder(yolov8, overlapping=True),
    "yolo-end2end": Decoder(yolo_end2end, overlapping=False),
    "rf-detr": Decoder(rf_detr, overlapping=False),
    "detr": Decoder(detr, overlapping=False),
    "d-fine": Decoder(d_fine, overlapping=False, size_input="orig_target_sizes"),
    "rtmdet": Decoder(rtmdet, overlapping=False),
}
"""Name in a configuration to decoder."""
