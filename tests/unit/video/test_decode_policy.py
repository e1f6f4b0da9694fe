from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from live_camera import Film, Thing, packets
from vedette.model.errors import SourceError
from vedette.model.media import Codec, Frame, Packet
from vedette.model.time import NS_PER_S
from vedette.video.decode_options import DecodeOptions
from vedette.video.decode_policy import DecodePolicy, Takes
from vedette.vision.motion import MotionDetector, MotionProbe

FPS = 10
made = functools.cache(packets)
QUIET = Film(20.0)
WALK = Film(24.0, (Thing(12.3, 16.0),))
SMALL_IS_DEAR = DecodeOptions(small_px=0)
"""The small pictures of these tests are treated as large ones."""


class Camera:
    """A policy with a stand-in for the analysis behind it, which sees motion and follows what `follows` says."""

    def __init__(
        self,
        options: DecodeOptions = SMALL_IS_DEAR,
        pace: Callable[[], Takes] | None = None,
        follows: Callable[[float], bool] = lambda t: False,  # noqa: ARG005
    ) -> None:
        self.policy = DecodePolicy(MotionProbe(), options, pace)
        self.follows = follows
        self.motion = MotionDetector()
        self.frames: list[Frame] = []
        self.awake: list[tuple[float, bool]] = []

    def see(self, stream: Sequence[Packet], *, wanted: bool = True) -> Camera:
        for packet in stream:
            for frame in self.policy.take(packet, wanted=wanted):
                self.frames.append(frame)
                moving = self.motion.look(frame).any
                self.policy.heed(frame.at, tracks=self.follows(frame.at.stream_s), motion=moving)
            if not self.awake or self.awake[-1][1] != self.policy.awake:
                self.awake.append((packet.at.stream_s, self.policy.awake))
        return self

    @property
    def times(self) -> list[float]:
        return [round(frame.at.stream_s, 3) for frame in self.frames]

    def between(self, start: float, end: float) -> list[float]:
        return [t for t in self.times if start <= t < end]


def test_rest_means_keyframes_only() -> None:
    camera = Camera().see(made(QUIET))
    assert not camera.policy.awake
    assert camera.between(8.0, 20.0) == [8.0, 10.0, 12.0, 14.0, 16.0, 18.0]
    assert camera.policy.tally.wakes == 0


def test_motion_on_a_keyframe_wakes_and_what_lies_before_it_comes_first() -> None:
    # With sizes out of the way the keyframe at 14 s is the first to tell.
    policy_camera = Camera()
    policy_camera.policy._sizes.jump = lambda size: False  # type: ignore[method-assign]  # noqa: ARG005
    camera = policy_camera.see([replace(p, number=n) for n, p in enumerate(made(WALK))])
    assert camera.policy.tally.wakes >= 1
    assert camera.between(12.0, 16.0) == [round(12.0 + n / FPS, 3) for n in range(40)]
    assert camera.times == sorted(set(camera.times))


def test_larger_packets_wake_between_keyframes() -> None:
    walk = Film(40.0, (Thing(34.4, 35.6),), noise=0.8)
    camera = Camera().see(made(walk))
    assert camera.policy.tally.wakes_by_size == 1
    assert next(t for t, awake in camera.awake if awake and t > 1.0) <= 35.0
    assert camera.between(34.0, 36.0) == [round(34.0 + n / FPS, 3) for n in range(20)]


def test_rest_comes_back_after_a_quiet_time() -> None:
    camera = Camera().see(made(Film(40.0, (Thing(14.0, 16.0),))))
    asleep = [t for t, awake in camera.awake if not awake]
    assert len(asleep) == 2
    assert 16.0 + 5.0 <= asleep[1] <= 16.0 + 5.0 + 6.0


def test_what_is_followed_keeps_awake_even_where_nothing_moves_but_not_for_ever() -> None:
    film = Film(60.0, (Thing(4.0, 6.0),), fps=5)
    camera = Camera(follows=lambda t: t > 4.0).see(made(film))
    assert camera.between(20.0, 30.0) == [20.0 + n / 5 for n in range(50)]
    assert not camera.policy.awake


def test_pace_thins_what_is_given_awake() -> None:
    step = NS_PER_S // 2
    camera = Camera(DecodeOptions(idle=False), pace=lambda: lambda at: at.stream_ns % step == 0).see(made(QUIET))
    assert camera.times == [n / 2 for n in range(40)]


