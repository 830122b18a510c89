"""LeRobot's policies, timed in LeRobot's own environment; imports nothing of rcd_ros.

Reads JSON lines. First `{"observations": (count, n_obs), "commands": n_cmd, "horizon": steps, "threads": n,
"peers": {name: {"policy": "diffusion" or "act", settings of its configuration ...}}}`, answered by `{"ready":
{name: parameters}, "lerobot": version, "torch": version}`; then `{"peer": name, "plans": n}`, each answered by
`{"durations_ns": [...]}`.

A plan is what a deployed policy does when its queue of actions is empty: from the observation as NumPy has it, through
the pre-processor, `select_action` and the post-processor, to the first action as NumPy has it.
"""

from __future__ import annotations

import importlib.metadata
import itertools
import json
import os
import sys
import time
from typing import Any

import numpy as np
import torch
from lerobot.configs.types import FeatureType, PolicyFeature
from lerobot.policies.act.configuration_act import ACTConfig
from lerobot.policies.act.modeling_act import ACTPolicy
from lerobot.policies.diffusion.configuration_diffusion import DiffusionConfig
from lerobot.policies.diffusion.modeling_diffusion import DiffusionPolicy
from lerobot.policies.factory import make_pre_post_processors

STATE, ENVIRONMENT, ACTION = "observation.state", "observation.environment_state", "action"


class Peer:
    """A policy with random weights (they change nothing in the time that it takes) between its processors."""

    def __init__(self, observations: Any, commands: int, horizon: int, settings: dict[str, Any]) -> None:
        settings = dict(settings)
        kind = settings.pop("policy")
        # Without images both want a robot's and an environment's state; how the values are shared changes no time.
        robot = (observations.shape[1] + 1) // 2
        sizes = {STATE: robot, ENVIRONMENT: observations.shape[1] - robot, ACTION: commands}
        features = {
            "input_features": {
                STATE: PolicyFeature(FeatureType.STATE, (sizes[STATE],)),
                ENVIRONMENT: PolicyFeature(FeatureType.ENV, (sizes[ENVIRONMENT],)),
            },
            "output_features": {ACTION: PolicyFeature(FeatureType.ACTION, (commands,))},
            "device": "cpu",
        }
        if kind == "act":
            config = ACTConfig(chunk_size=horizon, n_action_steps=horizon, **features, **settings)
            self.policy = ACTPolicy(config)
        else:
            config = DiffusionConfig(horizon=horizon, **features, **settings)
            self.policy = DiffusionPolicy(config)
        self.policy.eval()
        statistics = {
            name: {"mean": torch.zeros(n), "std": torch.ones(n), "min": -torch.ones(n), "max": torch.ones(n)}
            for name, n in sizes.items()
        }
        self.before, self.after = make_pre_post_processors(config, dataset_stats=statistics)
        self.turns = itertools.cycle([(row[:robot], row[robot:]) for row in observations])

    def plan(self) -> int:
        """How long it takes to the first action (ns)."""
        robot, environment = next(self.turns)
        self.policy.reset()
        started = time.perf_counter_ns()
        batch = self.before({STATE: torch.from_numpy(robot), ENVIRONMENT: torch.from_numpy(environment)})
        action = self.after(self.policy.select_action(batch)).numpy()
        duration = time.perf_counter_ns() - started
        if not np.isfinite(action).all():
            raise ValueError("the policy's action is not finite")
        return duration


def main() -> None:
    """Answer the questions on the standard input until it ends."""
    # What libraries print must not come between the lines of JSON.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def answer(message: dict[str, Any]) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    try:
        asked = json.loads(sys.stdin.readline())
        torch.set_num_threads(asked["threads"])
        torch.manual_seed(0)
        observations = np.asarray(asked["observations"], np.float32)
        peers = {
            name: Peer(observations, asked["commands"], asked["horizon"], settings)
            for name, settings in asked["peers"].items()
        }
        versions = {name: importlib.metadata.version(name) for name in ("lerobot", "torch")}
        sizes = {name: sum(p.numel() for p in peer.policy.parameters()) for name, peer in peers.items()}
        answer({"ready": sizes, **versions})
        for line in sys.stdin:
            asked = json.loads(line)
            peer = peers[asked["peer"]]
            answer({"durations_ns": [peer.plan() for _ in range(asked["plans"])]})
    except Exception as error:
        answer({"error": f"{type(error).__name__}: {' '.join(str(error).split())}"})
        raise


if __name__ == "__main__":
    main()
