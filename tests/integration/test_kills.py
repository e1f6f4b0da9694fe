"""kill -9 of recorder, analyzer and server at random moments, twenty times, on real cameras and real files."""

from __future__ import annotations

import pytest
from benchmarks.kills import GOPS_S, MOST_LOST_S, Outcome, kill, short_plans


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> list[Outcome]:
    return kill(short_plans(), tmp_path_factory.mktemp("kills"))


@pytest.mark.slow
def test_what_a_killed_recorder_leaves_behind(outcomes: list[Outcome]) -> None:
    recorder, _ = outcomes
    seeds = [outcome.plan.seed for outcome in outcomes]
    assert len(recorder.restarts_s) == recorder.plan.kills, seeds
    for outcome in outcomes:
        assert outcome.findings == (), seeds
        assert outcome.stopped_well, seeds
        for gop in GOPS_S:
            losses = outcome.losses[gop]
            assert all(loss.lost_s <= MOST_LOST_S for loss in losses), (seeds, gop, losses)
            assert all(loss.holes == loss.broken == 0 for loss in losses), (seeds, gop, losses)


@pytest.mark.slow
def test_killed_analyzers_and_servers_cost_no_packet(outcomes: list[Outcome]) -> None:
    others = outcomes[-1]
    for gop in GOPS_S:
        (loss,) = others.losses[gop]
        assert loss.holes == loss.broken == 0, others.plan.seed
        # It was one connection all the time, and what it brought last is in the files too.
        assert loss.lost_s < 0.5, (others.plan.seed, loss)
