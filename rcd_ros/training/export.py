"""From trained weights to what a robot carries: the ONNX student, its reference pairs, the checkpoint folder."""

from __future__ import annotations

import datetime
import importlib.metadata
import logging
import shutil
import subprocess
import warnings
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rcd_ros.errors import RcdError
from rcd_ros.generative.consistency import ConsistencyFunction
from rcd_ros.planning.checkpoint import Tensors, add_files, load_tensors, verify, write_checkpoint
from rcd_ros.planning.manifest import Manifest, NoiseGridSpec, Provenance
from rcd_ros.training.pipeline import Material
from rcd_ros.training.recipe import Recipe
from rcd_ros.training.restore import restore_planner
from rcd_ros.training.state import read_tensors

REFERENCE_PAIRS = 16
VERSIONED = ("torch", "numpy", "mujoco", "gymnasium-robotics", "minari")


class OneStepPlanner(nn.Module):
    """The graph a robot runs: normalised observation and standard normal noise in, normalised chunk out."""

    def __init__(self, network: nn.Module, noise: NoiseGridSpec) -> None:
        super().__init__()
        self.network = network
        self.noise = noise

    def forward(self, observation: Tensor, noise: Tensor) -> Tensor:
        """observation (B, C), noise (B, H, A) -> chunk (B, H, A) = G(sigma_max eps, sigma_max, 0)."""
        student = ConsistencyFunction(self.network, observation, self.noise.sigma_data, self.noise.sigma_min)
        return student.sample(noise, self.noise.sigma_max)


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
    planner = _one_step_planner(manifest, tensors["student"])
    return write_checkpoint(
        folder,
        manifest,
        {**tensors, "reference": reference_pairs(planner, manifest)},
        {"student.onnx": onnx_graph(planner, manifest)},
        force=force,
    )


def export_student(folder: Path) -> Manifest:
    """Make `student.onnx` and the reference pairs of a checkpoint anew from `student.safetensors`.

    Raises:
        RcdError: the checkpoint does not verify, or its student does not fit the recipe in its manifest.
    """
    manifest = verify(folder)
    planner = _one_step_planner(manifest, load_tensors(folder, "student", manifest))
    return add_files(
        folder,
        {"student.onnx": onnx_graph(planner, manifest)},
        {"reference": reference_pairs(planner, manifest)},
    )


def onnx_graph(planner: OneStepPlanner, manifest: Manifest) -> bytes:
    """The one-step planner as an ONNX graph of batch 1."""
    observation, noise = _example(manifest, 1)
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                planner,
                (observation, noise),
                input_names=["observation", "noise"],
                output_names=["chunk"],
                dynamo=True,
                optimize=True,
                verbose=False,
            )
    finally:
        exporter.setLevel(level)
    if program is None:
        raise RcdError("torch could not export the student to ONNX")
    model = program.model_proto
    for element in (model, model.graph, *model.graph.node, *model.graph.value_info):
        del element.metadata_props[:]  # the exporter's stack traces, with paths of this machine
    content: bytes = model.SerializeToString()
    return content


def reference_pairs(planner: OneStepPlanner, manifest: Manifest) -> dict[str, NDArray[np.float32]]:
    """Inputs and outputs in float32 torch, for every engine to be checked against."""
    observation, noise = _example(manifest, REFERENCE_PAIRS)
    with torch.no_grad():
        chunk = planner(observation, noise)
    return {"observation": observation.numpy(), "noise": noise.numpy(), "chunk": chunk.numpy()}


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


def _one_step_planner(manifest: Manifest, student: Tensors) -> OneStepPlanner:
    return OneStepPlanner(restore_planner(manifest, "student", student), manifest.noise).eval()


def _example(manifest: Manifest, count: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    observation = torch.randn(count, manifest.history * manifest.task.observation_size, generator=generator)
    noise = torch.randn(count, manifest.horizon, manifest.task.command.size, generator=generator)
    return observation, noise
