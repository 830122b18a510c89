"""Tiny planners for tests: a whole checkpoint whose network is one matrix, made in milliseconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from rcd_ros.planning.channels import CommandChannel, ObservationChannel
from rcd_ros.planning.checkpoint import write_checkpoint
from rcd_ros.planning.manifest import Manifest, NoiseGridSpec, NormalizerSpec, Provenance
from rcd_ros.planning.representation import OBSERVATION_CLIP, Normalizer
from rcd_ros.planning.spec import ScoreSpec, TaskSpec


def tiny_spec() -> TaskSpec:
    """Two arm joints, one door and one free body; velocities of the arm are commanded."""
    return TaskSpec(
        name="tiny",
        control_period=0.1,
        episode_steps=20,
        observations=(
            ObservationChannel(
                name="position",
                kind="joint_position",
                topic="joint_states",
                joints=("elbow", "wrist"),
                units=("rad", "rad"),
                columns=(0, 1),
            ),
            ObservationChannel(
                name="velocity",
                kind="joint_velocity",
                topic="joint_states",
                joints=("elbow", "wrist"),
                units=("rad/s", "rad/s"),
                columns=(2, 3),
            ),
            ObservationChannel(
                name="door",
                kind="joint_position",
                topic="object_states",
                joints=("door",),
                units=("rad",),
                columns=(4,),
            ),
        ),
        command=CommandChannel(
            topic="joint_trajectory",
            interface="velocity",
            joints=("elbow", "wrist"),
            units=("rad/s", "rad/s"),
            lower=(-2.0, -2.0),
            upper=(2.0, 2.0),
            scale=(2.0, 2.0),
            columns=(0, 1),
        ),
        score=ScoreSpec(kind="completions", goals=("door",), reference_high=1.0),
    )


def tiny_manifest(spec: TaskSpec | None = None, history: int = 2, horizon: int = 4, execute: int = 2) -> Manifest:
    """A manifest with a normalizer that is easy to check by head: mean 1 and std 2, mean 0 and std 0.5."""
    spec = spec or tiny_spec()
    observed, commanded = spec.observation_size, spec.command.size
    return Manifest(
        task=spec,
        history=history,
        horizon=horizon,
        execute=execute,
        normalizer=NormalizerSpec(
            observation_mean=(1.0,) * observed,
            observation_std=(2.0,) * observed,
            command_mean=(0.0,) * commanded,
            command_std=(0.5,) * commanded,
        ),
        noise=NoiseGridSpec(sigma_data=0.5, sigma_min=0.02, sigma_max=80.0, rho=7.0, levels=18),
        network={"kind": "matrix"},
        provenance=Provenance(
            dataset="none",
            dataset_hash="0",
            recipe={"name": "tiny"},
            seed=0,
            code_revision="test",
            created="2026-01-01",
        ),
    )


def linear_student(manifest: Manifest, weights: NDArray[np.float32], noise_gain: float) -> bytes:
    """ONNX graph: commands = denormalised (normalised history @ weights, reshaped, + noise_gain * noise)."""
    history = [1, manifest.history, manifest.task.observation_size]
    chunk = [1, manifest.horizon, manifest.task.command.size]
    normalizer = Normalizer(manifest.normalizer)
    constants = {
        "observation_mean": normalizer.observation_mean,
        "observation_std": normalizer.observation_std,
        "lowest": np.float32(-OBSERVATION_CLIP),
        "highest": np.float32(OBSERVATION_CLIP),
        "row": np.array([1, -1]),
        "weights": weights.astype(np.float32),
        "shape": np.array(chunk),
        "gain": np.float32(noise_gain),
        "command_mean": normalizer.command_mean,
        "command_std": normalizer.command_std,
    }
    nodes = {
        "centred": ("Sub", "history", "observation_mean"),
        "scaled": ("Div", "centred", "observation_std"),
        "clipped": ("Clip", "scaled", "lowest", "highest"),
        "observation": ("Reshape", "clipped", "row"),
        "flat": ("MatMul", "observation", "weights"),
        "mean": ("Reshape", "flat", "shape"),
        "spread": ("Mul", "noise", "gain"),
        "normalised": ("Add", "mean", "spread"),
        "stretched": ("Mul", "normalised", "command_std"),
        "commands": ("Add", "stretched", "command_mean"),
    }
    graph = helper.make_graph(
        [helper.make_node(operator, inputs, [output]) for output, (operator, *inputs) in nodes.items()],
        "student",
        [
            helper.make_tensor_value_info("history", TensorProto.FLOAT, history),
            helper.make_tensor_value_info("noise", TensorProto.FLOAT, chunk),
        ],
        [helper.make_tensor_value_info("commands", TensorProto.FLOAT, chunk)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def write_tiny(
    folder: Path,
    manifest: Manifest | None = None,
    gain: float = 0.1,
    noise_gain: float = 0.2,
    reference_error: float = 0.0,
) -> Manifest:
    """Write a checkpoint whose student is linear; `reference_error` (rad/s) spoils its reference pairs."""
    manifest = manifest or tiny_manifest()
    rng = np.random.default_rng(0)
    observed, commanded = manifest.history * manifest.task.observation_size, manifest.task.command.size
    weights = gain * rng.standard_normal((observed, manifest.horizon * commanded)).astype(np.float32)
    normalizer = Normalizer(manifest.normalizer)
    history = rng.standard_normal((3, manifest.history, manifest.task.observation_size)).astype(np.float32)
    noise = rng.standard_normal((3, manifest.horizon, commanded)).astype(np.float32)
    observation = normalizer.normalize_observation(history).reshape(3, observed)
    chunk = (observation @ weights).reshape(noise.shape) + np.float32(noise_gain) * noise
    commands = normalizer.denormalize_command(chunk) + np.float32(reference_error)
    return write_checkpoint(
        folder,
        manifest,
        {"student": {"weights": weights}, "reference": {"history": history, "noise": noise, "commands": commands}},
        files={"student.onnx": linear_student(manifest, weights, noise_gain)},
    )
