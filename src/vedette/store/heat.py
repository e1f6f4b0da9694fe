"""Where people were, hour by hour."""

from __future__ import annotations

import numpy as np
from sqlalchemy import and_, select

from vedette.model.detections import Floats
from vedette.model.errors import DatabaseError
from vedette.store import statements
from vedette.store.database import Database
from vedette.store.event_rows import HOUR_NS
from vedette.store.packing import pack_cells, unpack_cells
from vedette.store.schema import heat_tiles


class SqlHeat:
    """Tiles of heat maps, added up within their hour. Raises DatabaseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, camera: str, rule: str, measure: str, at_utc_ns: int, cells: Floats) -> None:
        """Add `cells`, shape (rows, columns), to the hour in which `at_utc_ns` lies.

        measure  what a cell holds: `seconds`, `visits`
        """
        if cells.ndim != 2 or not cells.size or not np.isfinite(cells).all():
            raise DatabaseError("a heat tile has rows and columns of finite numbers")
        rows, columns = cells.shape
        keys = {
            "camera": camera, "rule": rule, "measure": measure, "hour_utc_ns": at_utc_ns // HOUR_NS * HOUR_NS,
            "rows": rows, "columns": columns,
        }  # fmt: skip
        this = and_(*(heat_tiles.c[name] == value for name, value in keys.items()))
        query = select(heat_tiles.c.cells).where(this).with_for_update()
        with self._database.writing() as connection:
            # A row to lock, so that two who add at once do not forget each other.
            statements.put_new(connection, heat_tiles, {**keys, "cells": pack_cells(np.zeros_like(cells))})
            before = unpack_cells(bytes(connection.execute(query).scalar_one()), rows, columns)
            statements.put(connection, heat_tiles, {**keys, "cells": pack_cells(before + cells)})

    def total(self, camera: str, rule: str, measure: str, start_utc_ns: int, end_utc_ns: int) -> Floats | None:
        """Sum of the hours that begin in [start, end); None when there are none.

        Where a rule's grid was changed meanwhile, only the hours with its newest size count.
        """
        tiles = heat_tiles.c
        query = (
            select(tiles.rows, tiles.columns, tiles.cells)
            .where(tiles.camera == camera, tiles.rule == rule, tiles.measure == measure)
            .where(tiles.hour_utc_ns >= start_utc_ns, tiles.hour_utc_ns < end_utc_ns)
            .order_by(tiles.hour_utc_ns.desc(), tiles.rows, tiles.columns)
        )
        total: Floats | None = None
        with self._database.reading() as connection:
            for row in connection.execute(query):
                if total is None:
                    total = np.zeros((row.rows, row.columns))
                if total.shape == (row.rows, row.columns):
                    total += unpack_cells(bytes(row.cells), row.rows, row.columns)
        return total
