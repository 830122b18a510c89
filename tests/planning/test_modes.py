"""What each execution mode keeps of the plan in hand when a new chunk is there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rcd_ros.errors import RcdError
from rcd_ros.planning.execution.modes import (
    MODES,
    Chunk,
    FirstAction,
    Mode,
    ModeSettings,
    Plan,
    Splice,
    TemporalEnsemble,
    make_mode,
)

PERIOD = 80_000_000


def ramp(start: float, horizon: int = 6) -> np.ndarray:
    """Commands (horizon, 1) that rise by one a period; chunks made a period apart agree when `start` is one apart."""
    return start + np.arange(horizon, dtype=float)[:, None]


def level(value: float, horizon: int = 6) -> np.ndarray:
    return np.full((horizon, 1), value)


def run(mode: Mode, chunks: list[np.ndarray], late: int = 0) -> list[float]:
    """The command due in each period when a chunk is offered in each, planned whenever it is wanted."""
    executed = []
    for k, chunk in enumerate(chunks):
        now = k * PERIOD
        if mode.wants(now):
            mode.next(chunk, now, now + late)
        assert mode.plan is not None
        due = mode.plan.due(now)
        assert due is not None
        executed.append(float(due[0]))
    return executed


@pytest.mark.parametrize("name", MODES)
def test_chunks_that_agree_are_executed_as_they_are(name: str) -> None:
    """Whatever a mode keeps and blends: where old and new say the same there is nothing to choose."""
    mode = make_mode(ModeSettings(name, execute=3), PERIOD)
    assert run(mode, [ramp(k) for k in range(20)]) == pytest.approx(list(range(20)))


@pytest.mark.parametrize("name", MODES)
def test_equal_calls_give_equal_plans(name: str) -> None:
    rng = np.random.default_rng(0)
    chunks = list(rng.standard_normal((12, 6, 1)))
    mode = make_mode(ModeSettings(name, execute=2), PERIOD)
    first = run(mode, chunks)
    mode.reset()
    assert run(mode, chunks) == first


@pytest.mark.parametrize("name", MODES)
@given(data=st.data())
def test_plans_stay_within_what_the_chunks_say(name: str, data: st.DataObject) -> None:
    """Every mode only chooses or averages: a command inside the limits stays inside them."""
    mode = make_mode(ModeSettings(name, execute=2, decay=data.draw(st.floats(-1.0, 1.0))), PERIOD)
    stamp = 0
    for _ in range(data.draw(st.integers(1, 8))):
        stamp += data.draw(st.integers(0, 4 * PERIOD))
        chunk = np.array(data.draw(st.lists(st.floats(-2.0, 2.0), min_size=1, max_size=6)))[:, None]
        plan = mode.next(chunk, stamp, stamp + data.draw(st.integers(0, 3 * PERIOD)))
        assert np.abs(plan.commands).max() <= 2.0 + 1e-12
        assert np.isfinite(plan.commands).all() and len(plan.commands) >= 1


def test_first_action_follows_the_newest_chunk() -> None:
    assert run(FirstAction(PERIOD), [level(k) for k in range(5)]) == [0, 1, 2, 3, 4]


def test_chunk_keeps_a_plan_for_the_periods_to_execute() -> None:
    assert run(Chunk(PERIOD, execute=3), [level(k) for k in range(8)]) == [0, 0, 0, 3, 3, 3, 6, 6]


def test_chunk_refuses_to_be_disturbed() -> None:
    """A node may plan on every observation all the same."""
    mode = Chunk(PERIOD, execute=3)
    mode.next(level(0), 0, 0)
    assert mode.next(level(1), PERIOD, PERIOD).stamp == 0
    assert mode.next(level(3), 3 * PERIOD, 3 * PERIOD).stamp == 3 * PERIOD


def test_a_chunk_shorter_than_execute_is_replaced_when_it_is_used_up() -> None:
    assert run(Chunk(PERIOD, execute=9), [level(k, horizon=2) for k in range(5)]) == [0, 0, 2, 2, 4]


def test_the_ensemble_is_acts_average() -> None:
    """Against the definition: weights exp(-m i), the oldest prediction at i = 0."""
    horizon, decay = 5, 0.3
    rng = np.random.default_rng(1)
    chunks = list(rng.standard_normal((12, horizon, 1)))
    expected = []
    for now in range(12):
        said = [chunks[made][now - made, 0] for made in range(max(0, now - horizon + 1), now + 1)]
        weights = np.exp(-decay * np.arange(len(said)))
        expected.append(float(np.average(said, weights=weights)))
    assert run(TemporalEnsemble(PERIOD, decay), chunks) == pytest.approx(expected)


def test_the_ensemble_interpolates_between_stamps() -> None:
    mode = TemporalEnsemble(PERIOD, decay=0.0)
    mode.next(ramp(0.0), 0, 0)
    plan = mode.next(ramp(0.5), PERIOD // 2, PERIOD // 2)
    assert plan.commands[:, 0] == pytest.approx(0.5 + np.arange(6))


def test_the_ensemble_forgets_what_is_past() -> None:
    mode = TemporalEnsemble(PERIOD)
    mode.next(level(5.0), 0, 0)
    assert mode.next(level(1.0), 6 * PERIOD, 6 * PERIOD).commands == pytest.approx(1.0)


def test_splice_commits_what_is_executed_before_the_plan_can_be_there() -> None:
    mode = Splice(PERIOD, delay=1, overlap=2)
    mode.next(level(0.0), 0, 0)
    plan = mode.next(level(1.0), PERIOD, PERIOD)
    commands = plan.commands[:, 0]
    assert commands[0] == 0.0
    assert (np.diff(commands) >= 0).all() and 0.0 < commands[1] < commands[2] < 1.0
    assert commands[3:].tolist() == [1.0, 1.0, 1.0]


def test_splice_commits_as_much_as_the_plan_is_late() -> None:
    mode = Splice(PERIOD, delay=1, overlap=0)
    mode.next(level(0.0), 0, 0)
    plan = mode.next(level(1.0), PERIOD, PERIOD + 2 * PERIOD + 1)
    assert plan.commands[:, 0].tolist() == [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]


def test_splice_without_delay_and_overlap_is_first_action() -> None:
    chunks = list(np.random.default_rng(2).standard_normal((9, 6, 1)))
    assert run(Splice(PERIOD, delay=0, overlap=0), chunks) == run(FirstAction(PERIOD), chunks)


def test_splice_after_a_gap_follows_the_new_plan_alone() -> None:
    mode = Splice(PERIOD, delay=2, overlap=2)
    mode.next(level(0.0, horizon=3), 0, 0)
    assert mode.next(level(1.0), 3 * PERIOD, 3 * PERIOD).commands == pytest.approx(1.0)


@pytest.mark.parametrize("name", MODES)
def test_an_older_chunk_changes_nothing(name: str) -> None:
    mode = make_mode(ModeSettings(name, execute=1), PERIOD)
    mode.next(level(1.0), 5 * PERIOD, 5 * PERIOD)
    plan = mode.next(level(2.0), 4 * PERIOD, 6 * PERIOD)
    assert plan.stamp == 5 * PERIOD and plan.commands == pytest.approx(1.0)


def test_a_plan_knows_what_is_due() -> None:
    plan = Plan(ramp(0.0, horizon=2), stamp=PERIOD, period=PERIOD)
    dues = [plan.due(now) for now in (PERIOD - 1, PERIOD, 2 * PERIOD - 1, 2 * PERIOD, 3 * PERIOD)]
    assert [None if due is None else due.tolist() for due in dues] == [None, [0.0], [0.0], [1.0], None]


def test_unusable_chunks_are_refused() -> None:
    mode = FirstAction(PERIOD)
    with pytest.raises(RcdError):
        mode.next(level(np.nan), 0, 0)
    with pytest.raises(RcdError, match=r"\(0, 1\)"):
        mode.next(np.empty((0, 1)), 0, 0)
    mode.next(level(0.0), 0, 0)
    with pytest.raises(RcdError, match=r"2.*1"):
        mode.next(np.zeros((6, 2)), PERIOD, PERIOD)


def test_unusable_options_are_refused() -> None:
    with pytest.raises(RcdError, match=r"slice.*splice"):
        make_mode(ModeSettings("slice"), PERIOD)
    with pytest.raises(RcdError, match="execute"):
        make_mode(ModeSettings("chunk", execute=0), PERIOD)
    with pytest.raises(RcdError, match="decay"):
        make_mode(ModeSettings("temporal_ensemble", decay=float("nan")), PERIOD)
    with pytest.raises(RcdError, match=r"delay.*-1"):
        make_mode(ModeSettings("splice", delay=-1), PERIOD)
