import json
from pathlib import Path

import numpy as np
import pytest

from rcd_ros.data.episodes import Dataset, Episode
from rcd_ros.errors import RcdError
from rcd_ros.evaluation.offline import choose_episodes, evaluate_offline, judge, starts_of
from rcd_ros.planning.channels import CommandChannel, ObservationChannel
from rcd_ros.planning.checkpoint import verify
from rcd_ros.planning.manifest import Manifest
from rcd_ros.planning.spec import ScoreSpec, TaskSpec
from rcd_ros.resources import find_resource

SPEC = TaskSpec(
    name="slide",
    control_period=0.1,
    episode_steps=50,
    observations=(
        ObservationChannel(
            name="arm",
            kind="joint_position",
            topic="joint_states",
            joints=("a", "b"),
            units=("m", "rad"),
            columns=(0, 1),
        ),
    ),
    command=CommandChannel(
        topic="joint_trajectory",
        interface="position",
        joints=("a", "b"),
        units=("m", "rad"),
        lower=(-9.0, -9.0),
        upper=(9.0, 9.0),
        scale=(1.0, 1.0),
        columns=(0, 1),
    ),
    score=ScoreSpec(kind="completions", goals=("success",), reference_high=1.0),
)
HORIZON, EXECUTE = 4, 2


def _episode(steps: int, begin: float = 0.0) -> Episode:
    """Joint a goes 0.1 m a step, joint b stays."""
    a = begin + 0.1 * np.arange(steps + 1)
    observations = np.stack((a, np.ones_like(a)), axis=1).astype(np.float32)
    return Episode(observations, observations[1:], np.zeros(steps, np.float32), False, True)


def _judge(plan, episodes):
    starts = starts_of(episodes, SPEC, 1, HORIZON, EXECUTE, 1000)
    *_, errors = judge(plan, starts, HORIZON, EXECUTE, np.array([0.5, 0.5]), step_size=0.1)
    return errors


def test_plans_are_compared_from_every_place_where_one_would_be_made():
    starts = starts_of([_episode(5), _episode(4, 1.0)], SPEC, 2, HORIZON, EXECUTE, 1000)
    assert [(start.episode, start.step) for start in starts] == [(0, 0), (0, 2), (0, 4), (1, 0), (1, 2)]
    np.testing.assert_allclose(starts[1].history[:, 0], [0.1, 0.2], atol=1e-6)
    np.testing.assert_allclose(starts[1].chunk[:, 0], [0.3, 0.4, 0.5], atol=1e-6)
    np.testing.assert_allclose(starts[0].last, [0.0, 1.0], atol=1e-6)
    np.testing.assert_allclose(starts[1].last, [0.2, 1.0], atol=1e-6)


def test_the_first_episode_counts_whole_whatever_is_asked_for():
    assert len(starts_of([_episode(8), _episode(8)], SPEC, 1, HORIZON, EXECUTE, 1)) == 4


def test_a_planner_that_does_what_was_done_makes_no_error():
    def plan(history):
        return np.stack((history[-1, 0] + 0.1 * np.arange(1, HORIZON + 1), np.ones(HORIZON)), axis=1)

    errors = _judge(plan, [_episode(8)])
    np.testing.assert_allclose(errors.by_joint, 0.0, atol=1e-6)
    np.testing.assert_allclose(errors.by_step, 0.0, atol=1e-6)
    assert errors.seam == pytest.approx(0.0, abs=1e-5)


def test_errors_are_told_by_joint_by_step_and_at_the_seams():
    errors = _judge(lambda history: np.tile(history[-1], (HORIZON, 1)), [_episode(20), _episode(20, 3.0)])
    assert errors.by_joint.shape == (2, 2)
    assert errors.by_joint[:, 1] == pytest.approx([0.0, 0.0], abs=1e-6)
    # 0.1 m more with every step of the chunk, in half metres; the mean square of two joints.
    np.testing.assert_allclose(errors.by_step, np.arange(1, 5) * 0.2 / np.sqrt(2.0), rtol=1e-5)
    # From one plan to the next joint a jumps by two steps: 0.4 of its scale; the mean of two joints in steps of 0.1.
    assert errors.seam == pytest.approx(2.0, rel=1e-4)


def _kitchen(count: int, steps: int = 20) -> Dataset:
    random = np.random.default_rng(0)
    mean = np.asarray(_manifest().normalizer.observation_mean)
    observed = np.zeros((steps + 1, 59), np.float32)
    observed[:, _manifest().task.observation_columns] = mean
    episodes = [
        Episode(
            observed + random.normal(scale=0.01, size=observed.shape).astype(np.float32),
            random.uniform(-1, 1, (steps, 9)).astype(np.float32),
            np.zeros(steps, np.float32),
            False,
            True,
        )
        for _ in range(count)
    ]
    return Dataset("rcd/kitchen/random-v0", {"task": "kitchen"}, "other", episodes)


def _manifest() -> Manifest:
    return verify(find_resource("models/kitchen-complete"))


def test_held_out_episodes_are_those_that_training_held_out():
    manifest, data = _manifest(), _kitchen(20)
    same = Dataset(data.name, data.metadata, manifest.provenance.dataset_hash, data.episodes)
    chosen, said = choose_episodes(manifest, same)
    assert len(chosen) == 1 and "held out" in said
    assert len(choose_episodes(manifest, data)[0]) == 20
    recipe = {**manifest.provenance.recipe, "held_out": 0.0}
    none = manifest.model_copy(update={"provenance": manifest.provenance.model_copy(update={"recipe": recipe})})
    assert "TRAINED ON" in choose_episodes(none, same)[1]


@pytest.mark.slow
def test_all_policies_are_compared_and_the_result_is_json():
    folder, manifest = find_resource("models/kitchen-complete"), _manifest()
    result = evaluate_offline(folder, manifest, _kitchen(2), seed=0, most=30)
    assert list(result.policies) == ["student", "teacher", "bc_mean", "repeat"]
    assert result.plans == 30
    summary = json.loads(json.dumps(result.summary(manifest.task)))
    assert summary["units"]["panda0_joint1"] == "rad/s"
    assert len(summary["policies"]["teacher"]["rmse_by_step_in_standard_deviations"]) == manifest.horizon
    assert "not a success rate" in summary["note"]
    assert np.isfinite(result.predicted_return)


def test_data_of_another_task_are_refused():
    data = Dataset("rcd/maze-v0", {"task": "maze-large"}, "", _kitchen(1).episodes)
    with pytest.raises(RcdError, match="maze-large"):
        evaluate_offline(Path("nowhere"), _manifest(), data, seed=0, most=1)
