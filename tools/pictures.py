"""Make the README's pictures anew from a demo: `vedette demo && python tools/pictures.py demo`.

Needs Chromium for the report (`apt-get install chromium`). A picture that cannot be made is left as it is.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import av
import cv2
import numpy as np

IMAGES = Path(__file__).parents[1] / "docs" / "images"
SECOND = 24.0
WIDTH = 960


def annotated(video: Path, target: Path) -> None:
    """One frame of an annotated video."""
    with av.open(str(video)) as container:
        for frame in container.decode(video=0):
            if frame.time is not None and frame.time >= SECOND:
                picture = frame.to_ndarray(format="bgr24")
                height = round(picture.shape[0] * WIDTH / picture.shape[1])
                small = cv2.resize(picture, (WIDTH, height), interpolation=cv2.INTER_AREA)
                cv2.imwrite(str(target), small, [cv2.IMWRITE_PNG_COMPRESSION, 9])
                return


def report(page: Path, target: Path) -> None:
    """The top of a report as a browser shows it."""
    browser = shutil.which("chromium")
    if browser is None:
        print("chromium is not installed: the report's picture stays as it is", file=sys.stderr)  # noqa: T201
        return
    with tempfile.TemporaryDirectory() as profile:
        options = "--headless --no-sandbox --disable-gpu --disable-background-networking --disable-sync --no-first-run"
        subprocess.run(  # noqa: S603
            [
                browser,
                *options.split(),
                "--disable-component-update",
                f"--user-data-dir={profile}",
                "--window-size=1100,1240",
                "--hide-scrollbars",
                f"--screenshot={target}",
                page.resolve().as_uri(),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    picture = cv2.imread(str(target))
    if picture is not None:
        cv2.imwrite(str(target), np.asarray(picture), [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    demo = Path(sys.argv[1] if len(sys.argv) > 1 else "demo")
    annotated(demo / "shop-entrance" / "analysis" / "annotated.mp4", IMAGES / "annotated.png")
    report(demo / "fence-line" / "analysis" / "report.html", IMAGES / "report.png")
