"""What is packed comes back: exactly, or as near as is said."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from stored import fragments
from vedette.model.errors import DatabaseError
from vedette.model.recording import Fragment
from vedette.store.packing import (
    STEPS,
    Line,
    pack_cells,
    pack_fragments,
    pack_geometry,
    pack_line,
    unpack_cells,
    unpack_fragments,
    unpack_geometry,
    unpack_line,
)

WHOLE = st.integers(-(2**63), 2**63 - 1)
FRAGMENTS = st.lists(
    st.builds(
        Fragment, offset=WHOLE, size=WHOLE, start_ns=WHOLE, duration_ns=WHOLE, utc_ns=WHOLE, key=st.booleans(),
        sha256=st.binary(min_size=32, max_size=32),
    ),
    max_size=20,
)  # fmt: skip
FLOAT = st.floats(allow_nan=False)


@given(FRAGMENTS)
def test_fragments_are_exact_whatever_they_hold(some: list[Fragment]) -> None:
    assert unpack_fragments(pack_fragments(some)) == tuple(some)


def test_ordinary_fragments_take_little_more_than_their_hashes() -> None:
    some = fragments(60)
    assert unpack_fragments(pack_fragments(some)) == some
    assert len(pack_fragments(some)) < 60 * (32 + 8)


def test_a_hash_has_32_bytes() -> None:
    with pytest.raises(DatabaseError, match="32 bytes"):
        pack_fragments([replace(fragments(1)[0], sha256=b"short")])


@st.composite
def lines(draw: st.DrawFn) -> Line:
    n = draw(st.integers(0, 40))
    unit = st.floats(-0.5, 1.5)
    return Line(
        draw(arrays.arrays(np.int64, n, elements=st.integers(-(2**63), 2**63 - 1))),
        draw(arrays.arrays(np.float64, (n, 4), elements=unit)),
        draw(arrays.arrays(np.float64, n, elements=st.floats(0, 1))),
    )


@given(lines())
def test_a_track_comes_back_to_one_part_in_65535(line: Line) -> None:
    found = unpack_line(pack_line(line))
    assert np.array_equal(found.at_ns, line.at_ns)
    assert found.at_ns.dtype == np.int64
    assert found.box.shape == line.box.shape
    assert np.abs(found.box - line.box).max(initial=0.0) <= 1 / STEPS
    assert np.abs(found.score - line.score).max(initial=0.0) <= 1 / STEPS


def test_a_track_is_compact() -> None:
    n = 600
    at = np.arange(n, dtype=np.int64) * 83_333_333 + np.random.default_rng(1).integers(-500_000, 500_000, n)
    x = 0.1 + 0.001 * np.arange(n)
    box = np.column_stack([x, x * 0 + 0.4, x + 0.05, x * 0 + 0.6])
    packed = pack_line(Line(at, box, np.full(n, 0.8)))
    assert len(packed) < 10 * n, "raw it would be 48 bytes a point"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e9])
def test_what_is_no_place_in_a_picture_is_refused(bad: float) -> None:
    with pytest.raises(DatabaseError, match="no numbers"):
        pack_line(Line(np.zeros(1, np.int64), np.full((1, 4), bad), np.ones(1)))


@given(
    st.none() | st.tuples(FLOAT, FLOAT), st.none() | st.tuples(FLOAT, FLOAT, FLOAT, FLOAT),
    st.lists(st.tuples(FLOAT, FLOAT, FLOAT), max_size=30),
)  # fmt: skip
def test_geometry_is_exact(
    anchor: tuple[float, float] | None, box: tuple[float, float, float, float] | None, trace: list[tuple[float, ...]]
) -> None:
    path = tuple((t, x, y) for t, x, y in trace)
    assert unpack_geometry(pack_geometry(anchor, box, path)) == (anchor, box, path)


@given(arrays.arrays(np.float64, (3, 5), elements=st.floats(allow_nan=False)))
def test_cells_are_exact(cells: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> None:
    assert np.array_equal(unpack_cells(pack_cells(cells), 3, 5), cells)


@given(st.binary(max_size=200))
def test_rubbish_is_refused(data: bytes) -> None:
    for unpack in (unpack_fragments, unpack_line, unpack_geometry):
        with suppress(DatabaseError):
            unpack(data)


@pytest.mark.parametrize("cut", [1, 10, 40])
def test_what_is_cut_short_is_refused(cut: int) -> None:
    line = Line(np.arange(5, dtype=np.int64), np.full((5, 4), 0.5), np.ones(5))
    for data, unpack in ((pack_fragments(fragments(5)), unpack_fragments), (pack_line(line), unpack_line)):
        with pytest.raises(DatabaseError):
            unpack(data[:-cut])
    with pytest.raises(DatabaseError):
        unpack_cells(pack_cells(np.zeros((2, 2))), 2, 3)
