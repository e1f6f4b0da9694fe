"""A scene to one clip, as a camera would have sent it, for virtual cameras to play."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vedette.model.errors import UsageError
from vedette.simulator.cameras.clips import Coding, write_clip
from vedette.simulator.cameras.marks import draw_number
from vedette.simulator.outputs import Ledger, Truth
from vedette.simulator.settings import Settings, find_scene, set_stage
from vedette.video.writer import planes


def film(scene: str, path: Path, settings: Settings, *, coding: Coding | None = None, numbered: bool = False) -> Truth:
    """Draw `scene` into the clip `path`; what truly happens in it.

    numbered  burn its number into every frame, see `cameras.marks`; it moves all the time, so not for what looks for
              motion

    The truth counts seconds from the first frame. Raises UsageError for an unknown scene, an odd size or an event that
    the scene cannot play, OutputError.
    """
    width, height = settings.size
    if width % 2 or height % 2:
        raise UsageError(f"a clip needs an even width and height, not {width}x{height}")
    try:
        stage = set_stage(find_scene(scene), settings)
    except ValueError as error:
        raise UsageError(str(error)) from error
    ledger = Ledger()

    def pictures() -> Iterator[NDArray[np.uint8]]:
        for number, drawn in enumerate(stage.renderer.frames(settings.fps, settings.frames)):
            ledger.note(drawn)
            coded = planes(drawn.image, width, height)
            if numbered:
                draw_number(coded[:height], number)
            yield coded

    write_clip(path, pictures(), settings.fps, settings.size, coding or Coding())
    return ledger.truth(stage)
