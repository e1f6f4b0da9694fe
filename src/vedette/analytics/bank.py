"""Columns of equal length, one row per track."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Column = NDArray[Any]


class Bank:
    """Named arrays that grow and shrink together. Each lies in one piece, so that work on one stays in the cache."""

    def __init__(self, columns: Mapping[str, Column]) -> None:
        self._columns = dict(columns)

    @classmethod
    def zeros(cls, rows: int, layout: Mapping[str, tuple[type, int]]) -> Bank:
        """`rows` rows of zeros; `layout` names the columns with their element type and width (1 gives (n,) arrays)."""
        shapes = {name: (rows,) if width == 1 else (rows, width) for name, (_, width) in layout.items()}
        return cls({name: np.zeros(shapes[name], kind) for name, (kind, _) in layout.items()})

    def __len__(self) -> int:
        return len(next(iter(self._columns.values())))

    def __getitem__(self, name: str) -> Column:
        return self._columns[name]

    def __setitem__(self, name: str, value: Any) -> None:  # noqa: ANN401 - whatever numpy can spread over a column
        self._columns[name][:] = value

    def where(self, keep: Column) -> Bank:
        """The rows chosen by a mask or by indices, copied."""
        return Bank({name: column[keep] for name, column in self._columns.items()})

    def joined(self, other: Bank) -> Bank:
        """These rows, then those of `other`."""
        return Bank({name: np.concatenate((column, other[name])) for name, column in self._columns.items()})
