"""People as actors of a scene."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import numpy as np

from vedette.model.detections import Floats
from vedette.simulator.body import Figure
from vedette.simulator.looks import random_look
from vedette.simulator.paths import Path
from vedette.simulator.sprites import Sprite, cloth, draw_figure


class Person:
    """A figure that walks a path."""

    label = "person"

    def __init__(self, number: int, path: Path, rng: np.random.Generator) -> None:
        self.id = number
        self.path = path
        self._figure = Figure(random_look(rng), path)
        self.hulls = tuple(hull for part in self._figure.parts if not part.plain for hull in part.hulls)
        self._cloth = cloth(self._figure.look.folds)

    def later(self, seconds: float, number: int) -> Person:
        """The same person and way, so many seconds later and under another number."""
        moved, figure = copy(self), copy(self._figure)
        moved.id = number
        moved.path = figure.path = self.path.later(seconds)
        moved._figure = figure
        return moved

    @property
    def radii(self) -> Floats:
        """(balls,) metres."""
        return self._figure.radii

    def balls(self, t: Floats) -> Floats:
        """(n, balls, 3) centres in world metres."""
        return self._figure.balls(t)

    def draw(self, xy: Floats, scale: Floats) -> Sprite:
        """Pixels from projected balls."""
        return draw_figure(self._figure, xy, scale, self._cloth)

    def lamps(
        self,
        balls: Floats,  # noqa: ARG002
        heading: float,  # noqa: ARG002
    ) -> Sequence[tuple[int, float, tuple[float, float, float]]]:
        """None: people carry no lights."""
        return ()
