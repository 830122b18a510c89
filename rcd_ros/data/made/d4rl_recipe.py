"""D4RL's nine Gym-MuJoCo data sets, made again by its recipe (Fu et al. 2020, arXiv 2004.07219, section 5).

A soft actor-critic agent is trained until it scores a third of the expert. Its replay buffer up to then is
`medium-replay`; episodes of the policy at that point, its actions sampled, are `medium`; as many of them as of the
expert's are `medium-expert`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rcd_ros.data.episodes import Episode, best_episodes
from rcd_ros.data.made.actor import Actor, FloatArray
from rcd_ros.errors import RcdError
from rcd_ros.parallel import map_in_order
from rcd_ros.suggest import did_you_mean
from rcd_ros.tasks import locomotion as locomotion_task

LEVELS = ("medium-replay", "medium", "medium-expert")
VERSIONS = tuple(f"v{version}" for version in locomotion_task.VERSIONS)
RUN_STEPS = 20_000
"""Control periods of episodes that one job drives, at least."""
QUANTILES = (0.1, 0.5, 0.9)


@dataclass(frozen=True)
class Robot:
    """Who learns, with D4RL's references.

    Attributes:
        name: as tasks and data sets are called.
        environment: Gymnasium's name without its version.
        low: return of a random policy, which scores 0.
        high: return of D4RL's expert, which scores 100.
        random_steps: control periods of random actions before SAC learns.
    """

    name: str
    environment: str
    low: float
    high: float
    random_steps: int

    def score(self, total_reward: float) -> float:
        """A return, normalised as D4RL does."""
        return 100.0 * (total_reward - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class Published:
    """What is known of one of D4RL's `-v2` files.

    Attributes:
        steps: control periods.
        episodes: how many.
        mean_return: of the episodes.
        bc_best10: score of behaviour cloning on the best tenth.
    """

    steps: int
    episodes: int
    mean_return: float
    bc_best10: float


_RANDOM_STEPS = {"hopper": 5_000, "walker2d": 5_000, "halfcheetah": 10_000}
ROBOTS = {
    name: Robot(name, its.environment, its.reference_low, its.reference_high, _RANDOM_STEPS[name])
    for name, its in locomotion_task.ROBOTS.items()
}
# Returns: as printed by the script that cuts D4RL's files into episodes for the Decision Transformer (Chen et al.
# 2021). BC on the best tenth: table 1 of IQL (Kostrikov et al. 2022).
PUBLISHED = {
    "hopper-medium-replay": Published(402_000, 2041, 467.3, 75.9),
    "hopper-medium": Published(1_000_000, 2186, 1422.1, 56.9),
    "hopper-medium-expert": Published(2_000_000, 3213, 2089.9, 110.9),
    "walker2d-medium-replay": Published(302_000, 1093, 682.7, 62.5),
    "walker2d-medium": Published(1_000_000, 1190, 2852.1, 75.0),
    "walker2d-medium-expert": Published(2_000_000, 2190, 3796.6, 109.0),
    "halfcheetah-medium-replay": Published(202_000, 202, 3093.3, 40.6),
    "halfcheetah-medium": Published(1_000_000, 1000, 4770.3, 42.5),
    "halfcheetah-medium-expert": Published(2_000_000, 2000, 7713.4, 92.9),
}
NAMES = tuple(PUBLISHED)


@dataclass(frozen=True)
class Recipe:
    """One of the nine data sets: whose, of which level, in which version of the environment."""

    robot: Robot
    level: str
    version: str

    @property
    def name(self) -> str:
        """Such as `hopper-medium-replay`."""
        return f"{self.robot.name}-{self.level}"

    @property
    def environment(self) -> str:
        """Gymnasium's id, such as `Hopper-v5`."""
        return f"{self.robot.environment}-{self.version}"

    @property
    def published(self) -> Published:
        """D4RL's own file."""
        return PUBLISHED[self.name]


def recipe_of(name: str, version: str = "v5") -> Recipe:
    """The recipe of a data set's name.

    Raises:
        RcdError: it is none of D4RL's nine, or there is no such version of the environment.
    """
    if version not in VERSIONS:
        raise RcdError(f"there is no version '{version}' of the environment: known are {' and '.join(VERSIONS)}")
    if name not in PUBLISHED:
        raise RcdError(f"there is no recipe for '{name}'{did_you_mean(name, NAMES)}; known: {', '.join(NAMES)}")
    robot, _, level = name.partition("-")
    return Recipe(ROBOTS[robot], level, version)


def is_recipe(name: str) -> bool:
    """Whether a name asks for one of the nine, rightly spelt or not."""
    return re.match(rf"({'|'.join(ROBOTS)})(-|$)", name) is not None


def make_environment(environment: str) -> Any:
    """Gymnasium's environment.

    Raises:
        RcdError: it cannot be made here.
    """
    import gymnasium

    try:
        return gymnasium.make(environment)
    except (gymnasium.error.Error, ImportError) as error:
        raise RcdError(
            f"the environment '{environment}' cannot be made: {' '.join(str(error).split())}; "
            "install the simulator with pip install 'rcd_ros[sim]'"
        ) from error


