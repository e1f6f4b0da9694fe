"""Virtual RTSP cameras: the whole product can be run and tested without hardware."""

from vedette.simulator.cameras.clips import make_clip, make_sound
from vedette.simulator.cameras.farm import CameraFarm
from vedette.simulator.cameras.marks import draw_number, frame_number
from vedette.simulator.cameras.spec import CameraSpec, Sent, Viewing

__all__ = ["CameraFarm", "CameraSpec", "Sent", "Viewing", "draw_number", "frame_number", "make_clip", "make_sound"]
