"""Settings of what is decoded of a live stream, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vedette.model.spec import STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeOptions:
    """What is decoded, and when.

    idle         whether anything may be left undecoded; a camera that moves, or is always looked at whole, has no rest
    longest_px   pictures are made no longer than this on their longer side
    quiet_s      back to rest after so long without motion and without anything followed
    still_s      and after so long without motion although something is followed
    doubt_s      back to rest so long after a wake that no motion came of
    fruitless_s  back to rest after so much motion in which nothing was ever found (leaves, a flag); then motion alone
                 does not wake until there was none for `calm_s`
    look_s       at rest, pictures are looked at this often and no oftener, if the stream allows it
    idle_s       at rest, a picture is handed on at least this often
    rare_s       keyframes further apart than this do not suffice: the stream is decoded whole even at rest
    rare_small_s the same for pictures of at most `small_px` pixels, which cost little
    most_bytes, most_packets   what is kept back to the last keyframe; beyond it the stream is decoded whole
    hardware     FFmpeg's name of a decoding device (`vaapi`, `cuda`, `videotoolbox`); none is the processor
    """

    __pydantic_config__: ClassVar = STRICT

    idle: bool = True
    longest_px: int = 960
    quiet_s: float = 5.0
    still_s: float = 30.0
    doubt_s: float = 1.5
    fruitless_s: float = 20.0
    calm_s: float = 10.0
    look_s: float = 0.5
    idle_s: float = 2.0
    rare_s: float = 2.5
    rare_small_s: float = 0.75
    small_px: int = 640 * 480
    most_bytes: int = 16 * 2**20
    most_packets: int = 1500
    hardware: str | None = None

    def __post_init__(self) -> None:
        if self.longest_px < 64:
            raise ValueError("longest_px must be at least 64")
        spans = (self.quiet_s, self.still_s, self.doubt_s, self.fruitless_s, self.look_s, self.idle_s, self.rare_s)
        if min(*spans, self.calm_s, self.rare_small_s) <= 0.0 or min(self.most_bytes, self.most_packets) < 1:
            raise ValueError("times and limits of decoding must be above 0")
