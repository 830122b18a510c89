"""Critics that bootstrap: their targets, and what they know that a regression on returns does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rcd_ros.data.episodes import Episode
from rcd_ros.data.windows.batches import Batch, Outcome, Windows
from rcd_ros.data.windows.cut import cut_outcomes
from rcd_ros.data.windows.tracks import join_tracks
from rcd_ros.errors import RcdError
from rcd_ros.networks.critic import CriticEnsemble, DeterministicActor
from rcd_ros.planning.manifest import NormalizerSpec
from rcd_ros.planning.representation import Canonical
from rcd_ros.tasks.catalogue import get_task
from rcd_ros.training.actor_critic import ActorCritic, ActorCriticObjective
from rcd_ros.training.critic import CriticObjective, expectile_loss
from rcd_ros.training.loop import train
from rcd_ros.training.material import prepare
from rcd_ros.training.method import Objective
from rcd_ros.training.processes import join_processes
from rcd_ros.training.recipe import CriticRecipe, OptimizerRecipe
from rcd_ros.training.recipe_file import make_recipe
from tests.training.synthetic import windows_of

GAMMA, MEAN, STD = 0.5, 3.0, 2.0


def hopping(rewards: list[float], terminated: bool) -> Episode:
    rng = np.random.default_rng(len(rewards))
    return Episode(
        rng.normal(size=(len(rewards) + 1, 11)).astype(np.float32),
        rng.uniform(-1, 1, size=(len(rewards), 3)).astype(np.float32),
        np.asarray(rewards, np.float32),
        terminated=terminated,
        truncated=not terminated,
    )


@pytest.fixture
def outcome() -> Outcome:
    """Of two actions, of one episode that fell and one that ran out of time."""
    spec = get_task("hopper").spec
    size, commands = spec.observation_size, spec.command.size
    unscaled = NormalizerSpec(
        observation_mean=(0.0,) * size,
        observation_std=(1.0,) * size,
        command_mean=(0.0,) * commands,
        command_std=(1.0,) * commands,
    )
    episodes = [hopping([1.0, 2.0, 4.0], terminated=True), hopping([1.0, 1.0], terminated=False)]
    tracks = join_tracks(episodes, range(2), spec, GAMMA)
    canonical = Canonical(spec, np.zeros(size))
    return cut_outcomes(tracks, tracks.inside(2), 1, 2, GAMMA, canonical, unscaled, (MEAN, STD))


def test_targets_are_rewards_and_what_follows_in_units_of_the_return(outcome: Outcome) -> None:
    value = torch.tensor([0.3, -0.2, 1.5])  # of the following states, standardised
    target = (outcome.gain + outcome.carry * value) * STD + MEAN
    physical = value * STD + MEAN
    rewards = torch.tensor([1.0 + GAMMA * 2.0, 2.0 + GAMMA * 4.0, 1.0 + GAMMA * 1.0])
    assert target == pytest.approx((rewards + GAMMA**2 * torch.tensor([1.0, 0.0, 1.0]) * physical).numpy())


def test_a_fall_ends_the_return_and_a_time_limit_does_not(outcome: Outcome) -> None:
    assert outcome.carry.tolist() == [GAMMA**2, 0.0, GAMMA**2]
    assert outcome.known.tolist() == [1.0, 1.0, 0.0]


def test_selected_outcomes_keep_all_their_tensors(outcome: Outcome) -> None:
    chosen = outcome.at(torch.tensor([2, 0])).to(torch.device("cpu"))
    assert torch.equal(chosen.gain, outcome.gain[[2, 0]])
    assert torch.equal(chosen.following, outcome.following[[2, 0]])
    assert torch.equal(chosen.known, outcome.known[[2, 0]])


def test_an_expectile_lies_between_the_mean_and_the_best() -> None:
    values, estimate = torch.tensor([0.0, 0.0, 0.0, 1.0]), torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([estimate], lr=0.3)
    for _ in range(300):
        optimizer.zero_grad()
        expectile_loss(values - estimate, 0.9).mean().backward()
        optimizer.step()
    assert estimate.item() == pytest.approx(0.9 / (0.9 + 3 * 0.1), abs=1e-3)  # 0.9 (1 - e) = 3 * 0.1 e


# A corridor of two states, driven twice: the better beginning met the worse end. Rewards come at the end only.
_START, _MIDDLE = [1.0, 0.0], [0.0, 1.0]
CHUNKS = torch.tensor([1.0, -1.0, -1.0, 1.0]).reshape(4, 1, 1)
CORRIDOR = replace(
    windows_of(torch.tensor([_START, _MIDDLE, _START, _MIDDLE]), CHUNKS, torch.tensor([-1.0, -1.0, 1.0, 1.0])),
    outcome=Outcome(
        following=torch.tensor([_MIDDLE, _MIDDLE, _MIDDLE, _MIDDLE]),
        gain=torch.tensor([0.2, -1.0, 0.0, 1.0]),
        carry=torch.tensor([1.0, 0.0, 1.0, 0.0]),
        known=torch.ones(4),
    ),
)


def driven(corridor: Windows = CORRIDOR) -> Batch:
    return corridor.draw(slice(None))


def corridor_objective(target: str, **settings: float) -> Objective[Any]:
    torch.manual_seed(0)
    content = {"target": target, "expectile": 0.95, "return_steps": 20, "dropout": 0.0, **settings}
    recipe, critic = CriticRecipe.model_validate(content), CriticEnsemble(2, 1, members=2, widths=(32,))
    if target != "policy":
        return CriticObjective(critic, recipe)
    actor = DeterministicActor(2, torch.tensor([[-2.0], [2.0]]), 1, (32,))
    return ActorCriticObjective(ActorCritic(critic, actor), recipe)


def corridor_critic(folder: Path, target: str) -> CriticEnsemble:
    objective = corridor_objective(target)
    options = OptimizerRecipe(steps=600, batch=32, learning_rate=1e-2, warmup=0, ema=0.9)
    with join_processes("cpu") as processes:
        kept = train(
            objective,
            CORRIDOR,
            CORRIDOR,
            options,
            folder,
            seed=0,
            fingerprint="corridor",
            label="corridor",
            processes=processes,
        )
    assert isinstance(kept, CriticEnsemble)
    return kept


@pytest.mark.parametrize(
    ("target", "prefers_the_better_beginning"), [("returns", False), ("expectile", True), ("policy", True)]
)
def test_bootstrapping_joins_a_good_beginning_to_a_good_end(
    tmp_path: Path, target: str, prefers_the_better_beginning: bool
) -> None:
    critic = corridor_critic(tmp_path, target)
    with torch.no_grad():
        better, _, worse, _ = critic(driven().condition, driven().chunk).mean(dim=0)
    assert bool(better > worse + 0.1) is prefers_the_better_beginning


def test_held_out_error_is_that_of_the_bootstrapped_target(tmp_path: Path) -> None:
    critic = corridor_critic(tmp_path, "expectile")
    objective = CriticObjective(critic, CriticRecipe(target="expectile"))
    shifted = driven(replace(CORRIDOR, returns=CORRIDOR.returns + 10.0))
    assert objective.validate(shifted)["error"] == pytest.approx(objective.validate(driven())["error"])
    assert objective.validate(driven())["error"] < 0.05


@pytest.mark.parametrize(("greed", "wanted"), [(0.0, 0.0), (2.5, 0.8)])
def test_a_critics_policy_stays_at_the_datas_mean_or_moves_to_the_better_action(greed: float, wanted: float) -> None:
    objective = corridor_objective("policy", greed=greed, return_steps=0)
    assert isinstance(objective, ActorCriticObjective)
    optimizer = torch.optim.Adam(objective.net.parameters(), 1e-2)
    for _ in range(300):
        objective.begin_step(0)
        optimizer.zero_grad()
        objective(driven())[0].backward()
        optimizer.step()
        objective.average(0.9)
    with torch.no_grad():
        middle = objective.net.actor(driven().condition)[1].item()  # the data went both ways there, 1 is right
    assert middle >= wanted - 0.2
    assert abs(middle) <= 2.0
    if not greed:
        assert middle == pytest.approx(wanted, abs=0.2)


def critic_slopes(greed: float) -> list[torch.Tensor]:
    objective = corridor_objective("policy", greed=greed)
    assert isinstance(objective, ActorCriticObjective)
    objective(driven())[0].backward()
    return [value.grad for value in objective.net.critic.parameters() if value.grad is not None]


def test_a_critics_policy_moves_only_itself_and_is_not_kept() -> None:
    assert all(torch.equal(*pair) for pair in zip(critic_slopes(0.0), critic_slopes(100.0), strict=True))
    objective = corridor_objective("policy")
    assert isinstance(objective, ActorCriticObjective)
    assert objective.kept is objective.ema.critic
    assert objective.validate(driven())["policy_distance"] > 0.0


def test_goals_chosen_in_hindsight_are_not_bootstrapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rcd_ros.data.storage.datasets import save_dataset

    (tmp_path / "datasets").mkdir()
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "datasets"))
    spec = get_task("maze-umaze").spec
    width = spec.stored_width
    walked = Episode(
        np.zeros((41, width), np.float32), np.zeros((40, 2), np.float32), np.zeros(40, np.float32), False, True
    )
    save_dataset("rcd/maze/tiny-v0", [walked], task="maze-umaze", origin={"command": "test"}, description="at rest")
    content = {
        "name": "tiny",
        "task": "maze-umaze",
        "dataset": "rcd/maze/tiny-v0",
        "observations": [channel.name for channel in spec.observations],
    }
    recipe = make_recipe(content, ["critic.target=expectile", "held_out=0"], "tiny")
    with pytest.raises(RcdError, match=r"critic\.target=returns"):
        prepare(recipe)
