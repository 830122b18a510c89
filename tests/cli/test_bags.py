"""Bags as a person uses them: record a run, plan it again, make a data set of it, train on that."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rcd_ros.data.bags.bag import Bag
from rcd_ros.data.storage.datasets import list_datasets, load_dataset
from rcd_ros.planning.checkpoint import checkpoint_sha256
from tests.cli.processes import RCD, run_rcd
from tests.data.bags.bag_files import joint_state, observe, trajectory, write_bag
from tests.data.bags.test_robot_bags import TASK as ROBOT
from tests.data.bags.test_robot_bags import observed
from tests.planning.tiny import write_tiny
from tests.training.tiny_recipe import RECIPE

pytest.importorskip("gymnasium_robotics")
from rcd_ros.tasks.catalogue import get_task

STEPS = 20
DATASET = "rcd/kitchen/tiny-v0"
TASK = ROBOT + "columns:\n  bag: {command: next_observation}\n"


def test_a_run_is_recorded_planned_again_and_trained_on(
    domain: int, rcd: Callable[..., int], planner: Path, datasets_root: Path, tmp_path: Path
) -> None:
    """From a robot to a desk: every plan is the same there, every step as the simulator did it, and both can be used.

    Plans are made in every period and kept for three, by nodes in processes of their own.
    """
    bag = tmp_path / "run"
    given = {
        "checkpoint": planner,
        "engine": "onnxruntime",
        "episodes": 3,
        "episode_steps": STEPS,
        "seed": 5,
        "execute": 3,
    }
    done = run_rcd("launch", "kitchen_sim", *(f"{name}:={value}" for name, value in given.items()), f"record:={bag}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "/task_completions" in Bag(bag).types, "a topic without messages is in the bag, too"

    report = tmp_path / "replay.json"
    assert rcd("replay", bag, planner, "--json", report) == 0
    result = json.loads(report.read_text())
    assert result["plans"]["different"] == 0 and result["largest_difference"] <= 1e-6
    assert result["plans"]["same"] >= 3 * STEPS - 2, "the first plan may be there before the recorder listens"
    assert {plan["seed"] for plan in result["replayed"] if plan["verdict"] == "same"} == {5}
    assert result["recorded_checkpoint_sha256"] == checkpoint_sha256(planner)

    assert rcd("data", "from-bag", bag, "--task", "kitchen", "--name", DATASET) == 0
    episodes = load_dataset(DATASET).episodes
    assert len(episodes) == 3
    simulation = get_task("kitchen", episode_steps=STEPS).make_simulation()
    for seed, episode in enumerate(episodes[1:], start=6):
        observation = simulation.reset(seed)
        assert len(episode) == STEPS - 1
        for step, action in enumerate(episode.actions):
            assert episode.observations[step] == pytest.approx(observation, abs=1e-3)
            observation = simulation.step(action.astype(np.float64) * 2.0).observation
    simulation.close()

    (tmp_path / "recipe.yaml").write_text(RECIPE)
    arguments = ("--output", tmp_path / "trained", "--threads", 1)
    assert rcd("train", "teacher", tmp_path / "recipe.yaml", *arguments, "teacher.optimizer.steps=1") == 0
    assert (tmp_path / "trained" / "teacher.safetensors").is_file()


def test_a_recording_ends_whole_on_ctrl_c(domain: int, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*RCD, "record", "--output", str(tmp_path / "run")], stderr=subprocess.PIPE, start_new_session=True
    )
    assert process.stderr is not None
    assert b"recording into" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    assert b"Traceback" not in process.stderr.read()
    assert process.wait(timeout=60.0) == 0
    assert (tmp_path / "run" / "metadata.yaml").is_file()


def test_wrong_input_is_one_sentence(
    rcd: Callable[..., int], planner: Path, datasets_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_tiny(tmp_path / "tiny")
    plan = [[0.1, 0.2]] * 4
    run = write_bag(
        tmp_path / "run", [*observe(0, 0, [0.0] * 5), trajectory(9, 0, plan), *observe(99, 10**8, [0.0] * 5)]
    )

    def refused(said: str, *arguments: object) -> None:
        assert rcd(*arguments) == 2
        error = capsys.readouterr().err
        assert error.startswith("rcd: error: ") and error.count("\n") == 1 and said in error, error

    refused("exists already", "record", "--output", tmp_path)
    refused("there is no bag", "replay", tmp_path / "none", planner)
    refused("there is no checkpoint", "replay", run, tmp_path / "none")
    refused("of task 'kitchen'; it holds /joint_states", "replay", run, planner)
    refused("lacks topic '/right/joint_states'", "replay", run, tmp_path / "tiny", "--namespace", "right")
    refused("--remap takes name:=/recorded/name", "replay", run, tmp_path / "tiny", "--remap", "joint_states=x")
    refused("unknown engine 'abacus'", "replay", run, tmp_path / "tiny", "--engine", "abacus")
    refused("there is no task 'kitchn'", "data", "from-bag", run, "--task", "kitchn", "--name", DATASET)
    refused("lacks topic", "data", "from-bag", run, "--task", "kitchen", "--name", DATASET)
    refused("is no data set name", "data", "from-bag", run, "--task", "kitchen", "--name", "bag")
    assert list_datasets() == {}


def test_other_plans_are_shown_and_end_with_exit_code_1(
    rcd: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_tiny(tmp_path / "tiny")
    events = [event for step in range(4) for event in observe(step * 10**8, step * 10**8, [0.1 * step] * 5)]
    plans = [trajectory(step * 10**8 + 9, step * 10**8, [[0.1, 0.2]] * 4) for step in range(4)]
    run = write_bag(tmp_path / "run", [*events, *plans])
    assert rcd("replay", run, tmp_path / "tiny", "--json", tmp_path / "replay.json") == 1
    output = capsys.readouterr().out
    assert "different" in output and "the bag has no diagnostics of a planner" in output
    result = json.loads((tmp_path / "replay.json").read_text())
    assert result["same"] is False and len(result["replayed"]) == 4


def test_a_replay_that_could_compare_little_does_not_end_well(
    rcd: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_tiny(tmp_path / "tiny")
    events = [event for step in range(20, 24) for event in observe(step * 10**8, step * 10**8, [0.1 * step] * 5)]
    arms = [event for event in events if event[1] != "/object_states"]
    doors = [
        (time, "/object_states", kind, joint_state(step * 10**8 - 3 * 10**7, ["door"], [0.1], [0.0]))
        for step, (time, _, kind, _) in enumerate(arms, start=20)
    ]
    plans = [trajectory(step * 10**8 + 9, step * 10**8, [[0.1, 0.2]] * 4) for step in range(20, 24)]
    run = write_bag(tmp_path / "run", sorted([*arms, *doors, *plans], key=lambda event: event[0]))
    assert rcd("replay", run, tmp_path / "tiny", "--json", tmp_path / "replay.json") == 1
    assert "set stamp_tolerance to 0.03" in capsys.readouterr().out.replace("\n", " ")
    result = json.loads((tmp_path / "replay.json").read_text())
    assert (result["outcome"], result["plans"]["same"]) == ("incomplete", 0)
    assert rcd("replay", run, tmp_path / "tiny", "--stamp-tolerance", 0.03) == 1, "now they are compared, and differ"


def test_from_bag_and_import_are_the_same(
    rcd: Callable[..., int], datasets_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "task.yaml").write_text(TASK)
    (tmp_path / "bags").mkdir()
    for number in range(2):
        write_bag(tmp_path / "bags" / f"run{number}", sorted(observed(1.0), key=lambda event: event[0]))
    (tmp_path / "bags" / "run2").mkdir()
    (tmp_path / "bags" / "run2" / "metadata.yaml").write_text("nonsense")
    assert rcd("data", "from-bag", tmp_path / "bags", "--task", tmp_path / "task.yaml", "--name", "rcd/a-v0") == 0
    told = capsys.readouterr().out
    assert rcd("data", "import", tmp_path / "bags", "--task", tmp_path / "task.yaml", "--name", "rcd/b-v0") == 0
    assert capsys.readouterr().out.replace("rcd/b-v0", "rcd/a-v0") == told
    assert "REFUSED: run2" in told
    one, other = load_dataset("rcd/a-v0"), load_dataset("rcd/b-v0")
    assert len(one.episodes) == 2 and one.content_hash == other.content_hash
