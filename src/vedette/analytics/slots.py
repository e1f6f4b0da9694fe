"""State of many subjects in arrays, one place each: a frame costs a handful of NumPy calls at any number of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


class SlotTable:
    """Named columns that grow with the highest slot in use.

    `columns` maps a name to the value a fresh slot has; a column may have inner dimensions (`np.zeros(4)`). Columns are
    read and written as `table["name"][slots]`; whole rows are read faster by `table["name"].take(slots, axis=0)`.
    """

    def __init__(self, columns: Mapping[str, Any], capacity: int = 64) -> None:
        self._fresh = {name: np.asarray(value) for name, value in columns.items()}
        self._columns = {name: self._block(value, capacity) for name, value in self._fresh.items()}
        self._capacity = capacity

    @staticmethod
    def _block(value: NDArray[Any], rows: int) -> NDArray[Any]:
        return np.broadcast_to(value, (rows, *value.shape)).copy()

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._columns[name]

    def reach(self, slots: NDArray[np.int64]) -> None:
        """Make room for all of `slots`."""
        needed = int(slots.max(initial=-1)) + 1
        if needed <= self._capacity:
            return
        more = max(needed, 2 * self._capacity) - self._capacity
        for name, column in self._columns.items():
            self._columns[name] = np.concatenate([column, self._block(self._fresh[name], more)])
        self._capacity += more

    def cells(self, name: str, slots: NDArray[np.int64], inner: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """A column of rows laid end to end, and where in it the elements `[slots, inner]` lie.

        One index into this is several times as fast as two into the column.
        """
        column = self._columns[name]
        return column.reshape(-1, *column.shape[2:]), slots * column.shape[1] + inner

    def reset(self, slots: NDArray[np.int64]) -> None:
        """Give `slots` the values of fresh ones."""
        if len(slots):
            for name, column in self._columns.items():
                column[slots] = self._fresh[name]
