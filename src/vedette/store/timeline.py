"""How many events there were when, from sums where the time is long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, case, func, not_, select

from vedette.model.errors import UsageError
from vedette.model.time import NS_PER_S
from vedette.store.event_rows import ALL_CAMERAS, HOUR_NS
from vedette.store.schema import camera_hours, events, series

_MOST_BUCKETS: Final = 10_000
_COUNTED_NS: Final = 14 * 24 * HOUR_NS
"""Times up to this long are counted event by event where hours would not fit them."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Events of one stretch of time by their severity."""

    start_utc_ns: int
    info: int
    alert: int
    alarm: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.info + self.alert + self.alarm


def read_timeline(
    connection: Connection, cameras: Sequence[str] | None, start_utc_ns: int, end_utc_ns: int, bucket_ns: int
) -> list[Bucket]:
    """Stretches of `bucket_ns` from `start_utc_ns` that hold events. Raises UsageError."""
    if bucket_ns < NS_PER_S or (end_utc_ns - start_utc_ns) // bucket_ns >= _MOST_BUCKETS:
        raise UsageError(f"a time line has at most {_MOST_BUCKETS} stretches, each of a second or more; ask for longer")
    fits = all(value % HOUR_NS == 0 for value in (start_utc_ns, end_utc_ns, bucket_ns))
    if not fits and (bucket_ns < HOUR_NS or end_utc_ns - start_utc_ns <= _COUNTED_NS):
        rows = _counted(connection, cameras, start_utc_ns, end_utc_ns, bucket_ns)
    else:
        rows = _summed(connection, cameras, start_utc_ns, end_utc_ns, bucket_ns)
    return [Bucket(start_utc_ns + at * bucket_ns, int(info), int(alert), int(alarm)) for at, info, alert, alarm in rows]


def _summed(
    connection: Connection, cameras: Sequence[str] | None, start: int, end: int, bucket_ns: int
) -> Sequence[Any]:
    hours = camera_hours.c
    names = [ALL_CAMERAS] if cameras is None else list(cameras)
    sums = [func.sum(column).label(column.name) for column in (hours.info, hours.alert, hours.alarm)]
    # An hour that begins before the time and lies partly in it counts in its first stretch.
    at = case((hours.hour_utc_ns < start, start), else_=hours.hour_utc_ns)
    bucket = ((at - start) // bucket_ns).label("bucket")
    lasting = hours.hour_utc_ns > start - HOUR_NS, hours.hour_utc_ns < end
    if len(names) == 1 and bucket_ns == HOUR_NS and start % HOUR_NS == 0:
        # Each row is a stretch: summing thousands of them one by one would take twice as long.
        alone = select(bucket, hours.info, hours.alert, hours.alarm).where(hours.camera == names[0], *lasting)
        return connection.execute(alone.order_by(hours.hour_utc_ns)).all()
    query = select(bucket, *sums).where(hours.camera.in_(names), *lasting)
    return connection.execute(query.group_by(bucket).order_by(bucket)).all()


def _counted(
    connection: Connection, cameras: Sequence[str] | None, start: int, end: int, bucket_ns: int
) -> Sequence[Any]:
    of_them: list[ColumnElement[bool]] = [not_(series.c.test)]
    if cameras is not None:
        of_them.append(series.c.camera.in_(list(cameras)))
    numbers = {
        row.id: row.severity for row in connection.execute(select(series.c.id, series.c.severity).where(*of_them))
    }
    bucket = ((events.c.at_utc_ns - start) // bucket_ns).label("bucket")
    sums = [
        func.sum(case((events.c.series.in_([n for n, of in numbers.items() if of == severity]), 1), else_=0)).label(
            severity
        )
        for severity in ("info", "alert", "alarm")
    ]
    query = select(bucket, *sums).where(events.c.at_utc_ns >= start, events.c.at_utc_ns < end)
    query = query.where(events.c.series.in_(list(numbers)))
    return connection.execute(query.group_by(bucket).order_by(bucket)).all()
