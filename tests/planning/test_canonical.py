import math
from pathlib import Path

import numpy as np
import pytest

from rcd_ros.planning.channels import CommandChannel, ObservationChannel
from rcd_ros.planning.planner import Planner
from rcd_ros.planning.representation import Canonical, fit_canonical
from rcd_ros.planning.spec import ScoreSpec, TaskSpec
from rcd_ros.resources import find_resource
from tests.planning.tiny import tiny_manifest, write_tiny

SPEC = TaskSpec(
    name="turn",
    control_period=0.1,
    episode_steps=10,
    observations=(
        ObservationChannel(
            name="wrist",
            kind="joint_position",
            topic="joint_states",
            joints=("lift", "wrist"),
            units=("m", "rad"),
            columns=(0, 1),
            continuous=("wrist",),
        ),
        ObservationChannel(
            name="block",
            kind="body_pose",
            topic="block",
            joints=("block",),
            units=("m",) * 3 + ("1",) * 4,
            columns=tuple(range(2, 9)),
        ),
    ),
    command=CommandChannel(
        topic="joint_trajectory",
        interface="position",
        joints=("wrist",),
        units=("rad",),
        lower=(-math.inf,),
        upper=(math.inf,),
        scale=(1.0,),
        columns=(0,),
        continuous=("wrist",),
    ),
    score=ScoreSpec(kind="return", reference_high=1.0),
)
QUATERNION = slice(5, 9)


def _histories(count: int, rows: int = 1, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    histories = random.normal(size=(count, rows, 9))
    yaw = random.uniform(-1.5, 1.5, (count, rows))
    signs = random.choice((-1.0, 1.0), (count, rows))
    histories[..., QUATERNION] = 0.0
    histories[..., 5], histories[..., 8] = signs * np.cos(yaw / 2), signs * np.sin(yaw / 2)
    histories[..., 1] = 3.0 + yaw + 2 * math.pi * random.integers(-2, 3, (count, rows))
    return histories


def test_data_of_either_sign_come_to_one_hemisphere_around_their_own_mean():
    histories = _histories(500)
    canonical = fit_canonical(SPEC, histories.astype(np.float32))
    settled = canonical.histories(histories)[:, 0]
    mean = settled.mean(axis=0)
    assert (settled[:, QUATERNION] @ mean[QUATERNION] > 0.0).all()
    assert np.linalg.norm(mean[QUATERNION]) > 0.8
    again = Canonical(SPEC, mean).histories(histories)[:, 0]
    np.testing.assert_array_equal(again, settled)


def test_angles_come_within_half_a_turn_of_the_mean():
    histories = _histories(500)
    settled = fit_canonical(SPEC, histories.astype(np.float32)).histories(histories)[:, 0, 1]
    assert np.abs(settled - settled.mean()).max() < math.pi
    np.testing.assert_allclose(np.cos(settled), np.cos(histories[:, 0, 1]), atol=1e-9)


def test_both_signs_of_any_quaternion_have_the_same_representation():
    canonical = fit_canonical(SPEC, _histories(50).astype(np.float32))
    for histories in (_histories(20, rows=3, seed=1), np.zeros((1, 1, 9)) + np.eye(9)[7]):
        turned = histories.copy()
        turned[..., QUATERNION] *= -1.0
        np.testing.assert_array_equal(canonical.histories(turned), canonical.histories(histories))


def test_older_rows_follow_the_newest_one():
    canonical = fit_canonical(SPEC, _histories(50).astype(np.float32))
    history = np.zeros((2, 9))
    history[:, 5] = 1.0
    history[:, 1] = 3.0 + math.pi - 0.1, 3.0 + math.pi + 0.1 + 4 * math.pi
    settled = canonical.histories(history)
    assert abs(settled[1, 1] - settled[0, 1]) == pytest.approx(0.2)


def test_commands_of_a_turning_joint_come_back_to_the_turn_that_was_observed():
    canonical = fit_canonical(SPEC, _histories(50).astype(np.float32))
    history = np.zeros((1, 9))
    history[0, 5], history[0, 1] = 1.0, 3.0 + 6 * math.pi
    settled = canonical.histories(history)
    chunk = np.array([[3.1 + 2 * math.pi], [3.2], [3.3 - 2 * math.pi]])
    learned = np.array(canonical.chunks(chunk, settled))
    np.testing.assert_allclose(learned - settled[0, 1], [[0.1], [0.2], [0.3]])
    canonical.commands(learned, history, settled)
    np.testing.assert_allclose(learned[:, 0] - history[0, 1], [0.1, 0.2, 0.3])


def test_a_shipped_planner_plans_the_same_for_both_signs():
    planner = Planner.load(find_resource("models/kitchen-complete"), engine="onnxruntime")
    place = next(places.start for channel, places in planner.spec.placed() if channel.kind == "body_pose")
    observed = np.asarray(planner.normalizer.observation_mean)[None]
    turned = observed.copy()
    turned[0, place + 3 : place + 7] *= -1.0
    planner.reset(3)
    plan = planner.plan(observed)
    planner.reset(3)
    np.testing.assert_allclose(planner.plan(turned), plan, atol=1e-6)


def test_a_planner_of_a_turning_joint_plans_the_same_beyond_half_a_turn(tmp_path: Path) -> None:
    """Pins: the command of a continuous joint jumped from 0.28 to -0.56 rad/s where its driver wraps at +-pi."""
    write_tiny(tmp_path / "planner", tiny_manifest(SPEC, history=2))
    planner = Planner.load(tmp_path / "planner", engine="onnxruntime")
    observed = np.zeros((2, 9))
    observed[:, 5], observed[:, 1] = 1.0, (math.pi - 0.05, math.pi - 0.01)
    plan = planner.plan(observed)
    wrapped = observed.copy()
    wrapped[1, 1] -= 2.0 * math.pi
    planner.reset(0)
    np.testing.assert_allclose(planner.plan(wrapped), plan - 2.0 * math.pi, atol=1e-5)
    wrapped[0, 1] -= 2.0 * math.pi
    planner.reset(0)
    np.testing.assert_allclose(planner.plan(wrapped), plan - 2.0 * math.pi, atol=1e-5)
