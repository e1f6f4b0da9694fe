"""A recorder on virtual cameras that is to be hurt, and what is asked of it afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.footage_check import Account, account, segments_of
from benchmarks.rig import Rig

from vedette.app.stored import fsck
from vedette.clock import SystemClock
from vedette.engine.addresses import Addresses
from vedette.engine.bus import Subscriber
from vedette.model.health import Alarm
from vedette.model.media import Packet
from vedette.model.news import AlarmChanged, FragmentWritten, GapChanged, HealthChanged, SegmentClosed
from vedette.model.recording import Gap, Segment
from vedette.simulator.cameras import CameraFarm
from vedette.store.database import Database
from vedette.store.recordings import SqlRecordings
from vedette.store.troubles import SqlAlarms

EVER = 1 << 62
PATIENCE_S = 60.0


class Site:
    """`vedette run --only recorder` (or another part, or all with None) over cameras of a farm, and its news.

    options  of the cameras' sources

    Heard so far: `fragments` that were acknowledged (hashes), `alarms` and `gaps` as they changed, `closed` files.
    """

    def __init__(
        self,
        folder: Path,
        farm: CameraFarm,
        settings: Mapping[str, Any] | None = None,
        *,
        options: Mapping[str, Any] | None = None,
        only: str | None = "recorder",
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.farm = farm
        rest = {"analyze": "off", "options": dict(options or {})}
        cameras = {name: {"source": farm.address(name), **rest} for name in farm.names}
        self.rig = Rig(folder, cameras, settings, only=only)
        self.fragments: dict[str, list[bytes]] = {name: [] for name in farm.names}
        self.alarms: list[Alarm] = []
        self.gaps: list[Gap] = []
        self.closed: list[Segment] = []
        self.states: dict[str, str] = {}
        self._hearing = Subscriber([Addresses(self.rig.config.data / "bus").recorder])

    def __enter__(self) -> Self:
        self.rig.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.rig.stop()
        self._hearing.close()

    def hear(self) -> None:
        """Take in all news that wait."""
        while (news := self._hearing.receive(0.0)) is not None:
            match news:
                case FragmentWritten(camera=camera, fragment=fragment):
                    self.fragments[camera].append(fragment.sha256)
                case AlarmChanged(alarm):
                    self.alarms.append(alarm)
                case GapChanged(gap):
                    self.gaps.append(gap)
                case SegmentClosed(segment):
                    self.closed.append(segment)
                case HealthChanged(health):
                    self.states[health.part] = health.state
                case Packet() | _:
                    pass

    def until(self, found: Callable[[], Any], what: str, seconds: float = PATIENCE_S) -> Any:  # noqa: ANN401
        """Wait, listening, until `found` answers something true; that answer."""

        def look() -> Any:  # noqa: ANN401
            self.hear()
            return found()

        return self.rig.until(look, what, seconds)

    def recorded(self, more: int = 2, cameras: Sequence[str] | None = None, seconds: float = PATIENCE_S) -> None:
        """Wait until `more` fragments of each camera are on a disk from now on."""
        self.hear()
        wanted = {name: len(self.fragments[name]) + more for name in cameras or self.farm.names}
        self.until(lambda: all(len(self.fragments[name]) >= n for name, n in wanted.items()), "it is recorded", seconds)

    def open_alarms(self) -> set[str]:
        """Kinds of the alarms that last."""
        last: dict[tuple[str, str], Alarm] = {(alarm.kind, alarm.part): alarm for alarm in self.alarms}
        return {alarm.kind for alarm in last.values() if alarm.cleared_utc_ns is None}

    def stop(self) -> None:
        """End it in good order."""
        self.hear()
        before = time.monotonic()
        status = self.rig.stop()
        said = self.rig.log.read_text(encoding="utf-8", errors="replace")
        assert status == 0, f"status {status} after {time.monotonic() - before:.0f} s\n{said[-3000:]}"
        self.hear()

    def database(self) -> Database:
        """The database, to be closed."""
        return Database.open(self.rig.config.database, clock=SystemClock())

    def kept_alarms(self) -> list[Alarm]:
        """Every alarm in the database, oldest first."""
        with closing(self.database()) as database:
            return list(reversed(SqlAlarms(database).newest(1000)))

    def kept_gaps(self, camera: str) -> list[Gap]:
        """Every gap in the database, oldest first."""
        with closing(self.database()) as database:
            return list(SqlRecordings(database).gaps(camera, "main", 0, EVER))

    def segments(self, camera: str) -> list[Segment]:
        """Every committed segment of a camera."""
        return segments_of(self.rig.config, camera)

    def account(self, camera: str) -> Account:
        """What became of every frame the camera sent."""
        viewings = [viewing for viewing in self.farm.sent(camera).viewings if viewing.frames]
        return account(viewings, self.rig.config, camera, self.kept_gaps(camera))

    def assert_acknowledged(self, *, but: int = 0) -> None:
        """Every fragment that was told of as written is part of a committed segment, except `but` of them."""
        for name, told in self.fragments.items():
            kept = {fragment.sha256 for segment in self.segments(name) for fragment in segment.fragments}
            missing = [number for number, one in enumerate(told) if one not in kept]
            assert len(missing) <= but, f"{name}: fragments {missing} of {len(told)} were told of and are not kept"

    def assert_in_order(self) -> None:
        """Nothing is found by what `vedette fsck --hashes` does."""
        assert fsck(self.rig.config, hashes=True, repair=False) == []

    def assert_told(self, camera: str, *, most_untold: int = 0) -> Account:
        """Every frame is kept exactly as it was sent, or a gap says why it is not."""
        found = self.account(camera)
        assert found.wrong == 0, found
        assert found.kept, found
        assert len(found.untold) <= most_untold, found
        return found