def test_without_rest_everything_is_given() -> None:
    camera = Camera(DecodeOptions(idle=False)).see(made(QUIET))
    assert len(camera.frames) == 200
    assert [frame.index for frame in camera.frames] == list(range(200))


# -- rare keyframes ---------------------------------------------------------------------------------------------------


def test_where_keyframes_are_rare_everything_is_decoded_and_looked_at_now_and_then() -> None:
    film = Film(24.0, (Thing(16.2, 17.2),), gop_s=8.0)
    camera = Camera(DecodeOptions()).see(made(film))
    assert camera.policy.tally.decoded >= 238
    assert 2 <= len(camera.between(10.0, 15.9)) <= 4
    woken = [t for t, awake in camera.awake if awake and t > 1.0]
    assert woken[0] <= 16.2 + 0.6
    assert camera.between(16.3, 17.2) == [round(16.3 + n / FPS, 3) for n in range(9)]


def test_small_pictures_are_decoded_whole_sooner_than_large_ones() -> None:
    small, large = Camera(DecodeOptions()).see(made(QUIET)), Camera(SMALL_IS_DEAR).see(made(QUIET))
    assert small.policy.whole
    assert not large.policy.whole


def test_keyframes_become_rare_while_at_rest() -> None:
    """A smart codec stretches its groups while nothing happens."""
    first, second = made(QUIET), made(Film(20.0, gop_s=20.0))
    shift = 20 * NS_PER_S
    later = [
        replace(p, at=p.at.shifted(shift), dts_ns=p.dts_ns + shift, number=len(first) + p.number, codec=first[0].codec)
        for p in second
    ]
    camera = Camera().see([*first, *later])
    assert camera.policy.whole
    assert camera.policy.tally.damaged == 0
    assert max(np.diff(camera.between(20.0, 40.0))) <= 2.6


def test_what_is_kept_is_bounded() -> None:
    camera = Camera(DecodeOptions(small_px=0, most_packets=8)).see(made(QUIET))
    assert len(camera.policy._kept) <= 8
    assert camera.between(10.0, 20.0)
    assert camera.times == sorted(set(camera.times))


def test_pictures_that_all_stand_alone_are_not_all_looked_at() -> None:
    camera = Camera().see(made(Film(12.0, (Thing(8.1, 9.0),), codec="mjpeg")))
    assert 2 <= len(camera.between(6.0, 7.6)) <= 4
    assert camera.between(8.2, 9.0) == [round(8.2 + n / FPS, 3) for n in range(8)]


# -- leaves in the wind ----------------------------------------------------------------------------------------------


def leaves(seconds: float = 70.0) -> Film:
    """Something small that flaps to and fro over a corner, never twice in the same way."""
    rng, t, swings = np.random.default_rng(3), 8.0, []
    while t < seconds - 2.0:
        x, y, w = rng.uniform(0.1, 0.4, 3).tolist()
        swings.append(Thing(t, t + 1.3, (x, y), (w, x), height=0.15))
        t += 1.1
    return Film(seconds, tuple(swings), fps=5)


def test_motion_in_which_nothing_is_ever_found_does_not_keep_awake() -> None:
    camera = Camera().see(made(leaves()))
    assert len(camera.between(50.0, 70.0)) <= 12


def test_something_found_wakes_even_then() -> None:
    camera = Camera(follows=lambda t: t >= 60.0).see(made(leaves()))
    assert not any(awake for t, awake in camera.awake if 45.0 < t < 59.0)
    assert camera.policy.awake
    assert camera.between(62.0, 70.0) == [62.0 + n / 5 for n in range(40)]


# -- what goes wrong --------------------------------------------------------------------------------------------------


def test_after_lost_packets_nothing_is_decoded_before_the_next_keyframe() -> None:
    stream = [p for p in made(QUIET) if not 25 <= p.number < 28]
    camera = Camera(DecodeOptions(idle=False)).see(stream)
    assert camera.between(2.0, 4.5) == [2.0, 2.1, 2.2, 2.3, 2.4, 4.0, 4.1, 4.2, 4.3, 4.4]
    assert camera.policy.tally.lost == 3
    assert camera.policy.tally.damaged == 0


def test_loss_at_rest_costs_nothing_but_what_is_kept() -> None:
    stream = [p for p in made(WALK) if p.number not in (125, 126)]
    camera = Camera().see(stream)
    assert camera.between(14.0, 16.0) == [round(14.0 + n / FPS, 3) for n in range(20)]
    assert camera.times == sorted(set(camera.times))


