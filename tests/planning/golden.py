"""What shipped checkpoints plan, as numbers in a file: `python -m tests.planning.golden [NAME ...]` writes it again.

With names, only these checkpoints' numbers change, and those of checkpoints that are gone are dropped.

The file holds the inputs beside the results. A difference says that the code, an engine or a checkpoint plans something
else than before: write the file again only where that is meant, and say so in the change log.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from rcd_ros.choices import ModeName
from rcd_ros.generative.edm import karras_grid
from rcd_ros.generative.samplers import heun
from rcd_ros.networks.critic import CriticEnsemble
from rcd_ros.planning.checkpoint import load_tensors, read_manifest
from rcd_ros.planning.engines.torch_modules import denoiser, one_step
from rcd_ros.planning.execution.modes import MODES
from rcd_ros.planning.execution.stream import CommandStream, StreamSettings
from rcd_ros.planning.manifest import Manifest
from rcd_ros.planning.planner import Planner
from rcd_ros.resources import find_resource

FILE = Path(__file__).with_name("golden.npz")
CHECKPOINTS = tuple(sorted(path.parent.name for path in find_resource("models").glob("*/manifest.yaml")))
SEED = 7
PLANS = 2
TEACHER_LEVELS = 5

Arrays = dict[str, NDArray[np.float64]]


def folder_of(checkpoint: str) -> Path:
    """The folder of a shipped checkpoint."""
    return find_resource(f"models/{checkpoint}")


def draw_histories(manifest: Manifest) -> NDArray[np.float64]:
    """Histories (PLANS, h, n_obs), physical units, distributed as in training."""
    mean, std = np.asarray(manifest.normalizer.observation_mean), np.asarray(manifest.normalizer.observation_std)
    rng = np.random.default_rng(SEED)
    return mean + std * rng.standard_normal((PLANS, manifest.history, manifest.task.observation_size))


def thinned(chunks: NDArray[np.float64]) -> NDArray[np.float64]:
    """About 16 of the commands of chunks (PLANS, H, n_cmd), the first one included."""
    return chunks[:, :: max(1, chunks.shape[1] // 16)]


def student_plans(checkpoint: str, engine: str, histories: NDArray[np.float64]) -> NDArray[np.float64]:
    """Thinned plans of an engine, one after another from counter 0 on."""
    planner = Planner.load(folder_of(checkpoint), engine, SEED)
    plans = np.array([planner.plan(history) for history in histories])
    planner.close()
    return thinned(plans)


def torch_results(checkpoint: str, histories: NDArray[np.float64]) -> Arrays:
    """The networks of a checkpoint in float64: teacher samples, returns and, if it is kept, the student's chunks."""
    folder = folder_of(checkpoint)
    manifest = read_manifest(folder)
    size = manifest.task.command.size
    noise = torch.linspace(-1.5, 1.5, PLANS * manifest.horizon * size, dtype=torch.float64)
    noise = noise.reshape(PLANS, manifest.horizon, size)
    observed = torch.tensor(histories)
    mean, std = torch.tensor(manifest.normalizer.observation_mean), torch.tensor(manifest.normalizer.observation_std)
    condition = ((observed - mean.double()) / std.double()).flatten(1)
    results: Arrays = {}
    with torch.inference_mode():
        teacher = denoiser(manifest, load_tensors(folder, "teacher", manifest)).double()
        spec = manifest.noise
        grid = karras_grid(TEACHER_LEVELS, spec.sigma_min, spec.sigma_max, spec.rho).tolist()

        def denoised(x: torch.Tensor, sigma: float) -> torch.Tensor:
            estimate: torch.Tensor = teacher(x, x.new_full((PLANS,), sigma), condition)
            return estimate

        chunks = heun(denoised, grid[0] * noise, grid)
        results["teacher"] = thinned(chunks.numpy())
        assert manifest.critic is not None
        critic = CriticEnsemble(condition.shape[1], size, **manifest.critic.architecture())
        weights = load_tensors(folder, "critic", manifest)
        critic.load_state_dict({name: torch.tensor(value) for name, value in weights.items()})
        results["returns"] = critic.double().eval().expected_return(condition, chunks).numpy()
        if "student.safetensors" in manifest.files:
            student = one_step(manifest, load_tensors(folder, "student", manifest)).double()
            results["student"] = thinned(student(observed, noise).numpy())
    return results


def streamed_points(checkpoint: str, mode: ModeName) -> Arrays:
    """The points that a stream sends for reference chunks of every other control period, and for the hold behind."""
    manifest = read_manifest(folder_of(checkpoint))
    chunks = load_tensors(folder_of(checkpoint), "reference", manifest)["commands"][:PLANS, :16].astype(np.float64)
    period = round(manifest.task.control_period * 1e9)
    shape = manifest.task.command.interface != "state"
    stream = CommandStream(
        manifest.task, StreamSettings(mode, execute=2, shape=shape, limits={"acceleration": [5.0], "jerk": [200.0]})
    )
    observation = np.asarray(manifest.normalizer.observation_mean)
    sent = []
    for i, chunk in enumerate(chunks):
        sent.append(stream.next(chunk, observation, 2 * i * period, 2 * i * period + period // 3))
    sent.append(stream.hold(2 * len(chunks) * period, observation))
    parts = [np.hstack((plan.points.positions, plan.points.velocities, plan.points.efforts)) for plan in sent]
    return {
        "points": np.vstack(parts),
        "times": np.concatenate([plan.stamp + plan.points.time_from_start for plan in sent]).astype(np.float64),
    }


def numbers_of(checkpoint: str) -> Arrays:
    """All of a checkpoint's arrays, by their names in the file."""
    histories = draw_histories(read_manifest(folder_of(checkpoint)))
    found = {"histories": histories, "plans": student_plans(checkpoint, "onnxruntime", histories)}
    found |= torch_results(checkpoint, histories)
    for mode in MODES:
        found |= {f"{mode}/{name}": value for name, value in streamed_points(checkpoint, mode).items()}
    return {f"{checkpoint}/{name}": value for name, value in found.items()}


def main(renewed: Sequence[str]) -> None:
    """Write the file, the numbers of all checkpoints anew where none is named."""
    everything: Arrays = {}
    if renewed:
        with np.load(FILE) as file:
            kept = set(CHECKPOINTS) - set(renewed)
            everything = {name: value for name, value in file.items() if name.split("/")[0] in kept}
    for checkpoint in renewed or CHECKPOINTS:
        everything |= numbers_of(checkpoint)
    np.savez_compressed(FILE, **everything)  # type: ignore[arg-type]  # NumPy's types count `allow_pickle` among them
    print(f"wrote {len(everything)} arrays to {FILE.name}, {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
