"""Ratios of medians, turns, and a teacher in an engine that plans what the teacher in torch plans."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rcd_ros.benchmarks.speedup import (
    STUDENT_TURN,
    TEACHERS,
    SamplingNetwork,
    Side,
    load_sides,
    speedup_rows,
    time_sides,
)
from rcd_ros.benchmarks.timing import Subject, ratio_of_medians, take_turns
from rcd_ros.errors import RcdError
from rcd_ros.planning.checkpoint import load_tensors, verify
from rcd_ros.planning.engines.base import Engine, Program
from rcd_ros.planning.engines.choose import load_network
from rcd_ros.planning.planner import Planner
from rcd_ros.training.export import denoiser_program
from rcd_ros.training.policies import load_policy
from tests.planning.tiny import tiny_manifest, write_tiny
from tests.training.tiny_teacher import write_tiny_with_teacher


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("speedup") / "planner"
    write_tiny_with_teacher(folder, tiny_manifest())
    return folder


def lognormal(rng: np.random.Generator, median: float, shape: tuple[int, int]) -> np.ndarray:
    return (1e6 * median * np.exp(0.2 * rng.standard_normal(shape))).astype(np.int64)


def test_the_interval_brackets_the_ratio_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(60):
        slow, fast = lognormal(rng, 30.0, (40, 1)), lognormal(rng, 0.3, (40, 5))
        ratio = ratio_of_medians(slow, fast, resamples=200, seed=seed)
        assert ratio.low <= ratio.value <= ratio.high
        covered += ratio.low <= 100.0 <= ratio.high
    assert 51 <= covered <= 60


def test_drift_that_hits_both_sides_does_not_widen_the_interval() -> None:
    """Pins that a round is drawn as a whole: drawn one by one, the sides' medians would wander apart."""
    drift = np.linspace(1.0, 3.0, 60)[:, None]
    ratio = ratio_of_medians((drift * 20e6).astype(np.int64), (drift * np.full((1, 4), 1e6)).astype(np.int64))
    assert ratio.low == pytest.approx(20.0, rel=1e-3)
    assert ratio.high == pytest.approx(20.0, rel=1e-3)


def test_subjects_take_turns_prepared_before_each() -> None:
    order: list[str] = []

    def subject(name: str, turn: int) -> Subject:
        return Subject(lambda: order.append(name), lambda: order.append(name.upper()), turn)

    times = take_turns([subject("a", 2).time, subject("b", 1).time], rounds=3, tick=lambda: order.append("|"))
    assert "".join(order) == "AaaBb|" * 3
    assert [table.shape for table in times] == [(3, 2), (3, 1)]


@pytest.fixture(scope="module")
def program(checkpoint: Path) -> Program:
    manifest = verify(checkpoint)
    return denoiser_program(manifest, load_tensors(checkpoint, "teacher", manifest), "teacher")


@pytest.mark.parametrize(("sampler", "wanted", "made"), [("heun", 80, 79), ("ddim", 20, 20), ("dpm_solver_pp", 10, 10)])
def test_the_teacher_in_an_engine_plans_as_in_torch(
    checkpoint: Path, program: Program, sampler: str, wanted: int, made: int
) -> None:
    """Pins that what a solver remembers is not overwritten in the engine's output buffer."""
    manifest = verify(checkpoint)
    network = SamplingNetwork(load_network("onnxruntime", program), manifest, sampler, wanted)
    policy = load_policy(checkpoint, "teacher", wanted, sampler, seed=4)
    planner = Planner(manifest, Engine(network), seed=4)
    assert network.nfe == policy.nfe == made
    for history in np.random.default_rng(0).normal(size=(3, 2, 5)):
        assert planner.plan(history) == pytest.approx(policy.plan(history), abs=1e-4)


def test_noise_drawn_ahead_is_the_noise_of_the_plan(checkpoint: Path) -> None:
    ahead, policy = (load_policy(checkpoint, "teacher", 3, seed=2) for _ in range(2))
    for history in np.zeros((3, 2, 5)):
        ahead.prepare()
        ahead.prepare()
        assert np.array_equal(ahead.plan(history), policy.plan(history))
    ahead.prepare()
    ahead.reset(5)
    policy.reset(5)
    assert np.array_equal(ahead.plan(np.zeros((2, 5))), policy.plan(np.zeros((2, 5))))


def test_nothing_is_drawn_between_the_plans_of_a_turn(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pins that it was, while the teacher's evaluations ran one after the other in warm caches."""
    sides = load_sides(checkpoint, ["onnxruntime"], threads=1)
    for subject in sides.values():
        subject.prepare()

    def late(*_: object) -> None:
        raise AssertionError("noise was drawn inside a turn")

    monkeypatch.setattr("rcd_ros.planning.planner.standard_normal", late)
    # The student is one and the same against each teacher.
    for side in (Side("teacher heun 19 NFE", 19, who, "onnxruntime") for who in ("student", "teacher")):
        for _ in range(sides[side].turn):
            sides[side].call()


def test_student_teacher_and_the_deployed_teacher_alternate(checkpoint: Path) -> None:
    sides = load_sides(checkpoint, ["onnxruntime", "openvino"], threads=1)
    per_teacher = ["student", "teacher", "student", "teacher", "deployed"]
    assert [side.who for side in sides] == per_teacher * len(TEACHERS)
    assert list(dict.fromkeys(side.versus for side in sides)) == [
        *("teacher heun 79 NFE", "teacher heun 19 NFE", "teacher ddim 20 NFE", "teacher dpm_solver_pp 10 NFE")
    ]
    times = time_sides(sides, repeats=2, tick=lambda: None)
    assert {times[side].shape for side in sides if side.who == "student"} == {(2, STUDENT_TURN)}
    assert {times[side].shape for side in sides if side.who != "student"} == {(2, 1)}
    assert all((table > 0).all() for table in times.values())


def test_rows_compare_each_engine_with_itself_and_the_best_student_with_the_deployed_teacher() -> None:
    milliseconds = {
        ("student", "slow"): 2.0,
        ("teacher", "slow"): 100.0,
        ("student", "quick"): 0.5,
        ("teacher", "quick"): 40.0,
        ("deployed", "cpu"): 300.0,
    }
    times = {
        Side("teacher heun 79 NFE", 79, who, engine): np.full((4, 2), int(value * 1e6))  # type: ignore[arg-type]
        for (who, engine), value in milliseconds.items()
    }
    slow, quick = speedup_rows(times)
    assert (slow.engine, slow.ratio_same_engine) == ("slow", 50.0)
    assert (quick.engine, quick.ratio_same_engine) == ("quick", 80.0)
    assert slow.ratio_as_deployed == quick.ratio_as_deployed == 600.0
    assert (slow.engine_as_deployed, slow.device_as_deployed) == ("quick", "cpu")
    assert quick.ratio_as_deployed_ci95 == (600.0, 600.0)
    assert (quick.student_p50_ms, quick.teacher_p50_ms, quick.teacher_deployed_p50_ms) == (0.5, 40.0, 300.0)


def test_a_checkpoint_without_teacher_is_refused(tmp_path: Path) -> None:
    write_tiny(tmp_path / "planner")
    with pytest.raises(RcdError, match="teacher"):
        load_sides(tmp_path / "planner", ["onnxruntime"], threads=1)