def test_another_codec_and_size_midway() -> None:
    first, second = made(Film(6.0)), made(Film(6.0, (Thing(1.0, 4.0),), size=(192, 108), codec="mjpeg"))
    shift = 6 * NS_PER_S
    later = [replace(p, at=p.at.shifted(shift), dts_ns=p.dts_ns + shift, number=len(first) + n)
             for n, p in enumerate(second)]  # fmt: skip
    camera = Camera(DecodeOptions(idle=False)).see([*first, *later])
    assert [frame.width for frame in camera.frames] == [240] * 60 + [192] * 60
    assert camera.times == sorted(set(camera.times))


def test_another_run_begins_anew() -> None:
    camera = Camera(DecodeOptions(idle=False)).see([*made(Film(3.0)), *packets(Film(3.0), run=2)])
    assert camera.times == [n / FPS for n in range(30)] * 2
    assert camera.policy.tally.lost == 0


def test_a_run_that_is_joined_midway_rests_too() -> None:
    late = [replace(p, at=p.at.shifted(5000 * NS_PER_S)) for p in made(QUIET)]
    camera = Camera().see(late[7:])
    assert not camera.policy.awake
    assert camera.times[0] == 5002.0


@pytest.mark.parametrize("idle", [False, True])
def test_garbage_is_left_out(idle: bool) -> None:
    rng = np.random.default_rng(5)
    stream = [
        replace(p, data=rng.bytes(len(p.data)) if p.number % 10 == 4 or p.number == 100 else p.data) for p in made(WALK)
    ]
    camera = Camera(DecodeOptions(idle=idle, small_px=0)).see(stream)
    assert camera.policy.tally.damaged >= 1
    assert camera.times == sorted(set(camera.times))
    assert camera.frames[-1].at.stream_s >= 22.0


def test_sound_is_passed_over_but_counts_as_a_packet() -> None:
    sound = Codec("aac", b"\x12\x10", rate=48000, channels=1)
    mixed: list[Packet] = []
    for packet in made(Film(4.0)):
        for one in (packet, replace(packet, codec=sound, data=b"\0" * 20, key=True)):
            mixed.append(replace(one, number=len(mixed)))
    camera = Camera(DecodeOptions(idle=False)).see(mixed)
    assert len(camera.frames) == 40
    assert camera.policy.tally.lost == 0


def test_a_run_that_begins_without_a_keyframe() -> None:
    camera = Camera(DecodeOptions(idle=False)).see(made(Film(6.0))[5:])
    assert camera.times[0] == 2.0


def test_late_pictures_are_decoded_and_not_given() -> None:
    camera = Camera(DecodeOptions(idle=False))
    stream = made(Film(6.0))
    camera.see(stream[:10]).see(stream[10:25], wanted=False).see(stream[25:])
    assert camera.times == [n / FPS for n in (*range(10), *range(25, 60))]
    assert camera.policy.tally.dropped == 15
    assert camera.policy.tally.damaged == 0


@pytest.mark.parametrize("idle", [False, True])
def test_pictures_sent_out_of_order_come_in_order(idle: bool) -> None:
    film = replace(WALK, b_frames=2)
    camera = Camera(DecodeOptions(idle=idle, small_px=0)).see(made(film))
    assert camera.times == sorted(set(camera.times))
    # A few pictures are still held back where the packets end.
    assert camera.between(14.0, 16.0) == [round(14.0 + n / FPS, 3) for n in range(20)]


def test_pictures_are_made_small_in_their_own_shape() -> None:
    camera = Camera(DecodeOptions(idle=False, longest_px=160)).see(made(Film(1.0)))
    assert {(frame.width, frame.height) for frame in camera.frames} == {(160, 90)}


@pytest.mark.parametrize("codec", ["no-such-codec", "aac"])
def test_what_cannot_be_decoded_is_told(codec: str) -> None:
    stream = [replace(p, codec=replace(p.codec, name=codec)) for p in made(Film(1.0))]
    with pytest.raises(SourceError, match=codec):
        Camera().see(stream)


def test_a_device_that_is_not_there_is_told() -> None:
    with pytest.raises(SourceError, match="no-such-device"):
        Camera(DecodeOptions(hardware="no-such-device")).see(made(Film(1.0)))


@pytest.mark.parametrize("wrong", [{"longest_px": 1}, {"quiet_s": 0.0}, {"most_bytes": 0}, {"calm_s": -1.0}])
def test_options_are_checked(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        DecodeOptions(**wrong)  # type: ignore[arg-type]
