"""kill -9 of recorder, analyzer and server at random moments, twenty times, on real cameras and real files."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.kills import GOPS_S, MOST_LOST_S, kill, short_plans


@pytest.mark.slow
def test_twenty_kills(tmp_path: Path) -> None:
    recorder, others = outcomes = kill(short_plans(), tmp_path)
    seeds = [outcome.plan.seed for outcome in outcomes]
    assert len(recorder.restarts_s) == recorder.plan.kills, seeds
    for outcome in outcomes:
        assert outcome.findings == (), seeds
        assert outcome.stopped_well, seeds
        for gop in GOPS_S:
            losses = outcome.losses[gop]
            assert all(loss.lost_s <= MOST_LOST_S for loss in losses), (seeds, gop, losses)
            assert all(loss.holes == loss.broken == 0 for loss in losses), (seeds, gop, losses)
    for gop in GOPS_S:
        # Killed analyzers and servers: one connection all the time, and what it brought last is in the files too.
        (loss,) = others.losses[gop]
        assert loss.lost_s < 0.5, (seeds, loss)
