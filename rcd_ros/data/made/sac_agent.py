"""A soft actor-critic agent of sbx (JAX): made, saved and restored to the digit, and its policy as arrays.

The state on disk is one folder `state-<steps>`: the agent (networks, optimisers, its random key), the replay buffer,
NumPy's random state, and the environment's state and random state. It is saved between two episodes only, so that a
training that was killed goes on as if it had not been.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Before JAX is loaded: networks of this size are slower in several threads, and other processes want the cores.
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import jax
from sbx import SAC

from rcd_ros.data.made.actor import Actor
from rcd_ros.errors import RcdError
from rcd_ros.outputs import write_json

ARRAYS = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")
"""Of the replay buffer, as `d4rl_recipe.cut_buffer` takes them."""


def make_agent(environment: Any, buffer_size: int, random_steps: int, seed: int) -> SAC:
    """A new agent: sbx's defaults with two hidden layers of 256.

    Args:
        environment: Gymnasium's.
        buffer_size: transitions kept, at most.
        random_steps: of random actions before it learns.
        seed: of networks and actions.
    """
    return SAC(
        "MlpPolicy",
        environment,
        buffer_size=buffer_size,
        learning_starts=random_steps,
        policy_kwargs={"net_arch": [256, 256]},
        seed=seed,
    )


def restore_agent(folder: Path, environment: Any) -> SAC | None:
    """The agent as `save_agent` has saved it last, or None where it never has; NumPy's random state is set, too.

    Args:
        folder: of the training.
        environment: Gymnasium's, freshly made; it is put into the saved state.

    Raises:
        RcdError: the state cannot be read.
    """
    state = max(folder.glob("state-*"), key=lambda path: int(path.name[6:]), default=None)
    if state is None:
        return None
    try:
        agent = SAC.load(state / "agent.zip", env=environment, force_reset=False)
        with np.load(state / "buffer.npz", allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in ARRAYS}
        told = json.loads((state / "random.json").read_text())
    except (OSError, ValueError, KeyError) as error:
        raise RcdError(
            f"the training state '{state}' cannot be read ({error}): remove it to go on before it"
        ) from error
    buffer: Any = agent.replay_buffer
    count = len(arrays["rewards"])
    for name, array in arrays.items():
        getattr(buffer, name)[:count, 0] = array
    buffer.pos, buffer.full = count % buffer.buffer_size, count == buffer.buffer_size
    wrapped: Any = agent.get_env()
    wrapped.envs[0].reset()
    inner = environment.unwrapped
    inner.np_random.bit_generator.state = told["environment"]
    inner.set_state(np.asarray(told["qpos"]), np.asarray(told["qvel"]))
    agent.action_space.np_random.bit_generator.state = told["actions"]
    agent.key = jax.numpy.asarray(told["key"], "uint32")  # sbx draws it from the seed again when it loads
    np.random.set_state(("MT19937", np.asarray(told["numpy"]["keys"], np.uint32), *told["numpy"]["rest"]))
    return agent


def save_agent(folder: Path, agent: Any) -> None:
    """Save all that the training goes on from, in place of what was saved before; call it between two episodes only.

    Raises:
        OSError, RcdError: it cannot be written; what was saved before is still there.
    """
    inner = agent.get_env().envs[0].unwrapped
    _, keys, *rest = np.random.get_state()
    told = {
        "environment": inner.np_random.bit_generator.state,
        "actions": agent.action_space.np_random.bit_generator.state,
        "numpy": {"keys": np.asarray(keys).tolist(), "rest": rest},
        "qpos": inner.data.qpos.tolist(),
        "qvel": inner.data.qvel.tolist(),
        "key": np.asarray(agent.key).tolist(),
    }
    partial, final = folder / "partial", folder / f"state-{agent.num_timesteps}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    agent.save(partial / "agent.zip")
    save_arrays(partial / "buffer.npz", transitions(agent))
    write_json(partial / "random.json", told)
    shutil.rmtree(final, ignore_errors=True)
    partial.rename(final)
    for older in folder.glob("state-*"):
        if older != final:
            shutil.rmtree(older)


def actor_of(agent: SAC) -> Actor:
    """The agent's policy as arrays."""
    layers = agent.policy.actor_state.params["params"]
    names = sorted(layers, key=lambda name: int(name.rpartition("_")[2]))
    arrays: dict[str, NDArray[Any]] = {"hidden": np.array("relu"), "output": np.array("tanh")}
    for index, name in enumerate(names[:-1]):
        arrays[f"weight{index}"] = np.asarray(layers[name]["kernel"]).T
        arrays[f"bias{index}"] = np.asarray(layers[name]["bias"])
    arrays["log_std_weight"] = np.asarray(layers[names[-1]]["kernel"]).T
    arrays["log_std_bias"] = np.asarray(layers[names[-1]]["bias"])
    return Actor(arrays)


def transitions(agent: Any) -> dict[str, NDArray[Any]]:
    """The filled part of the replay buffer, by `ARRAYS`: two (T, n_obs), `actions` (T, n_act), the others (T,)."""
    buffer = agent.replay_buffer
    return {name: getattr(buffer, name)[: buffer.size(), 0] for name in ARRAYS}


def save_arrays(path: Path, arrays: dict[str, Any]) -> None:
    """Write an .npz file, whole or not at all."""
    partial = path.with_name(f".{path.name}.partial.npz")
    np.savez(partial, **arrays)
    partial.replace(path)
