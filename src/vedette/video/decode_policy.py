"""What of a live stream is decoded. Decoding is the cost of analysis, and most of the time nothing happens.

docs/design/decoding.md says why each rule is as it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from vedette.model.media import Codec, Frame, Packet
from vedette.model.time import NS_PER_S, Instant
from vedette.video.decode_options import DecodeOptions
from vedette.video.groups import Groups
from vedette.video.live_decoding import PacketDecoder, Picture, Shrinker
from vedette.video.packet_sizes import SizeWatch

_HELD_BYTES: Final = 64 * 2**20
_HELD: Final = 24
_PROBE_NS: Final = NS_PER_S
_NEVER: Final = -(2**62)

Takes = Callable[[Instant], bool]


class Probe(Protocol):
    """Whether anything moves, at little cost."""

    def moves(self, frame: Frame) -> bool:
        """Whether something moves in `frame`, compared with those before."""
        ...

    def restart(self) -> None:
        """Forget them."""
        ...


@dataclass(slots=True)
class Tally:
    """What has been done so far.

    decoded    pictures that came out of the decoder
    dropped    pictures left out because the analysis was behind or nothing could be decoded
    lost       packets that never arrived
    damaged    packets and pictures that could not be decoded
    wakes      how often it woke, and how often because of sizes
    """

    decoded: int = 0
    dropped: int = 0
    lost: int = 0
    damaged: int = 0
    wakes: int = 0
    wakes_by_size: int = 0


@dataclass(slots=True)
class _Moments:
    """Stream times that decide on rest, in nanoseconds.

    given   of the newest frame that was given
    probed  of the newest one that was probed for motion
    moved, fruit   when something moved, and was followed, last
    woken   of the packet that woke; `since` is that of the first one decoded because of it
    calm    since when nothing moved, while motion alone does not wake
    """

    given: int = _NEVER
    probed: int = _NEVER
    moved: int = _NEVER
    fruit: int = _NEVER
    woken: int = 0
    since: int = 0
    calm: int = 0


class DecodePolicy:
    """Takes the packets of one stream of one camera, and gives the frames that are worth analysing.

    At rest keyframes are decoded, or, where those are rare, everything, looked at now and then. Motion, or packets that
    are larger than usual, wake: what is kept back to the last keyframe is decoded and given first. Frames come in order
    of capture time within a run, also when the codec or the size changes; another run begins anew.

    probe   tells motion; asked at rest, and about once a second awake so that it stays up to date
    pace    makes what chooses the frames of a run while awake; None gives all

    Raises SourceError when the codec cannot be decoded.
    """

    def __init__(
        self, probe: Probe, options: DecodeOptions | None = None, pace: Callable[[], Takes] | None = None
    ) -> None:
        self.tally = Tally()
        self._options = options or DecodeOptions()
        self._probe = probe
        self._pace = pace or (lambda: _every)
        self._shrinker = Shrinker(self._options.longest_px)
        self._run: int | None = None
        self._number: int | None = None
        self._codec: Codec | None = None
        self._decoder: PacketDecoder | None = None
        self._eye: PacketDecoder | None = None
        self._takes: Takes = _every
        self._sizes, self._groups = SizeWatch(), Groups()
        self._held: deque[Picture] = deque()
        self._kept: list[tuple[Packet, int]] = []
        self._kept_bytes = 0
        self._index = -1
        self._awake, self._rolling, self._tired, self._broken = True, False, False, True
        self._doubting = self._by_size = self._followed = False
        self._when = _Moments()

    @property
    def awake(self) -> bool:
        """Whether every picture is decoded and given, as far as the pace takes it."""
        return self._awake

    @property
    def whole(self) -> bool:
        """Whether every picture is decoded, be it given or not."""
        return self._awake or self._rolling

    def take(self, packet: Packet, *, wanted: bool = True) -> Iterator[Frame]:
        """Frames that `packet` brings, those kept back before it included; analyse each before asking for the next.

        Sound is passed over. Without `wanted` what is new is decoded, so that decoding can go on, and given to nobody.
        """
        self._follow(packet)
        if packet.codec.medium == "audio":
            return
        self._index += 1
        if packet.key:
            self._broken = False
        if self._broken:
            self.tally.dropped += 1
            return
        self._groups.take(packet)
        if packet.key and self._tired:
            self._fall_asleep()
        if self._awake:
            yield from self._catch_up()
            yield from self._frames(self._due(self._decode(packet, self._index)), wanted=wanted)
        elif self._must_roll(packet):
            yield from self._roll(packet)
        else:
            yield from self._keep(packet)

    def heed(self, at: Instant, *, tracks: bool, motion: bool) -> None:
        """What the analysis of the last frame, captured at `at`, showed: something followed, something that moves."""
        now = at.stream_ns
        if motion:
            self._when.moved = now
        if tracks:
            self._when.fruit = now
            if not self._followed and not self._awake:
                self._wake(now)
        self._followed = tracks
        if self._options.idle and self._awake:
            self._tired = self._is_tired(now)
            if self._tired and self._rare:
                self._fall_asleep()

    # -- rest and waking ------------------------------------------------------------------------------------------

    def _is_tired(self, now: int) -> bool:
        when, options = self._when, self._options
        if max(when.moved, when.fruit) < when.since:
            return now - when.woken > options.doubt_s * NS_PER_S
        still = now - when.moved > options.still_s * NS_PER_S
        quiet = now - max(when.moved, when.fruit) > options.quiet_s * NS_PER_S
        fruitless = now - max(when.woken, when.fruit) > options.fruitless_s * NS_PER_S
        if fruitless and not quiet:
            self._doubting = True
        return still or quiet or fruitless

    def _fall_asleep(self) -> None:
        if self._by_size and self._when.moved < self._when.since:
            self._sizes.false_alarm()
        self._awake = self._tired = self._by_size = False
        self._rolling = self._rare
        self._sizes.rest()
        self._drop_kept()
        self._when.calm = self._when.given

    def _wake(self, now: int, *, by_size: bool = False) -> None:
        self._awake, self._tired, self._rolling, self._by_size = True, False, False, by_size
        self._when.woken = now
        self._when.since = min([now, *(packet.at.stream_ns for packet, _ in self._kept[:1])])
        self._when.since = min([self._when.since, *(picture.at.stream_ns for picture in self._held)])
        self._doubting = False
        self.tally.wakes += 1
        self.tally.wakes_by_size += by_size

    def _stirs(self, frame: Frame) -> bool:
        """Whether motion in `frame` wakes."""
        now = self._when.probed = frame.at.stream_ns
        moves = self._probe.moves(frame)
        if not self._doubting:
            return moves
        if moves:
            self._when.calm = now
        self._doubting = now - self._when.calm < self._options.calm_s * NS_PER_S
        return False

    # -- at rest, keyframes ---------------------------------------------------------------------------------------

    def _keep(self, packet: Packet) -> Iterator[Frame]:
        """Keep the packet, and look at it if it is a keyframe and the last look is long enough ago."""
        if not packet.key:
            self._append(packet)
            if self._sizes.jump(len(packet.data)) and not self._doubting:
                self._wake(packet.at.stream_ns, by_size=True)
                yield from self._catch_up()
            return
        self._sizes.key()
        if self._kept and packet.at.stream_ns - self._when.probed < self._options.look_s * NS_PER_S:
            self._append(packet)
            return
        if self._eye is None:
            self._eye = PacketDecoder(packet.codec, self._options.hardware, rough=True)
        picture = self._eye.alone(packet, self._index)
        if picture is None:
            self.tally.damaged += 1
            self._lose()
            return
        self.tally.decoded += 1
        frame = self._shrinker.frame(picture)
        if self._stirs(frame):
            self._append(packet)
            self._wake(packet.at.stream_ns)
            yield from self._catch_up()
            return
        self._drop_kept()
        self._append(packet)
        yield from self._at_rest(frame)

    def _append(self, packet: Packet) -> None:
        self._kept.append((packet, self._index))
        self._kept_bytes += len(packet.data)

    def _drop_kept(self) -> None:
        self._kept, self._kept_bytes = [], 0
        self._held.clear()

    def _catch_up(self) -> Iterator[Frame]:
        """Frames of what was kept, which begins with a keyframe."""
        if not self._kept:
            return
        kept = self._kept
        self._drop_kept()
        self._decoder_for(kept[0][0]).restart()
        for packet, index in kept:
            yield from self._frames(self._due(self._decode(packet, index)))

    # -- at rest, everything --------------------------------------------------------------------------------------

    @property
    def _rare(self) -> bool:
        """Whether keyframes are too far apart to rely on."""
        options, groups = self._options, self._groups
        limit_s = options.rare_small_s if 0 < groups.pixels <= options.small_px else options.rare_s
        return groups.longest_ns > limit_s * NS_PER_S

    def _must_roll(self, packet: Packet) -> bool:
        """Whether everything is decoded from this packet on; what was kept then is decoded first."""
        options = self._options
        if self._rolling:
            self._rolling = not packet.key or self._rare
            return self._rolling
        full = self._kept_bytes + len(packet.data) > options.most_bytes or len(self._kept) >= options.most_packets
        if not self._rare and not full:
            return False
        self._rolling = True
        kept = self._kept
        self._drop_kept()
        if kept:
            self._decoder_for(packet).restart()
        for earlier, index in kept:
            self._hold(self._decode(earlier, index))
        return True

    def _roll(self, packet: Packet) -> Iterator[Frame]:
        self._hold(self._decode(packet, self._index))
        if not self._held or self._held[-1].at.stream_ns - self._when.probed < self._options.look_s * NS_PER_S:
            return
        held, newest = list(self._held), self._shrinker.frame(self._held[-1])
        if self._stirs(newest):
            self._wake(newest.at.stream_ns)
            self._held.clear()
            yield from self._frames(held)
            return
        self._held.clear()
        # Half a look early is near enough.
        wait_ns = (self._options.idle_s - self._options.look_s / 2) * NS_PER_S
        if newest.at.stream_ns - self._when.given >= wait_ns:
            yield from self._at_rest(newest)

    def _hold(self, pictures: Sequence[Picture]) -> None:
        self._held.extend(self._due(pictures))
        most = max(4, min(_HELD, _HELD_BYTES // max(1, self._held[-1].size))) if self._held else 0
        while len(self._held) > most:
            self._held.popleft()

    # -- frames ---------------------------------------------------------------------------------------------------

    def _at_rest(self, frame: Frame) -> Iterator[Frame]:
        if frame.at.stream_ns > self._when.given:
            self._when.given = frame.at.stream_ns
            yield frame

    def _due(self, pictures: Sequence[Picture]) -> list[Picture]:
        """Those of `pictures` that were not given before and that the pace takes."""
        return [picture for picture in pictures if picture.at.stream_ns > self._when.given and self._takes(picture.at)]

    def _frames(self, pictures: Sequence[Picture], *, wanted: bool = True) -> Iterator[Frame]:
        for picture in pictures:
            if not wanted:
                self.tally.dropped += 1
                continue
            frame = self._shrinker.frame(picture)
            now = self._when.given = picture.at.stream_ns
            if now - self._when.probed >= _PROBE_NS:
                self._when.probed = now
                self._probe.moves(frame)
            yield frame

    # -- packets --------------------------------------------------------------------------------------------------

    def _follow(self, packet: Packet) -> None:
        """Notice another run, another codec, and packets that are missing before this one."""
        if self._number is None or packet.run != self._run:
            self._run = packet.run
            self._begin(packet.at.stream_ns)
        elif packet.number != self._number + 1:
            self.tally.lost += max(packet.number - self._number - 1, 0)
            self._lose()
        self._number = packet.number
        if packet.codec.medium == "video" and packet.codec != self._codec:
            self._codec, self._decoder, self._eye = packet.codec, None, None
            self._sizes, self._groups = SizeWatch(), Groups()
            self._lose()

    def _lose(self) -> None:
        """Nothing can be decoded before the next keyframe."""
        self._broken = True
        self._drop_kept()

    def _begin(self, now: int) -> None:
        """Another run: its time begins anew. The first moments are watched whole."""
        self._codec = self._decoder = self._eye = None
        self._takes = self._pace()
        self._drop_kept()
        self._index = -1
        self._awake, self._rolling, self._tired, self._broken = True, False, False, True
        self._doubting = self._by_size = self._followed = False
        self._when = _Moments(woken=now, since=now)
        self._probe.restart()

    def _decode(self, packet: Packet, index: int) -> list[Picture]:
        decoder = self._decoder_for(packet)
        before = decoder.damaged
        pictures = decoder.decode(packet, index)
        self.tally.damaged += decoder.damaged - before
        self.tally.decoded += len(pictures)
        return pictures

    def _decoder_for(self, packet: Packet) -> PacketDecoder:
        if self._decoder is None:
            self._decoder = PacketDecoder(packet.codec, self._options.hardware)
        return self._decoder


def _every(at: Instant) -> bool:  # noqa: ARG001
    return True
