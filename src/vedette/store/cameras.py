"""What the cameras are called, also those that are configured no more."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select

from vedette.store import statements
from vedette.store.database import Database
from vedette.store.schema import cameras


class SqlCameras:
    """Names of cameras by their ids. Raises DatabaseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, names: Mapping[str, str]) -> None:
        """Note id and name of each configured camera. Others stay as they are."""
        now = self._database.clock.utc_ns()
        with self._database.writing() as connection:
            for number, name in names.items():
                statement = statements.insert(connection, cameras).values(id=number, name=name, first_utc_ns=now)
                renamed = {"name": statement.excluded.name}
                connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=renamed))

    def names(self) -> Mapping[str, str]:
        """Id to name of every camera that was ever configured."""
        with self._database.reading() as connection:
            rows = connection.execute(select(cameras.c.id, cameras.c.name).order_by(cameras.c.id))
            return {row.id: row.name for row in rows}