def check_actor(actor: Actor, environment: str, where: str, sampled: bool = True) -> None:
    """Check that a policy fits an environment.

    Raises:
        RcdError: it observes or does something else, or it should be sampled from and is deterministic.
    """
    made = make_environment(environment)
    observed, acted = made.observation_space.shape[0], made.action_space.shape[0]
    made.close()
    if (actor.n_obs, actor.n_act) != (observed, acted):
        raise RcdError(
            f"the policy in '{where}' reads {actor.n_obs} observed and gives {actor.n_act} commanded values; "
            f"{environment} has {observed} and {acted}"
        )
    if sampled and not actor.stochastic:
        raise RcdError(f"the policy in '{where}' has no spread (log_std): D4RL's recipe samples the actions")


@dataclass(frozen=True)
class _Run:
    index: int
    steps: int
    seed: int


def roll_out(
    actor: Actor, environment: str, steps: int, seed: int, workers: int, label: str
) -> Iterator[list[Episode]]:
    """Whole episodes with sampled actions, of at least `steps` control periods in all.

    They follow from policy, environment, seed and steps alone: the number of workers changes nothing but the time.

    Args:
        actor: who acts.
        environment: Gymnasium's id.
        steps: how many in all; the last episode of each run of `RUN_STEPS` is driven to its end.
        seed: of environments and actions.
        workers: processes.
        label: what each episode's `policy` says.
    """
    begins = range(0, steps, RUN_STEPS)
    runs = [_Run(i, min(RUN_STEPS, steps - begin), seed) for i, begin in enumerate(begins)]
    yield from map_in_order(_MakeDriver(actor.arrays, environment, label), runs, workers)


@dataclass(frozen=True)
class _MakeDriver:
    arrays: Mapping[str, NDArray[Any]]
    environment: str
    label: str

    def __call__(self) -> Callable[[_Run], list[Episode]]:
        actor, environment = Actor(self.arrays), make_environment(self.environment)
        return lambda run: _drive(actor, environment, run, self.label)


def _drive(actor: Actor, environment: Any, run: _Run, label: str) -> list[Episode]:
    random = np.random.default_rng([run.seed, run.index])
    episodes: list[Episode] = []
    while sum(map(len, episodes)) < run.steps:
        episodes.append(drive_episode(actor, environment, int(random.integers(2**31)), random, label))
    return episodes


def drive_episode(actor: Actor, environment: Any, seed: int, random: np.random.Generator | None, label: str) -> Episode:
    """One episode to its end.

    Args:
        actor: who acts.
        environment: Gymnasium's; what it observes and does is what the actor does.
        seed: of its reset.
        random: draws the actions; None takes the policy's mode.
        label: what the episode's `policy` says.
    """
    observation, _ = environment.reset(seed=seed)
    seen = [observation]
    done: list[FloatArray] = []
    gained: list[float] = []
    terminated = truncated = False
    while not (terminated or truncated):
        action = actor.act(observation, random, len(done))
        observation, reward, terminated, truncated, _ = environment.step(action)
        seen.append(observation)
        done.append(action)
        gained.append(reward)
    return Episode(
        observations=np.asarray(seen, np.float32),
        actions=np.asarray(done, np.float32),
        rewards=np.asarray(gained, np.float32),
        terminated=terminated,
        truncated=truncated and not terminated,
        seed=seed,
        info={"policy": label},
    )


def cut_buffer(buffer: Mapping[str, NDArray[Any]]) -> list[Episode]:
    """The episodes of a replay buffer, in the order in which they were driven; one that still runs is left out.

    Args:
        buffer: `observations`, `next_observations` (T, n_obs), `actions` (T, n_act), `rewards`, `dones`, `timeouts`
            (T,). An episode ends where `dones` is set; where `timeouts` is set too, it only ran out of time.
    """
    ends = (np.flatnonzero(buffer["dones"]) + 1).tolist()
    return [
        Episode(
            observations=np.concatenate(
                (buffer["observations"][begin:end], buffer["next_observations"][end - 1 : end])
            ).astype(np.float32),
            actions=buffer["actions"][begin:end].astype(np.float32),
            rewards=buffer["rewards"][begin:end].astype(np.float32),
            terminated=not bool(buffer["timeouts"][end - 1]),
            truncated=bool(buffer["timeouts"][end - 1]),
            info={"policy": "training"},
        )
        for begin, end in zip([0, *ends[:-1]], ends, strict=True)
    ]


def describe(recipe: Recipe, episodes: Sequence[Episode]) -> dict[str, object]:
    """What the data set's card says of its content, beside D4RL's own file: JSON values, returns undiscounted.

    `best10_score_mean` is of the episodes that the baseline `bc-best10` learns from.
    """
    returns = np.array([episode.total_reward for episode in episodes])
    quantiles = np.quantile(returns, QUANTILES)
    best = returns[best_episodes(episodes)]
    published = recipe.published
    return {
        "steps": sum(map(len, episodes)),
        "episodes": len(episodes),
        "terminated": sum(episode.terminated for episode in episodes),
        "return_mean": round(float(returns.mean()), 1),
        "return_quantiles": {
            f"{quantile:g}": round(float(value), 1) for quantile, value in zip(QUANTILES, quantiles, strict=True)
        },
        "return_max": round(float(returns.max()), 1),
        "score_mean": round(recipe.robot.score(float(returns.mean())), 1),
        "best10_score_mean": round(recipe.robot.score(float(np.mean(best))), 1),
        "d4rl_steps": published.steps,
        "d4rl_episodes": published.episodes,
        "d4rl_return_mean": published.mean_return,
        "d4rl_score_mean": round(recipe.robot.score(published.mean_return), 1),
        "d4rl_bc_best10_score": published.bc_best10,
    }
