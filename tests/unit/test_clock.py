from vedette.clock import SimulatedClock, SystemClock
from vedette.model.ports import Clock


def test_the_system_clock_runs() -> None:
    clock: Clock = SystemClock()
    utc, steady = clock.utc_ns(), clock.monotonic_ns()
    clock.sleep(0.002)
    assert clock.monotonic_ns() - steady >= 2_000_000
    assert abs(clock.utc_ns() - utc) < 60_000_000_000


def test_simulated_time_moves_only_when_told_to() -> None:
    clock = SimulatedClock(utc_ns=1_000)
    assert (clock.utc_ns(), clock.monotonic_ns()) == (1_000, 0)
    clock.sleep(3600.0)
    assert (clock.utc_ns(), clock.monotonic_ns()) == (1_000 + 3_600_000_000_000, 3_600_000_000_000)


def test_setting_the_wall_clock_does_not_move_the_steady_one() -> None:
    clock: SimulatedClock = SimulatedClock(utc_ns=10**18)
    clock.advance(1.0)
    clock.step(-3600.0)
    assert clock.utc_ns() == 10**18 - 3_599_000_000_000
    assert clock.monotonic_ns() == 1_000_000_000


def test_the_time_the_processor_worked_for_us() -> None:
    clock = SystemClock()
    before = clock.cpu_ns()
    sum(i * i for i in range(200_000))
    assert clock.cpu_ns() > before
