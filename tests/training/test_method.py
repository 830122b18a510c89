"""What reaches the student, and what must not move while it learns."""

from __future__ import annotations

import pytest
import torch

from rcd_ros.data.windows.batches import Batch
from rcd_ros.networks.build import build_network, start_from
from rcd_ros.networks.critic import CriticEnsemble
from rcd_ros.training.critic import CriticObjective, pinball
from rcd_ros.training.method import StudentObjective, advantage_weight
from rcd_ros.training.recipe import CriticRecipe, NoiseRecipe, StudentRecipe

SHAPE = {"horizon": 4, "actions": 2, "condition": 3}
KIND = {"kind": "residual_mlp", "width": 32, "blocks": 1}


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    return Batch(
        torch.randn(32, 3, generator=generator),
        torch.randn(32, 4, 2, generator=generator),
        torch.randn(32, generator=generator),
    )


def objective(**weights: float | int | str) -> StudentObjective:
    torch.manual_seed(0)
    teacher = build_network(KIND, jumps=False, **SHAPE)
    student = build_network(KIND, jumps=True, **SHAPE)
    start_from(student, teacher)
    critic = CriticEnsemble(3, 2, steps=4, widths=(16,))
    bounds = torch.tensor([[-2.0, -2.0], [2.0, 2.0]])
    made = StudentObjective(student, teacher, critic, StudentRecipe(**weights), NoiseRecipe(), bounds)  # type: ignore[arg-type]
    made.begin_step(10_000)
    return made


def gradient_of(made: StudentObjective, batch: Batch) -> torch.Tensor:
    torch.manual_seed(1)
    loss, _ = made(batch)
    made.zero_grad()
    loss.backward()
    return torch.cat([p.grad.flatten() for p in made.net.parameters() if p.grad is not None])


def fit(made: CriticObjective, data: Batch, steps: int) -> None:
    """Train a critic on the whole batch."""
    optimizer = torch.optim.Adam(made.net.parameters(), 1e-2)
    for _ in range(steps):
        loss, _ = made(data)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        made.average(0.9)


def test_critics_gradient_reaches_the_student_and_nothing_else(batch: Batch) -> None:
    made = objective(reward=1.0, trust_region=1.0, ctm=0.0, dsm=0.0)
    assert float(gradient_of(made, batch).abs().sum()) > 0.0
    assert made.critic is not None
    for frozen in (made.critic, made.teacher, made.ema):
        assert all(p.grad is None and not p.requires_grad for p in frozen.parameters())


def test_reward_changes_the_gradient_and_its_absence_does_not_need_a_critic(batch: Batch) -> None:
    plain, rewarded = objective(), objective(reward=1.0)
    assert not torch.allclose(gradient_of(plain, batch), gradient_of(rewarded, batch))
    without = objective()
    without.critic = None
    assert torch.allclose(gradient_of(without, batch), gradient_of(plain, batch))


def test_nothing_is_rewarded_beyond_the_ceiling(batch: Batch) -> None:
    """Pins: a student that climbs the critic past everything the data ever got (critic exploitation)."""
    made = objective(reward=1.0, ctm=0.0, dsm=0.0)
    assert made.critic is not None
    made.critic.best.layers[-1].bias.data.fill_(-100.0)
    assert float(gradient_of(made, batch).abs().sum()) == 0.0
    made.critic.best.layers[-1].bias.data.fill_(100.0)
    assert float(gradient_of(made, batch).abs().sum()) > 0.0


def test_advantage_weights_favour_the_better_chunks(batch: Batch) -> None:
    made = objective(advantage=0.5)
    assert made.critic is not None
    weight = advantage_weight(made.critic, batch, 0.5)
    gap = made.critic(batch.condition, batch.chunk).mean(dim=0) - made.critic.ceiling(batch.condition)
    assert float(weight.mean()) == pytest.approx(1.0)
    order = gap.clamp(max=0.0).argsort()
    assert bool((weight[order].diff() >= 0.0).all())
    assert torch.equal(advantage_weight(objective().critic, batch, 0.0), torch.ones(len(batch)))


