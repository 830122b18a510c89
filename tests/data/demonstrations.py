"""Small demonstrations made on the spot: a scripted arm motion in the simulator, and synthetic arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rcd_ros.data.episodes import Episode
from rcd_ros.tasks.catalogue import get_task

STEPS = 12
SHORT_KITCHEN = get_task("kitchen", episode_steps=STEPS)


def scripted_demonstration(seed: int = 0) -> Episode:
    """The arm swings slowly, shoulder first."""
    simulation = SHORT_KITCHEN.make_simulation()
    observations, actions = [simulation.reset(seed)], []
    for step in range(STEPS):
        action = np.zeros(9, dtype=np.float32)
        action[0], action[1] = 0.5 * np.sin(0.2 * step + seed), 0.3
        actions.append(action)
        observations.append(simulation.step(2.0 * action).observation)
    simulation.close()
    return Episode(
        observations=np.asarray(observations, dtype=np.float32),
        actions=np.asarray(actions),
        rewards=np.zeros(STEPS, dtype=np.float32),
        terminated=False,
        truncated=True,
        seed=seed,
    )


def synthetic_episodes(count: int = 3, observed: int = 4, commanded: int = 2) -> list[Episode]:
    """Random numbers in the shape of episodes of different lengths and ends."""
    random = np.random.default_rng(0)
    return [
        Episode(
            observations=random.normal(size=(steps + 1, observed)).astype(np.float32),
            actions=random.uniform(-1, 1, size=(steps, commanded)).astype(np.float32),
            rewards=random.integers(0, 2, size=steps).astype(np.float32),
            terminated=i % 2 == 0,
            truncated=i % 2 == 1,
            seed=i if i else None,
            info={"speed": 0.5 * i, "label": "executed"} if i else {},
        )
        for i, steps in enumerate(range(2, 2 + count))
    ]


def write_archive(path: Path, demonstrations: list[Episode], **changed: np.ndarray) -> Path:
    """Demonstrations as an .npz archive that lacks rewards and last observations, with `changed` arrays in place."""
    arrays: dict[str, np.ndarray] = {
        "state": np.concatenate([episode.observations[:-1] for episode in demonstrations]),
        "action": np.concatenate([episode.actions for episode in demonstrations]),
        "episode_ends": np.cumsum([len(episode) for episode in demonstrations]),
    }
    arrays |= changed
    np.savez(path, **arrays)
    return path
