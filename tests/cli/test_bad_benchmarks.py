"""Bad input to the commands that make data, baselines, peers, sweeps and reports: one sentence, exit code 2."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rcd_ros.data.made.actor import Actor
from tests.planning.tiny import tiny_manifest, write_tiny
from tests.training.tiny_recipe import save_random_episodes

THIS_PYTHON = sys.executable


@pytest.fixture
def room(tmp_path: Path, datasets_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A planner, a data set, a policy for another robot; no environment of others' libraries."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_tiny(tmp_path / "planner", tiny_manifest())
    save_random_episodes()
    actor = {"weight0": np.ones((2, 5)), "bias0": np.zeros(2), "hidden": "relu", "output": "tanh"}
    Actor({name: np.asarray(value) for name, value in actor.items()}).save(tmp_path / "actor.npz")
    (tmp_path / "taken.json").write_text("{}")
    (tmp_path / "sweep.yaml").write_text("output: out\nmethods: {a: {baseline: bc}}\n")
    described = (
        f"output: {tmp_path}/out\ndatasets: {{a: {{dataset: rcd/kitchen/tiny-v0}}}}\nmethods: {{a: {{baseline: bc}}}}\n"
    )
    (tmp_path / "good.yaml").write_text(described)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("data make hopper-medium-repaly", "did you mean 'hopper-medium-replay'"),
        ("data make hopper", "there is no recipe for 'hopper'"),
        ("data make hopper-medium --version v3", "no version 'v3'"),
        ("data make hopper-medium --noise 0.5", "--noise has no effect with D4RL's 'hopper-medium'"),
        ("data make hopper-medium --expert {room}/actor.npz", "--expert is for medium-expert"),
        ("data make hopper-medium --medium {room}/none.npz", "there is no policy file"),
        ("data make hopper-medium --medium {room}/actor.npz", "reads 5 observed and gives 2 commanded values"),
        ("data make hopper-medium --medium {room}/taken.json", "neither .npz nor .zip"),
        ("data make hopper-medium-replay --steps 100", "takes neither --medium nor --steps"),
        ("data make hopper-medium --name bad", "no data set name"),
        ("data make maze-umaze --expert {room}/actor.npz", "--expert is for D4RL's nine data sets"),
        ("bench baselines rcd/none-v0", "no local data set 'rcd/none-v0'"),
        ("bench baselines rcd/kitchen/tiny-v0", "d3rlpy in an environment of its own"),
        ("bench baselines rcd/kitchen/tiny-v0 --method td3", "no baseline 'td3' (did you mean 'td3+bc'?)"),
        ("bench baselines rcd/kitchen/tiny-v0 --seeds 0,x", "--seeds 0,x: give whole numbers"),
        ("bench baselines rcd/kitchen/tiny-v0 --seeds 1,1", "--seeds 1,1: give different numbers"),
        ("bench baselines rcd/kitchen/tiny-v0 --python {room}/python", "there is no Python at"),
        ("bench baselines rcd/kitchen/tiny-v0 --python {python}", "has no d3rlpy"),
        ("bench baselines rcd/kitchen/tiny-v0 --task kitchn", "did you mean 'kitchen'"),
        ("bench baselines rcd/kitchen/tiny-v0 --into {room}/one", "--into"),
        ("bench peers {room}/none", "no checkpoint folder"),
        ("bench peers {room}/planner", "lerobot in an environment of its own"),
        ("bench peers {room}/planner --peer atc", "no peer 'atc' (did you mean 'act'?)"),
        ("bench peers {room}/planner --python {python}", "has no lerobot"),
        ("bench peers {room}/planner --json {room}/taken.json", "exists already"),
        ("bench report {room}/none", "there is no folder"),
        ("bench report {room}/planner", "holds no finished result"),
        ("sweep {room}/none.yaml", "there is no sweep at"),
        ("sweep {room}/sweep.yaml", "the key 'datasets' is missing"),
        ("sweep {room}/planner/student.onnx", "cannot be read"),
        ("sweep {room}/good.yaml --address 127.0.0.1:1", "there is no Ray cluster at '127.0.0.1:1'"),
        ("sweep {room}/good.yaml --address here:x", "there is no Ray cluster at 'here:x'"),
    ],
)
def test_bad_input_is_one_sentence(
    arguments: str, sentence: str, room: Path, rcd: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    if arguments.startswith(("sweep", "bench report")):
        for package in ("ray", "rliable"):
            pytest.importorskip(package, reason=f"needs {package}: pip install 'rcd_ros[sweep]'")
    before = contents(room)
    assert rcd(*(word.format(room=room, python=THIS_PYTHON) for word in arguments.split())) == 2
    *_, told = capsys.readouterr().err.splitlines()
    assert told.startswith("rcd: error: ")
    assert sentence in told
    assert contents(room) == before


def contents(room: Path) -> dict[Path, bytes]:
    """All files but those that other packages keep in the user's cache."""
    files = (path for path in room.rglob("*") if path.is_file() and room / "cache" not in path.parents)
    return {path: path.read_bytes() for path in files}
