"""d3rlpy's BC, TD3+BC and IQL, trained in d3rlpy's own environment; imports nothing of rcd_ros.

Reads one JSON line: `{"data": .npz of observations, actions, rewards, terminals, timeouts, "algorithm": "bc", "td3+bc"
or "iql", "steps": n, "seed": n, "threads": n, "output": .npz}`. Writes `{"step": n}` as it goes, then `{"done":
settings, "d3rlpy": version, "torch": version}`. The output holds the policy's weights in the form of
`rcd_ros.data.made.actor`, checked against d3rlpy's own answers before it is written.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import d3rlpy
import numpy as np
import torch
from d3rlpy.dataset import TransitionMiniBatch
from d3rlpy.logging import NoopAdapterFactory
from d3rlpy.optimizers import AdamFactory
from d3rlpy.optimizers.lr_schedulers import CosineAnnealingLRFactory
from d3rlpy.preprocessing import ReturnBasedRewardScaler, StandardObservationScaler

EPOCH = 1000
TOLERANCE = 1e-4


class ArrayBuffer(d3rlpy.dataset.MDPDataset):  # type: ignore[misc]  # d3rlpy is in another environment
    """d3rlpy's buffer that draws a batch by indices, not transition by transition: the same batches, much sooner."""

    def __init__(self, arrays: dict[str, Any]) -> None:
        """Hold whole episodes: every row before the next episode ends one or goes on with the row after it."""
        actions = arrays["actions"]
        super().__init__(**arrays, action_space=d3rlpy.constants.ActionSpace.CONTINUOUS, action_size=actions.shape[1])
        self._arrays = {name: array.reshape(len(actions), -1) for name, array in arrays.items()}
        self._rows = np.flatnonzero(arrays["timeouts"] == 0.0)  # nothing follows an episode that ran out of time
        self._check()

    def sample_transition_batch(self, batch_size: int) -> TransitionMiniBatch:
        """A batch of transitions, drawn uniformly."""
        return self._batch(self._rows[np.random.randint(len(self._rows), size=batch_size)])

    def _batch(self, rows: Any) -> TransitionMiniBatch:
        goes_on = 1.0 - self._arrays["terminals"][rows]
        after = np.minimum(rows + 1, len(self._arrays["actions"]) - 1)
        return TransitionMiniBatch(
            observations=self._arrays["observations"][rows],
            actions=self._arrays["actions"][rows],
            rewards=self._arrays["rewards"][rows],
            next_observations=self._arrays["observations"][after] * goes_on,
            next_actions=self._arrays["actions"][after] * goes_on,
            terminals=self._arrays["terminals"][rows],
            intervals=np.ones_like(goes_on),
            transitions=(),
        )

    def _check(self) -> None:
        """Compare with d3rlpy's own transitions."""
        if len(self._rows) != self.transition_count:
            raise ValueError(f"{len(self._rows)} transitions, d3rlpy counts {self.transition_count}")
        places = np.unique(np.linspace(0, len(self._rows) - 1, 200).astype(int))
        picked = [self._transition_picker(*self._buffer[int(place)]) for place in places]
        expected, batch = TransitionMiniBatch.from_transitions(picked), self._batch(self._rows[places])
        for name in (
            "observations",
            "actions",
            "rewards",
            "next_observations",
            "next_actions",
            "terminals",
            "intervals",
        ):
            if not np.array_equal(getattr(expected, name), getattr(batch, name)):
                raise ValueError(f"the batches' {name} differ from d3rlpy's")


