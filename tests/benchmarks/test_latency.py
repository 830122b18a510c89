"""A planner on the stopwatch: which observations it gets, and when its noise is drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rcd_ros.benchmarks.latency import WARM_UP, engine_latency
from rcd_ros.benchmarks.timing import rehearsal, shaped_rehearsal, varied_observations
from rcd_ros.planning.planner import Planner
from tests.planning.tiny import tiny_manifest, write_tiny


def test_observations_are_spread_like_the_training_data_and_repeatable() -> None:
    manifest = tiny_manifest()
    observations = varied_observations(manifest, count=4000)
    assert observations.shape == (4000, manifest.history, manifest.task.observation_size)
    assert observations.mean(axis=(0, 1)) == pytest.approx(1.0, abs=0.15)
    assert observations.std(axis=(0, 1)) == pytest.approx(2.0, abs=0.15)
    assert np.array_equal(observations, varied_observations(manifest, count=4000))
    assert not np.array_equal(observations, varied_observations(manifest, count=4000, seed=1))


def test_each_plan_is_made_from_the_next_observation(tmp_path: Path) -> None:
    write_tiny(tmp_path / "planner")
    rehearsed, planner = (Planner.load(tmp_path / "planner", "onnxruntime") for _ in range(2))
    observations = varied_observations(tiny_manifest(), count=3)
    plan = rehearsal(rehearsed, observations)
    for index in (0, 1, 2, 0, 1):
        assert np.array_equal(plan(), planner.plan(observations[index]))


def test_shaped_plans_follow_each_other_a_period_apart(tmp_path: Path) -> None:
    write_tiny(tmp_path / "planner")
    planner, spec = Planner.load(tmp_path / "planner", "onnxruntime"), tiny_manifest().task
    plan = shaped_rehearsal(planner, spec, varied_observations(tiny_manifest(), count=3))
    assert [plan().stamp for _ in range(4)] == [0, 100_000_000, 200_000_000, 300_000_000]
    assert not plan().points.velocities[-1].any()


def test_a_row_holds_whole_plans_the_networks_share_and_shaped_ones(tmp_path: Path) -> None:
    write_tiny(tmp_path / "planner")
    ticks: list[None] = []
    row = engine_latency(tmp_path / "planner", "onnxruntime", 1, 30, lambda: ticks.append(None), shape=True)
    assert (row.engine, row.nfe, row.plans) == ("onnxruntime", 1, 30)
    times = list(row.as_json().values())[3:]
    assert len(times) == 12
    for kind in (times[:4], times[4:8], times[8:]):
        assert kind[0] > 0.0 and kind == sorted(kind)
    assert len(ticks) == 3 * (WARM_UP + 30)


def test_times_that_were_not_measured_are_no_keys(tmp_path: Path) -> None:
    write_tiny(tmp_path / "planner")
    row = engine_latency(tmp_path / "planner", "onnxruntime", 1, 2, lambda: None)
    percentiles = ("p50_ms", "p95_ms", "p99_ms", "max_ms")
    keys = [*("engine", "nfe", "plans"), *percentiles, *(f"network_{name}" for name in percentiles)]
    assert list(row.as_json()) == keys
    assert row.shaped_p50_ms is None