def test_projection_scores_what_the_teacher_would_make_of_the_chunk(batch: Batch) -> None:
    made = objective(reward=1.0, projection=0.5)
    made.teacher.forward = lambda x, noise, condition, target=None: torch.zeros_like(x)  # type: ignore[method-assign]
    seen: list[torch.Tensor] = []
    assert made.critic is not None
    made.critic.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[1]))
    far = torch.full_like(batch.chunk, 2.0)
    made.score(made.critic, batch, far)
    # a silent network denoises by c_skip alone: x sigma_data^2 / (sigma^2 + sigma_data^2)
    assert float(seen[0].mean()) == pytest.approx(2.0 / 1.25, abs=0.1)


def test_reward_weight_ramps_up(batch: Batch) -> None:
    made = objective(reward=0.5, reward_ramp=100)
    weights = []
    for step in (0, 50, 100, 5_000):
        made.begin_step(step)
        weights.append(made.reward_weight)
    assert weights == [0.0, 0.25, 0.5, 0.5]


@pytest.mark.parametrize(("sample", "same"), [("one_step", True), ("denoised", False)])
def test_the_reward_scores_the_chunk_the_robot_will_execute(batch: Batch, sample: str, same: bool) -> None:
    """The one-step chunk follows from observation and noise; a denoised one from the data's chunk, too."""
    made = objective(reward=1.0, ctm=0.0, dsm=0.0, reward_sample=sample)
    seen: list[torch.Tensor] = []
    assert made.critic is not None
    made.critic.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[1]))
    for chunk in (batch.chunk, -batch.chunk):
        torch.manual_seed(1)
        made(Batch(batch.condition, chunk, batch.returns))
    assert torch.equal(seen[0], seen[1]) is same
    assert float(seen[0].detach().abs().max()) <= 2.0, "inside the bounds"


def test_validation_reports_what_exploitation_is_seen_by(batch: Batch) -> None:
    metrics = objective(reward=1.0).validate(batch)
    assert {"loss", "predicted_return", "predicted_return_of_data", "trust_region"} <= metrics.keys()


def test_gradient_penalty_flattens_the_critic(batch: Batch) -> None:
    def steepness(penalty: float) -> float:
        torch.manual_seed(0)
        recipe = CriticRecipe(gradient_penalty=penalty, dropout=0.0)
        made = CriticObjective(CriticEnsemble(3, 2, steps=4, widths=(32,)), recipe)
        fit(made, batch, steps=100)
        chunk = batch.chunk.clone().requires_grad_()
        (slope,) = torch.autograd.grad(made.net(batch.condition, chunk).mean(dim=0).sum(), chunk)
        return float(slope.square().sum())

    assert steepness(10.0) < 0.5 * steepness(0.0)


def test_pinball_is_least_at_the_quantile() -> None:
    values = torch.linspace(0.0, 1.0, 1001)
    candidates = torch.linspace(0.0, 1.0, 101)
    losses = torch.stack([pinball(values - candidate, 0.9).mean() for candidate in candidates])
    assert float(candidates[losses.argmin()]) == pytest.approx(0.9, abs=0.011)


def test_a_critic_blind_to_commands_shows_it() -> None:
    """Returns that follow from the command alone: the held-out error is far below that with shuffled chunks."""
    chunk = torch.randn(512, 4, 2, generator=torch.Generator().manual_seed(0))
    data = Batch(torch.zeros(512, 3), chunk, chunk[:, 0, 0])
    torch.manual_seed(0)
    made = CriticObjective(CriticEnsemble(3, 2, steps=1, widths=(32,)), CriticRecipe(dropout=0.0))
    fit(made, data, steps=150)
    metrics = made.validate(data)
    assert metrics["error"] < 0.1
    assert metrics["error_shuffled"] > 1.0


def test_executed_steps_have_their_share_of_a_distance() -> None:
    from rcd_ros.generative.consistency import mean_square

    difference = torch.zeros(2, 4, 3)
    difference[0, 0] = 1.0
    difference[1, 1] = 1.0
    weight = torch.tensor([2.0, 2.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0])
    torch.testing.assert_close(mean_square(difference), torch.tensor([0.25, 0.25]))
    torch.testing.assert_close(mean_square(difference, weight), torch.tensor([0.5, 1.0 / 6.0]))
