"""Advantage weighting of what teacher and student imitate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import typer
from torch import Tensor
from typer.testing import CliRunner

from rcd_ros.cli.train import train
from rcd_ros.data.windows.batches import Batch
from rcd_ros.errors import RcdError
from rcd_ros.networks.build import build_network
from rcd_ros.networks.critic import CriticEnsemble
from rcd_ros.planning.checkpoint import verify
from rcd_ros.training.method import TeacherObjective, advantage_weight
from rcd_ros.training.recipe import NoiseRecipe
from tests.training.tiny_recipe import RECIPE, save_random_episodes

app = typer.Typer()
app.command()(train)


class FirstCommand(CriticEnsemble):
    """Finds a chunk as good as its first command; the best of the data is 1."""

    def __init__(self) -> None:
        super().__init__(1, 1, members=1, widths=(4,))

    def forward(self, condition: Tensor, chunk: Tensor) -> Tensor:
        return chunk[None, :, 0, 0]

    def ceiling(self, condition: Tensor) -> Tensor:
        return torch.ones(len(condition))


BATCH = Batch(torch.zeros(3, 1), torch.tensor([1.0, -1.0, 3.0]).reshape(3, 1, 1).repeat(1, 4, 1), torch.zeros(3))


def test_worse_chunks_count_less_and_none_counts_more_than_the_best_of_the_data() -> None:
    good, bad, beyond = advantage_weight(FirstCommand(), BATCH, 0.5)
    assert float(bad / good) == pytest.approx(torch.tensor(-4.0).exp().item())
    assert float(beyond) == float(good)
    assert float(good + bad + beyond) == pytest.approx(3.0)


@pytest.mark.parametrize(("temperature", "counts"), [(0.01, False), (0.0, True)])
def test_a_teacher_s_loss_is_that_of_the_chunks_that_count(temperature: float, counts: bool) -> None:
    """The second chunk is 200 temperatures worse: what it is has no effect."""
    kind = {"kind": "residual_mlp", "width": 8, "blocks": 1}
    network = build_network(kind, horizon=4, actions=1, condition=1, jumps=False)
    objective = TeacherObjective(network, NoiseRecipe(), FirstCommand(), temperature)
    losses = []
    for bad in (-1.0, -7.0):
        chunk = torch.tensor([1.0, bad]).reshape(2, 1, 1).repeat(1, 4, 1)
        torch.manual_seed(1)
        losses.append(objective(Batch(torch.zeros(2, 1), chunk, torch.zeros(2)))[0].item())
    assert (losses[0] != pytest.approx(losses[1], rel=1e-3)) is counts


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "datasets").mkdir()
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "datasets"))
    save_random_episodes()
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    return tmp_path


@pytest.mark.slow
def test_a_weighted_teacher_s_critic_is_trained_before_it(room: Path) -> None:
    out = room / "out"
    arguments = ["all", str(room / "tiny.yaml"), "teacher.advantage=0.3", "--output", str(out), "--threads", "1"]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert (out / "critic.safetensors").stat().st_mtime_ns < (out / "teacher.safetensors").stat().st_mtime_ns
    assert verify(out / "checkpoint").provenance.recipe["teacher"]["advantage"] == 0.3
    assert json.loads((out / "teacher" / "metrics.jsonl").read_text().splitlines()[-1])["step"] == 6


def test_a_weighted_teacher_needs_its_critic(room: Path) -> None:
    arguments = ["teacher", str(room / "tiny.yaml"), "teacher.advantage=0.3", "--output", str(room / "out")]
    with pytest.raises(RcdError, match="critic"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
