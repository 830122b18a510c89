"""From trained weights to what a robot carries: the ONNX student, its reference pairs, the checkpoint folder."""

from __future__ import annotations

import datetime
import functools
import importlib.metadata
import logging
import shutil
import subprocess
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rcd_ros.errors import RcdError
from rcd_ros.planning.checkpoint import Tensors, add_files, load_tensors, verify, write_checkpoint
from rcd_ros.planning.engines.base import Program
from rcd_ros.planning.engines.choose import STUDENT
from rcd_ros.planning.engines.torch_modules import PhysicalPlanner, denoiser, one_step
from rcd_ros.planning.manifest import Manifest, NoiseGridSpec, Provenance
from rcd_ros.planning.representation import Normalizer
from rcd_ros.training.material import Material
from rcd_ros.training.recipe import Recipe
from rcd_ros.training.stages import critic_spec
from rcd_ros.training.state import read_tensors

REFERENCE_PAIRS = 16
FURTHEST = 4.0
"""Spread of the last reference pair over that of the training data: some of its observations are clipped."""
VERSIONED = ("torch", "numpy", "mujoco", "gymnasium-robotics", "minari")


def assemble_checkpoint(work: Path, folder: Path, recipe: Recipe, material: Material, force: bool = False) -> Manifest:
    """Write a checkpoint folder from the stages in `work`.

    Raises:
        RcdError: the student has not been trained, or `folder` is occupied.
    """
    tensors = {}
    for stage in ("student", "teacher", "critic"):
        path = work / f"{stage}.safetensors"
        if path.is_file():
            tensors[stage] = {name: t.numpy() for name, t in read_tensors(path)[0].items()}
    if "student" not in tensors:
        raise RcdError(f"no student in '{work}': run `rcd train student` with this recipe first")
    manifest = Manifest(
        task=material.spec,
        history=recipe.history,
        horizon=recipe.horizon,
        execute=recipe.execute,
        normalizer=material.normalizer,
        noise=NoiseGridSpec(
            sigma_data=recipe.noise.sigma_data,
            sigma_min=recipe.noise.sigma_min,
            sigma_max=recipe.noise.sigma_max,
            rho=recipe.noise.rho,
            levels=recipe.student.levels,
        ),
        network=recipe.network.model_dump(mode="json"),
        critic=critic_spec(recipe) if "critic" in tensors else None,
        provenance=Provenance(
            dataset=recipe.dataset,
            dataset_hash=material.dataset_hash,
            recipe=recipe.model_dump(mode="json"),
            seed=recipe.seed,
            code_revision=code_revision(),
            created=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            notes=recipe.notes,
            versions=installed_versions(),
        ),
    )
    planner = one_step(manifest, tensors["student"])
    return write_checkpoint(
        folder,
        manifest,
        {**tensors, "reference": reference_pairs(planner, manifest)},
        {STUDENT: student_graph(planner, manifest)},
        force=force,
    )


def export_student(folder: Path) -> Manifest:
    """Make `student.onnx` and the reference pairs of a checkpoint again from `student.safetensors`.

    Raises:
        RcdError: the checkpoint does not verify, or its student does not fit the recipe in its manifest.
    """
    manifest = verify(folder)
    planner = one_step(manifest, load_tensors(folder, "student", manifest))
    return add_files(
        folder,
        {STUDENT: student_graph(planner, manifest)},
        {"reference": reference_pairs(planner, manifest)},
    )


def student_graph(planner: PhysicalPlanner, manifest: Manifest) -> bytes:
    """The one-step planner as an ONNX graph of batch 1: `history` and `noise` in, `commands` out, physical units."""
    return _onnx_graph(planner, _example(manifest, 1), ("history", "noise"), "commands")


def denoiser_graph(manifest: Manifest, teacher: Tensors) -> bytes:
    """A teacher's denoiser as an ONNX graph of batch 1: `x`, `sigma` and `observation` in, `denoised` out.

    Raises:
        RcdError: the teacher's tensors do not fit the network in the manifest.
    """
    history, noise = _example(manifest, 1)
    observation, sigma = history.flatten(1), torch.full((1,), manifest.noise.sigma_max)
    return _onnx_graph(
        denoiser(manifest, teacher), (noise, sigma, observation), ("x", "sigma", "observation"), "denoised"
    )


def denoiser_program(manifest: Manifest, teacher: Tensors, source: str) -> Program:
    """A teacher's denoiser D(x (1, H, A), sigma (1,), observation (1, C)) -> (1, H, A) for any engine to run.

    Args:
        manifest: of the checkpoint.
        teacher: its teacher's tensors.
        source: what to call the denoiser in an error.
    """
    chunk = (1, manifest.horizon, manifest.task.command.size)
    observed = manifest.history * manifest.task.observation_size
    return Program(
        source=source,
        inputs={"x": chunk, "sigma": (1,), "observation": (1, observed)},
        output="denoised",
        shape=chunk,
        graph=functools.cache(lambda: denoiser_graph(manifest, teacher)),
        module=lambda: denoiser(manifest, teacher),
    )


def reference_pairs(planner: PhysicalPlanner, manifest: Manifest) -> dict[str, NDArray[np.float32]]:
    """Inputs and outputs in float32 torch, for every engine to be checked against; physical units."""
    history, noise = _example(manifest, REFERENCE_PAIRS)
    with torch.no_grad():
        commands = planner(history, noise)
    return {"history": history.numpy(), "noise": noise.numpy(), "commands": commands.numpy()}


def code_revision() -> str:
    """The package's version and, in its own git checkout, the commit (".local" with uncommitted changes)."""
    version = importlib.metadata.version("rcd_ros")
    root = Path(__file__).resolve().parents[2]
    # Installed, the package may lie inside some other project's checkout, whose commit would say nothing.
    if shutil.which("git") is None or not (root / "package.xml").is_file():
        return version
    commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=root, capture_output=True, text=True)
    if commit.returncode:
        return version
    changed = subprocess.run(["git", "status", "--porcelain", "-uno"], cwd=root, capture_output=True, text=True)
    return f"{version}+{commit.stdout.strip()}{'.local' if changed.stdout.strip() else ''}"


def installed_versions() -> dict[str, str]:
    """Versions of the packages that a planner's numbers depend on."""
    found = {}
    for name in VERSIONED:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _onnx_graph(module: nn.Module, example: tuple[Tensor, ...], inputs: Sequence[str], output: str) -> bytes:
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                module,
                example,
                input_names=list(inputs),
                output_names=[output],
                dynamo=True,
                optimize=True,
                verbose=False,
            )
    finally:
        exporter.setLevel(level)
    if program is None:
        raise RcdError("torch could not export the network to ONNX")
    model = program.model_proto
    for element in (model, model.graph, *model.graph.node, *model.graph.value_info):
        del element.metadata_props[:]  # the exporter's stack traces, with paths of this machine
    content: bytes = model.SerializeToString()
    return content


def _example(manifest: Manifest, count: int) -> tuple[Tensor, Tensor]:
    """Histories (count, history, n_obs), spread like the training data and further, and noise (count, H, A)."""
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(count, manifest.history, manifest.task.observation_size, generator=generator)
    noise = torch.randn(count, manifest.horizon, manifest.task.command.size, generator=generator)
    spread = torch.linspace(1.0, FURTHEST, count)[:, None, None]
    normalizer = Normalizer(manifest.normalizer)
    mean, std = torch.from_numpy(normalizer.observation_mean), torch.from_numpy(normalizer.observation_std)
    return mean + spread * std * normal, noise
