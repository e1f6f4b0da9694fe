"""A detector made of an engine, a form of input and a decoder."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np

from vedette.model.detections import Detections, Floats, Ints
from vedette.model.errors import DetectorError
from vedette.model.labels import group_of
from vedette.model.media import Image
from vedette.vision.detectors.decoders import Array, Ask, Candidates, Decoder
from vedette.vision.detectors.nms import suppress
from vedette.vision.detectors.preprocess import InputForm, check, prepare

SAME_IOU: Final = 0.45
"""Two boxes of one class that overlap by more are one object; YOLOX's own value."""
ACROSS_IOU: Final = 0.7
"""Two boxes of one group (car and truck) that overlap by more are one object."""
MOST: Final = 300
"""Objects per picture."""


def usable_cores() -> int:
    """Cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Engine(Protocol):
    """Runs a network. Several threads may call `run` at once."""

    @property
    def inputs(self) -> Mapping[str, tuple[tuple[int | None, ...], str]]:
        """Name of each input to its shape (None where free) and NumPy type, in the network's order."""
        ...

    def run(self, feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        """Outputs by name, in the network's order. Raises DetectorError."""
        ...


@dataclass(frozen=True, slots=True)
class Labels:
    """What the network's classes are called.

    classes  number of classes the network answers
    names    the names that answers index
    index    (classes,) place in `names` of each class, -1 where the class stands for nothing
    """

    names: tuple[str, ...]
    index: Ints

    @property
    def classes(self) -> int:
        """Number of classes the network answers."""
        return len(self.index)

    @classmethod
    def plain(cls, names: tuple[str, ...]) -> Labels:
        """Classes and names are the same thing."""
        return cls(names, np.arange(len(names)))


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that makes an engine a detector.

    model, sha256  name of the model and hash of its file, for reports
    floor          boxes with a lower score are not answered
    threads        pictures worked on at once; 0 means all cores
    """

    model: str
    sha256: str
    form: InputForm
    decoder: Decoder
    labels: Labels
    floor: float = 0.1
    threads: int = 0
    same_iou: float = SAME_IOU
    across_iou: float = ACROSS_IOU


@dataclass(slots=True)
class NetworkDetector:
    """Implements `Detector`. Each picture of a batch runs on its own thread.

    On CPUs that beats both a true batch and several threads within one picture (docs/guide/models.md has the figures),
    and it works with exported files whose batch is frozen to one.
    """

    engine: Engine
    recipe: Recipe
    _group: Ints = field(init=False)
    _main: str = field(init=False)
    _pool: ThreadPoolExecutor | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        groups = [group_of(name) for name in self.recipe.labels.names]
        self._group = np.array([groups.index(group) for group in groups], np.int64)
        self._main = self._checked_input()

    @property
    def names(self) -> tuple[str, ...]:
        """Class names that the answers index."""
        return self.recipe.labels.names

    @property
    def input_size(self) -> tuple[int, int]:
        """(width, height) in pixels of the whole canvas."""
        return self.recipe.form.width, self.recipe.form.height

    @property
    def model(self) -> tuple[str, str]:
        """Name and SHA-256 of the model file, for reports."""
        return self.recipe.model, self.recipe.sha256

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        """One answer per picture, boxes in 0..1 of that picture, best score first. Raises DetectorError."""
        for image in images:
            check(image)
        threads = self.recipe.threads or usable_cores()
        if len(images) < 2 or threads < 2:
            return [self._detect_one(image) for image in images]
        if self._pool is None:
            self._pool = ThreadPoolExecutor(threads, thread_name_prefix="detector")
        return list(self._pool.map(self._detect_one, images))

    def _detect_one(self, image: Image) -> Detections:
        recipe = self.recipe
        tensor, where = prepare(image, recipe.form)
        feeds: dict[str, Array] = {self._main: tensor}
        if recipe.decoder.size_input:
            feeds[recipe.decoder.size_input] = np.array([where.canvas], np.int64)
        ask = Ask(where.canvas, recipe.labels.classes, recipe.floor)
        found = self._named(recipe.decoder.decode(self.engine.run(feeds), ask))
        box = where.to_picture(found.box)
        return self._best(box, found)

    def _named(self, found: Candidates) -> Candidates:
        """Classes as places in `names`; rows that are not finite or name no class are left out."""
        index = self.recipe.labels.index
        if len(found.label) and (found.label.min() < 0 or found.label.max() >= len(index)):
            wrong = found.label[(found.label < 0) | (found.label >= len(index))][0]
            raise DetectorError(f"{self.recipe.model} answers class {wrong}, but has only {len(index)} labels")
        label = index[found.label]
        keep = np.isfinite(found.box).all(axis=1) & np.isfinite(found.score) & (label >= 0)
        return Candidates(found.box[keep], np.minimum(found.score[keep], 1.0), label[keep])

    def _best(self, box: Floats, found: Candidates) -> Detections:
        """Without doubles and boxes outside the picture, best first."""
        inside = np.flatnonzero((box[:, 2] > box[:, 0]) & (box[:, 3] > box[:, 1]))
        box, score, label = box[inside], found.score[inside], found.label[inside]
        if self.recipe.decoder.overlapping:
            keep = suppress(
                box, score, label, self._group[label], same=self.recipe.same_iou, across=self.recipe.across_iou
            )
        else:
            keep = np.argsort(-score, kind="stable")
        keep = keep[:MOST]
        return Detections(box[keep], score[keep], label[keep], self.names)

    def _checked_input(self) -> str:
        """Name of the picture's input, after holding its stated shape against the form."""
        form, inputs = self.recipe.form, dict(self.engine.inputs)
        size_input = self.recipe.decoder.size_input
        if size_input is not None and inputs.pop(size_input, None) is None:
            raise DetectorError(f"{self.recipe.model} has no input {size_input!r}, which its decoder needs")
        if len(inputs) != 1:
            raise DetectorError(
                f"{self.recipe.model} has the inputs {', '.join(inputs)}; one for the picture is expected"
            )
        ((name, (shape, dtype)),) = inputs.items()
        nchw = form.layout == "nchw"
        wanted = (1, 3, form.height, form.width) if nchw else (1, form.height, form.width, 3)
        if len(shape) != 4 or any(a not in (None, b) for a, b in zip(shape, wanted, strict=True)):
            raise DetectorError(
                f"input {name!r} of {self.recipe.model} has shape {shape}, but declared is {wanted} ({form.layout})"
            )
        if dtype != form.dtype:
            raise DetectorError(f"input {name!r} of {self.recipe.model} wants {dtype}, which is not {form.dtype}")
        return name
