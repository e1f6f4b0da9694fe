"""Virtual cameras for hand use: `python -m vedette.simulator.cameras CLIP --cameras 24 --port 8554`."""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path

from vedette.model.errors import VedetteError
from vedette.simulator.cameras.farm import CameraFarm
from vedette.simulator.cameras.spec import CameraSpec

_SPREAD = 7
"""Frames between the beginnings of neighbouring cameras, so that their keyframes do not come together."""


def main() -> int:
    """Serve until Ctrl-C; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m vedette.simulator.cameras", description=__doc__)
    parser.add_argument("clip", type=Path, help="a file in H.264, H.265 or Motion JPEG that is shown round and round")
    parser.add_argument("--sub", type=Path, help="what the sub streams show")
    parser.add_argument("--audio", type=Path, help="a file with AAC or G.711 sound")
    parser.add_argument("--cameras", type=int, default=1, help="how many (default 1)")
    parser.add_argument("--port", type=int, default=8554, help="of the first camera; the next ones follow (8554)")
    parser.add_argument("--login", metavar="USER:PASSWORD", help="what they ask for")
    chosen = parser.parse_args()
    cameras = {
        f"cam{i}": CameraSpec(chosen.clip, chosen.sub, chosen.audio, start_frame=i * _SPREAD)
        for i in range(chosen.cameras)
    }
    try:
        with CameraFarm(cameras, port=chosen.port, login=chosen.login) as farm:
            streams = ["main"] if chosen.sub is None else ["main", "sub"]
            lines = [farm.address(name, stream) for name in farm.names for stream in streams]
            sys.stdout.write("\n".join(lines) + "\n")
            sys.stdout.flush()
            threading.Event().wait()
    except VedetteError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