def build(algorithm: str, steps: int) -> tuple[Any, str]:
    """The algorithm with the settings of d3rlpy's reproductions of the papers, and what they are, for people."""
    if algorithm == "bc":
        config = d3rlpy.algos.BCConfig(
            learning_rate=3e-4, batch_size=256, observation_scaler=StandardObservationScaler()
        )
        told = "learning rate 3e-4, batch 256, observations standardised"
    elif algorithm == "td3+bc":
        config = d3rlpy.algos.TD3PlusBCConfig(alpha=2.5, observation_scaler=StandardObservationScaler())
        told = "alpha 2.5, learning rates 3e-4, batch 256, observations standardised (Fujimoto and Gu 2021)"
    else:
        config = d3rlpy.algos.IQLConfig(
            actor_optim_factory=AdamFactory(lr_scheduler_factory=CosineAnnealingLRFactory(T_max=steps)),
            reward_scaler=ReturnBasedRewardScaler(multiplier=1000.0),
            expectile=0.7,
            weight_temp=3.0,
            max_weight=100.0,
        )
        told = (
            "expectile 0.7, inverse temperature 3, learning rates 3e-4 (the actor's with a cosine schedule), "
            "batch 256, rewards scaled by 1000 over the range of the returns (Kostrikov et al. 2022)"
        )
    return config.create(device="cpu:0"), told


def weights(algo: Any) -> dict[str, Any]:
    """The policy as arrays: what `rcd_ros.data.made.actor` reads."""
    policy = algo.impl.policy
    head = policy._mu if hasattr(policy, "_mu") else policy._fc
    layers = [module for module in policy._encoder.modules() if isinstance(module, torch.nn.Linear)] + [head]
    arrays = {"hidden": np.array("relu"), "output": np.array("tanh")}
    for index, layer in enumerate(layers):
        arrays[f"weight{index}"] = layer.weight.detach().numpy()
        arrays[f"bias{index}"] = layer.bias.detach().numpy()
    scaler = algo.config.observation_scaler
    if scaler is not None:
        arrays["obs_mean"] = np.asarray(scaler.mean, np.float32)
        arrays["obs_std"] = np.asarray(scaler.std, np.float32) + np.float32(scaler.eps)
    return arrays


def check(algo: Any, arrays: dict[str, Any], observations: Any) -> None:
    """Refuse arrays that do not act as the algorithm does."""
    x = observations
    if "obs_mean" in arrays:
        x = (x - arrays["obs_mean"]) / arrays["obs_std"]
    count = sum(name.startswith("weight") for name in arrays)
    for index in range(count):
        x = x @ arrays[f"weight{index}"].T + arrays[f"bias{index}"]
        if index < count - 1:
            x = np.maximum(x, 0.0)
    worst = float(np.abs(np.tanh(x) - algo.predict(observations)).max())
    if not worst < TOLERANCE:
        raise ValueError(f"the exported policy differs from d3rlpy's by {worst:g}")


def train(asked: dict[str, Any], answer: Callable[[dict[str, Any]], None]) -> None:
    """Train, check, write."""
    torch.set_num_threads(asked["threads"])
    d3rlpy.seed(asked["seed"])
    with np.load(asked["data"], allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    dataset = ArrayBuffer(arrays)
    algo, told = build(asked["algorithm"], asked["steps"])

    def tell(_: Any, epoch: int, step: int) -> None:
        if step % 100 == 0:
            answer({"step": step})

    algo.fit(
        dataset,
        n_steps=asked["steps"],
        n_steps_per_epoch=min(EPOCH, asked["steps"]),
        logger_adapter=NoopAdapterFactory(),
        show_progress=False,
        callback=tell,
    )
    policy = weights(algo)
    check(algo, policy, arrays["observations"][:256])
    np.savez(asked["output"], **policy)
    answer({"done": told, **{name: importlib.metadata.version(name) for name in ("d3rlpy", "torch")}})


def main() -> None:
    """Answer the one question on the standard input."""
    # What libraries print must not come between the lines of JSON.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def answer(message: dict[str, Any]) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    def end_with_parent() -> None:
        sys.stdin.read()
        os._exit(1)

    try:
        asked = json.loads(sys.stdin.readline())
        threading.Thread(target=end_with_parent, daemon=True).start()
        train(asked, answer)
    except Exception as error:
        answer({"error": f"{type(error).__name__}: {' '.join(str(error).split())}"})
        raise


if __name__ == "__main__":
    main()
