"""The paper's figure 3 in miniature: two modes, one better. Who keeps both, who picks the better one?"""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from rcd_ros.data.windows.batches import Windows
from rcd_ros.generative.consistency import ConsistencyFunction
from rcd_ros.generative.edm import denoise, karras_grid
from rcd_ros.generative.samplers import heun
from rcd_ros.networks.build import build_network, start_from
from rcd_ros.networks.critic import CriticEnsemble
from rcd_ros.training.critic import CriticObjective
from rcd_ros.training.loop import train
from rcd_ros.training.method import Objective, StudentObjective, TeacherObjective
from rcd_ros.training.processes import Processes
from rcd_ros.training.recipe import CriticRecipe, NoiseRecipe, OptimizerRecipe, StudentRecipe
from tests.training.synthetic import windows_of

pytestmark = pytest.mark.slow

NOISE = NoiseRecipe()
NETWORK = {"kind": "residual_mlp", "width": 64, "blocks": 2, "embedding": 32}
SHAPE = {"horizon": 2, "actions": 1, "condition": 1}
COUNT = 4_000


def run(objective: Objective[nn.Module], data: Windows, steps: int, folder: Path) -> nn.Module:
    folder.mkdir()
    recipe = OptimizerRecipe(steps=steps, batch=128, learning_rate=3e-3, ema=0.99, save_every=10_000)
    processes = Processes(torch.device("cpu"))
    return train(
        objective, data, None, recipe, folder, seed=0, fingerprint="", label=folder.name, processes=processes
    ).eval()


@pytest.fixture(scope="module")
def data() -> Windows:
    """Chunks near (-1, -1) and (1, 1), as many of each; the return is that of the sign."""
    generator = torch.Generator().manual_seed(0)
    side = torch.randint(0, 2, (COUNT, 1, 1), generator=generator) * 2.0 - 1.0
    chunk = side + 0.1 * torch.randn(COUNT, 2, 1, generator=generator)
    return windows_of(torch.zeros(COUNT, 1), chunk, side.reshape(-1))


@pytest.fixture(scope="module")
def teacher(data: Windows, tmp_path_factory: pytest.TempPathFactory) -> nn.Module:
    torch.manual_seed(0)
    network = build_network(NETWORK, jumps=False, **SHAPE)
    return run(TeacherObjective(network, NOISE), data, 800, tmp_path_factory.mktemp("work") / "teacher")


@pytest.fixture(scope="module")
def critic(data: Windows, tmp_path_factory: pytest.TempPathFactory) -> CriticEnsemble:
    torch.manual_seed(0)
    ensemble = CriticEnsemble(1, 1, members=2, steps=2, widths=(32, 32))
    objective = CriticObjective(ensemble, CriticRecipe(command_noise=0.2))
    trained = run(objective, data, 200, tmp_path_factory.mktemp("work") / "critic")
    assert isinstance(trained, CriticEnsemble)
    return trained


def one_step_samples(
    teacher: nn.Module, critic: CriticEnsemble, data: Windows, folder: Path, recipe: StudentRecipe
) -> Tensor:
    torch.manual_seed(0)
    student = build_network(NETWORK, jumps=True, **SHAPE)
    start_from(student, teacher)
    bounds = torch.tensor([[-3.0], [3.0]])
    objective = StudentObjective(student, copy.deepcopy(teacher), critic, recipe, NOISE, bounds)
    trained = run(objective, data, recipe.optimizer.steps, folder)
    function = ConsistencyFunction(trained, torch.zeros(COUNT, 1), NOISE.sigma_data, NOISE.sigma_min)
    with torch.no_grad():
        return function.sample(fresh_noise(), NOISE.sigma_max).mean(dim=(1, 2))


def fresh_noise() -> Tensor:
    return torch.randn(COUNT, 2, 1, generator=torch.Generator().manual_seed(9))


def near(samples: Tensor, mode: float) -> float:
    """Share of the samples within 0.4 of a mode."""
    return float(((samples - mode).abs() < 0.4).float().mean())


def test_the_teacher_keeps_both_modes(teacher: nn.Module) -> None:
    def denoiser(x: Tensor, sigma: float) -> Tensor:
        return denoise(teacher, x, torch.full((COUNT,), sigma), torch.zeros(COUNT, 1), NOISE.sigma_data)

    grid = karras_grid(18, NOISE.sigma_min, NOISE.sigma_max).tolist()
    with torch.no_grad():
        samples = heun(denoiser, NOISE.sigma_max * fresh_noise(), grid)
    samples = samples.mean(dim=(1, 2))
    assert near(samples, -1.0) > 0.35
    assert near(samples, 1.0) > 0.35


def test_the_unrewarded_student_keeps_both_modes(
    teacher: nn.Module, critic: CriticEnsemble, data: Windows, tmp_path: Path
) -> None:
    recipe = StudentRecipe(optimizer=OptimizerRecipe(steps=500), dsm_landing="start")
    samples = one_step_samples(teacher, critic, data, tmp_path / "plain", recipe)
    assert near(samples, -1.0) > 0.3
    assert near(samples, 1.0) > 0.3


def test_the_rewarded_student_picks_the_better_mode(
    teacher: nn.Module, critic: CriticEnsemble, data: Windows, tmp_path: Path
) -> None:
    recipe = StudentRecipe(
        optimizer=OptimizerRecipe(steps=500), dsm_landing="start", reward=1.0, trust_region=1.0, reward_ramp=100
    )
    samples = one_step_samples(teacher, critic, data, tmp_path / "rewarded", recipe)
    assert near(samples, 1.0) >= 0.95
