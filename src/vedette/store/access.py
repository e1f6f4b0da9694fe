"""Who looked at what: rows that are only ever added."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy import select

from vedette.store import statements
from vedette.store.database import Database
from vedette.store.looking_up import older
from vedette.store.schema import access_log

Outcome = Literal["done", "refused", "failed"]


@dataclass(frozen=True, slots=True)
class Access:
    """One thing that somebody did or tried.

    id       unique over all machines, grows with time
    who      name of the account; empty for nobody known
    action   `login`, `live`, `playback`, `export`, `unmask`, `search`, `configure`, `review`, `lock`, ...
    target   what it was done to: a camera, an incident, a rule, an account
    start_utc_ns, end_utc_ns  of the footage it was about
    reason   where one was asked for
    detail   more of it, plain JSON values
    """

    id: int
    at_utc_ns: int
    who: str
    action: str
    target: str = ""
    role: str = ""
    address: str = ""
    start_utc_ns: int | None = None
    end_utc_ns: int | None = None
    reason: str = ""
    outcome: Outcome = "done"
    detail: Mapping[str, object] = field(default_factory=dict)


class SqlAccessLog:
    """Adding to the access log, and reading it. The database refuses everything else. Raises DatabaseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, access: Access) -> None:
        """Write one thing down. Twice changes nothing."""
        row = {name: getattr(access, name) for name in Access.__slots__ if name != "detail"}
        row["detail"] = json.dumps(access.detail, default=str, sort_keys=True)
        with self._database.writing() as connection:
            statements.put_new(connection, access_log, row)

    def newest(
        self, limit: int = 100, before: int | None = None, *, who: str | None = None, target: str | None = None
    ) -> Sequence[Access]:
        """At most `limit` rows, the newest first; only such after row `before`, by `who`, about `target`."""
        log = access_log.c
        query = select(access_log).order_by(log.at_utc_ns.desc(), log.id.desc()).limit(limit)
        for column, value in ((log.who, who), (log.target, target)):
            if value is not None:
                query = query.where(column == value)
        with self._database.reading() as connection:
            if before is not None:
                at = connection.execute(select(log.at_utc_ns).where(log.id == before)).scalar()
                query = query.where(older(log.at_utc_ns, log.id, at or 0, before))
            return [
                Access(**{name: row._mapping[name] for name in Access.__slots__ if name != "detail"},
                       detail=json.loads(row.detail))
                for row in connection.execute(query)
            ]  # fmt: skip
