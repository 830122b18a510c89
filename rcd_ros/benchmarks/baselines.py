"""Baselines by code that we did not write: d3rlpy trains them, and they are scored as every planner is."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rcd_ros.benchmarks.other_environment import OtherEnvironment, run_worker
from rcd_ros.benchmarks.results import EVALUATION, MADE, Asked, Cell, Made, read_cell
from rcd_ros.data.episodes import Dataset, Episode, best_episodes
from rcd_ros.data.made.actor import Actor, load_actor
from rcd_ros.errors import RcdError
from rcd_ros.evaluation.report import summarize
from rcd_ros.evaluation.results import Evaluation, Record, Setting
from rcd_ros.evaluation.rollout import Drive, EpisodeResult, run_episodes
from rcd_ros.outputs import write_json
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.progress import progress_bar
from rcd_ros.suggest import did_you_mean
from rcd_ros.tasks.task import Task

D3RLPY = OtherEnvironment(
    name="baselines",
    module="d3rlpy",
    requirements=("d3rlpy==2.8.1", "torch==2.13.0"),
    oldest=(3, 10),
    why="d3rlpy pins gymnasium to 1.0.0",
)
METHODS = {"bc": "bc", "bc-best10": "bc", "td3+bc": "td3+bc", "iql": "iql"}
"""Name -> d3rlpy's algorithm; `bc-best10` sees only the best episodes, a tenth of the steps."""
LIMIT = 1.0 + 1e-3
"""Largest magnitude of an action that a squashed policy can give, with room for rounding."""


def check_methods(names: Sequence[str]) -> list[str]:
    """The named methods, all of them where none is named.

    Raises:
        RcdError: there is no such method.
    """
    for name in names:
        if name not in METHODS:
            raise RcdError(f"there is no baseline '{name}'{did_you_mean(name, METHODS)}; known: {', '.join(METHODS)}")
    return list(dict.fromkeys(names)) or list(METHODS)


def transitions(episodes: Sequence[Episode], spec: TaskSpec) -> dict[str, NDArray[np.float32]]:
    """Episodes as d3rlpy reads them: what the task observes and commands, row by row, with both kinds of ends.

    A terminated episode's last step is learned with its end. One that ran out of time, or was cut off, is not
    bootstrapped beyond its last observed action: d3rlpy leaves its last step out.

    Raises:
        RcdError: the task plans states instead of actions, or actions beyond [-1, 1] are in the data.
    """
    if spec.command.source != "action":
        raise RcdError(f"task '{spec.name}' plans states, not actions: these baselines cannot be trained on it")
    columns = list(spec.command.columns)
    actions = np.concatenate([episode.actions[:, columns] for episode in episodes]).astype(np.float32)
    largest = float(np.abs(actions).max())
    if largest > LIMIT:
        raise RcdError(f"the baselines act within [-1, 1], but the data hold actions of up to {largest:g}")
    ends = np.cumsum([len(episode) for episode in episodes]) - 1
    terminals, timeouts = np.zeros((2, len(actions)), np.float32)
    terminals[ends] = [episode.terminated for episode in episodes]
    timeouts[ends] = 1.0 - terminals[ends]
    observed = list(spec.observation_columns)
    return {
        "observations": np.concatenate([e.observations[:-1, observed] for e in episodes]).astype(np.float32),
        "actions": np.clip(actions, -1.0, 1.0),
        "rewards": np.concatenate([episode.rewards for episode in episodes]).astype(np.float32),
        "terminals": terminals,
        "timeouts": timeouts,
    }


@dataclass(frozen=True)
class BaselineSettings:
    """How baselines are trained and scored.

    Attributes:
        steps: gradient steps.
        episodes: that a policy is scored by.
        eval_seed: of the first of them.
        python: interpreter that has d3rlpy.
        threads: of torch while it trains.
        workers: processes that drive the episodes.
        force: train again what is done already.
    """

    steps: int
    episodes: int
    eval_seed: int
    python: Path
    threads: int = 1
    workers: int = 1
    force: bool = False

    def asked(self, dataset: Dataset, spec: TaskSpec) -> Asked:
        """What a result must have been made with to be taken for this one; the rest changes only the time."""
        return Asked(
            data=dataset.content_hash,
            steps=self.steps,
            episodes=self.episodes,
            eval_seed=self.eval_seed,
            episode_steps=spec.episode_steps,
        )


class _Training(Record):
    """The question to the worker."""

    data: str
    output: str
    algorithm: str
    steps: int
    seed: int
    threads: int


class _Progress(Record):
    """Its answers: the gradient steps so far, and, in the last one, the algorithm's settings and versions."""

    step: int = 0
    done: str | None = None
    d3rlpy: str = ""
    torch: str = ""


