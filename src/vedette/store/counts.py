"""Totals of events over time: kept for ever, because they hold no identity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, not_, select

from vedette.model.errors import UsageError
from vedette.store.database import Database
from vedette.store.event_rows import MINUTE_NS
from vedette.store.schema import counts, series


@dataclass(frozen=True, slots=True)
class Count:
    """`n` events alike in the stretch of time from `start_utc_ns` on. `direction` is empty where there is none."""

    start_utc_ns: int
    camera: str
    rule: str
    kind: str
    label: str
    direction: str
    n: int


class SqlCounts:
    """Reading the totals that `SqlEventStore.put_event` keeps. Raises DatabaseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def between(
        self, camera: str, start_utc_ns: int, end_utc_ns: int, *, rule: str | None = None, step_ns: int = MINUTE_NS
    ) -> Sequence[Count]:
        """Totals of minutes that begin in [start, end), summed over stretches of `step_ns` from start, oldest first.

        step_ns  a whole number of minutes; raises UsageError for another
        """
        if step_ns < MINUTE_NS or step_ns % MINUTE_NS:
            raise UsageError("totals are kept by the minute; ask for stretches of whole minutes")
        start = (start_utc_ns + ((counts.c.minute_utc_ns - start_utc_ns) // step_ns) * step_ns).label("start_utc_ns")
        keys = [series.c[name] for name in ("camera", "rule", "kind", "label", "direction")]
        query = (
            select(start, *keys, func.sum(counts.c.n).label("n"))
            .join_from(counts, series)
            .where(series.c.camera == camera, not_(series.c.test))
            .where(counts.c.minute_utc_ns >= start_utc_ns, counts.c.minute_utc_ns < end_utc_ns)
            .group_by(start, *keys)
            .order_by(start, *keys)
        )
        if rule is not None:
            query = query.where(series.c.rule == rule)
        with self._database.reading() as connection:
            return [Count(*row[:6], int(row.n)) for row in connection.execute(query)]
