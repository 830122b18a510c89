"""The training loop: what survives a kill, what several processes agree on, what a NaN costs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

from rcd_ros.data.windows.batches import Batch, Windows
from rcd_ros.errors import RcdError
from rcd_ros.training.loop import learning_rate_factor, train
from rcd_ros.training.method import Objective
from rcd_ros.training.processes import Processes, join_processes
from rcd_ros.training.recipe import OptimizerRecipe
from rcd_ros.training.state import read_tensors
from tests.training.synthetic import windows_of

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).with_name("tiny_training.py")
CPU = Processes(torch.device("cpu"))


def run_program(folder: Path, *arguments: str, launcher: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    folder.mkdir(exist_ok=True)
    command = [sys.executable, *launcher, str(PROGRAM), str(folder), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(PROGRAM.parents[2])}
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False, env=environment)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uninterrupted")
    finished = run_program(folder, "-")
    assert finished.returncode == 0, finished.stderr
    return folder


def same_tensors(one: Path, other: Path) -> bool:
    first, second = load_file(one), load_file(other)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("kill_at", [5, 20, 37])
def test_killed_and_resumed_gives_the_same_weights(kill_at: int, uninterrupted: Path, tmp_path: Path) -> None:
    """Before the first save, right after one, and between two."""
    killed = run_program(tmp_path, str(kill_at))
    assert killed.returncode == -signal.SIGKILL
    resumed = run_program(tmp_path, "-", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert same_tensors(tmp_path / "last.safetensors", uninterrupted / "last.safetensors")
    assert same_tensors(tmp_path / "best.safetensors", uninterrupted / "best.safetensors")
    steps = [json.loads(line)["step"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    expected = [json.loads(line)["step"] for line in (uninterrupted / "metrics.jsonl").read_text().splitlines()]
    assert steps == expected, "a resumed log must neither repeat nor miss a step"


def test_metrics_reach_tensorboard_too(uninterrupted: Path) -> None:
    events = EventAccumulator(str(uninterrupted / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("held_out/loss")] == [10, 20, 30, 40]


def test_two_gloo_processes_train_one_network(uninterrupted: Path, tmp_path: Path) -> None:
    """Under torchrun both processes share gradients; only the first writes, and the loss still falls."""
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    finished = run_program(tmp_path, "-", launcher=launcher)
    assert finished.returncode == 0, finished.stderr[-2000:]
    together, alone = load_file(tmp_path / "last.safetensors"), load_file(uninterrupted / "last.safetensors")
    assert together.keys() == alone.keys()
    assert not same_tensors(tmp_path / "last.safetensors", uninterrupted / "last.safetensors")
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [10, 20, 30, 40]
    assert lines[-1]["held_out/loss"] < lines[0]["held_out/loss"]


class Exploding(Objective[torch.nn.Linear]):
    """A linear fit whose loss turns NaN at a step."""

    def __init__(self, at: int) -> None:
        super().__init__(torch.nn.Linear(2, 1))
        self.at, self.now = at, 0

    def begin_step(self, step: int) -> None:
        self.now = step

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        loss = (self.net(batch.condition).squeeze(1) - batch.returns).square().mean()
        loss = loss * float("nan") if self.now == self.at else loss
        return loss, {"loss": loss.detach()}


def exploding_windows() -> Windows:
    return windows_of(torch.randn(32, 2), torch.zeros(32, 1, 1), torch.randn(32))


def test_nan_stops_with_a_sentence_and_keeps_the_last_good_state(tmp_path: Path) -> None:
    recipe = OptimizerRecipe(steps=20, batch=8, save_every=5)
    with pytest.raises(RcdError, match=r"\b12\b.*last\.safetensors"):
        train(
            Exploding(12),
            exploding_windows(),
            None,
            recipe,
            tmp_path,
            seed=0,
            fingerprint="x",
            label="fit",
            processes=CPU,
        )
    tensors, metadata = read_tensors(tmp_path / "last.safetensors")
    assert metadata["step"] == 10
    assert all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values())


def test_another_recipes_state_is_not_continued(tmp_path: Path) -> None:
    recipe = OptimizerRecipe(steps=5, batch=8, save_every=5)
    options = {"seed": 0, "label": "fit", "processes": CPU}
    train(Exploding(-1), exploding_windows(), None, recipe, tmp_path, fingerprint="one", **options)  # type: ignore[arg-type]
    with pytest.raises(RcdError, match=r"last\.safetensors"):
        train(Exploding(-1), exploding_windows(), None, recipe, tmp_path, fingerprint="two", resume=True, **options)  # type: ignore[arg-type]


def test_damaged_state_is_reported(tmp_path: Path) -> None:
    (tmp_path / "last.safetensors").write_bytes(b"half a file")
    recipe = OptimizerRecipe(steps=5, batch=8)
    with pytest.raises(RcdError, match=r"last\.safetensors"):
        train(
            Exploding(-1),
            exploding_windows(),
            None,
            recipe,
            tmp_path,
            seed=0,
            fingerprint="one",
            label="fit",
            processes=CPU,
            resume=True,
        )


def test_learning_rate_warms_up_and_ends_near_zero() -> None:
    recipe = OptimizerRecipe(steps=100, warmup=10)
    factors = [learning_rate_factor(step, recipe) for step in range(100)]
    assert factors[0] == pytest.approx(0.1, abs=0.01)
    assert max(factors) == pytest.approx(factors[9], abs=0.03)
    assert factors[-1] < 0.001


def test_cuda_asked_for_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RcdError, match="cuda"), join_processes("cuda"):
        pass