def baseline_result(cell: Cell, folder: Path, dataset: Dataset, task: Task, settings: BaselineSettings) -> Evaluation:
    """The result of a baseline: what lies in `folder`, else trained and scored there, with a progress bar.

    Raises:
        RcdError: the result there was made with other settings, the data cannot be used, or d3rlpy fails.
    """
    done = None if settings.force else read_cell(folder)
    if done is not None:
        if done.made.asked != settings.asked(dataset, task.spec):
            raise RcdError(f"the result in '{folder}' was made with other settings: name another, or --force")
        return done.evaluation
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MADE).unlink(missing_ok=True)
    policy = folder / "actor.npz"
    with progress_bar(total=settings.steps, desc=str(cell), unit="step") as bar:
        made = train_baseline(cell, dataset, task.spec, settings, policy, lambda step: bar.update(step - bar.n))
    seeds = range(settings.eval_seed, settings.eval_seed + settings.episodes)
    setting = Setting(
        policy=cell.method,
        seed=settings.eval_seed,
        nfe=1,
        engine="numpy",
        mode="chunk",
        execute=1,
        delay=0,
        shape=False,
        dataset=dataset.name,
        training_seed=cell.seed,
    )
    evaluation = summarize(task.spec, evaluate_baseline(task, policy, seeds, settings.workers), setting, None)
    write_json(folder / EVALUATION, evaluation.as_json())
    made.write(folder)
    return evaluation


def train_baseline(
    cell: Cell,
    dataset: Dataset,
    spec: TaskSpec,
    settings: BaselineSettings,
    output: Path,
    report: Callable[[int], object],
) -> Made:
    """Train one baseline and write its policy.

    Args:
        cell: its method (a name in `METHODS`) and training seed (of d3rlpy, NumPy and torch).
        dataset: what it learns from.
        spec: of the task that the data belong to.
        settings: steps, threads and interpreter.
        output: `.npz` as `data.actor` reads it.
        report: is called with the steps so far.

    Returns:
        How it was made.

    Raises:
        RcdError: the data cannot be used, or d3rlpy fails.
    """
    episodes = dataset.episodes
    if cell.method == "bc-best10":
        episodes = [episodes[index] for index in best_episodes(episodes)]
    arrays = transitions(episodes, spec)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rcd-baseline-") as room:
        data = Path(room) / "data.npz"
        np.savez(data, **arrays)  # type: ignore[arg-type]  # NumPy's types count `allow_pickle` among the arrays
        question = _Training(
            data=str(data),
            output=str(output),
            algorithm=METHODS[cell.method],
            steps=settings.steps,
            seed=cell.seed,
            threads=settings.threads,
        )
        with run_worker(settings.python, "d3rlpy_worker", (), settings.threads) as worker:
            answer = worker.ask(question, _Progress)
            while answer.done is None:
                report(answer.step)
                answer = worker.next(_Progress)
    return Made.of(
        cell,
        asked=settings.asked(dataset, spec),
        train_seconds=round(time.monotonic() - started, 1),
        algorithm=question.algorithm,
        settings=answer.done,
        steps=settings.steps,
        episodes_learned=len(episodes),
        versions={"d3rlpy": answer.d3rlpy, "torch": answer.torch},
    )


class ActorPolicy:
    """An actor as a policy of chunks of one action."""

    history = 1
    horizon = 1
    nfe = 1

    def __init__(self, actor: Actor, spec: TaskSpec) -> None:
        self.spec = spec
        self._actor = actor
        self._scale = np.asarray(spec.command.scale)
        self._limits = np.asarray(spec.command.lower), np.asarray(spec.command.upper)

    def reset(self, seed: int) -> None:
        """It has neither memory nor noise."""

    def plan(self, history: NDArray[np.float64]) -> NDArray[np.float64]:
        """The mode of the policy, (1, n_cmd), in physical units and inside the limits."""
        action: NDArray[np.float64] = self._actor.act(history[-1])[None] * self._scale
        return action.clip(*self._limits)


@dataclass(frozen=True)
class ActorSource:
    """How to load an actor; picklable."""

    file: Path
    spec: TaskSpec

    def load(self) -> ActorPolicy:
        """The policy.

        Raises:
            RcdError: the file holds no policy of this task.
        """
        actor = load_actor(self.file)
        wanted = (self.spec.observation_size, self.spec.command.size)
        if (actor.n_obs, actor.n_act) != wanted:
            raise RcdError(
                f"the policy in '{self.file}' reads {actor.n_obs} and gives {actor.n_act} values; task "
                f"'{self.spec.name}' has {wanted[0]} and {wanted[1]}"
            )
        return ActorPolicy(actor, self.spec)

    def load_critic(self) -> None:
        """Its critic stays with d3rlpy."""


def evaluate_baseline(task: Task, file: Path, seeds: range, workers: int) -> list[EpisodeResult]:
    """Drive seeded episodes of an actor, one action a plan, as `rcd eval` does.

    Args:
        task: what is simulated.
        file: of the actor, `.npz`.
        seeds: of the episodes.
        workers: processes that drive them.

    Raises:
        RcdError: the file holds no policy of this task.
    """
    return list(run_episodes(task, ActorSource(file, task.spec), seeds, Drive.chunks(1), workers))
