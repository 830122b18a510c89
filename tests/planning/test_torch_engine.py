"""Torch as an engine, and every engine against networks that were exported from torch."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from rcd_ros.benchmarks.timing import varied_observations
from rcd_ros.errors import RcdError
from rcd_ros.planning.checkpoint import add_files, load_tensors, verify
from rcd_ros.planning.engines import torch_engine
from rcd_ros.planning.engines.base import Engine, check_parity
from rcd_ros.planning.engines.choose import ENGINES, student_program, why_not
from rcd_ros.planning.engines.torch_engine import TorchNetwork
from rcd_ros.planning.planner import Planner
from rcd_ros.training.policies import load_policy
from tests.planning.tiny_torch import RESIDUAL_MLP, TEMPORAL_UNET, write_torch

pytestmark = pytest.mark.slow

KITCHEN = Path(__file__).parents[2] / "models" / "kitchen-complete"
HISTORY = np.array([[0.1, -0.2, 0.3, 0.4, 0.5], [0.2, -0.1, 0.3, 0.2, 0.6]])


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("torch")
    for network in (RESIDUAL_MLP, TEMPORAL_UNET):
        write_torch(folder / network["kind"], network)
    return folder


@pytest.fixture
def exported(room: Path) -> Path:
    return room / "residual_mlp"


@pytest.fixture
def quick_compile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Traces as torch.compile does, without the minute in the C++ compiler."""
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="aot_eager"))


@pytest.mark.usefixtures("quick_compile")
@pytest.mark.parametrize("kind", ["residual_mlp", "temporal_unet"])
@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_plans_what_torch_planned(room: Path, engine: str, kind: str) -> None:
    if (reason := why_not(engine)) is not None:
        pytest.skip(reason)
    planner, other = Planner.load(room / kind, engine, seed=3), Planner.load(room / kind, "torch", seed=3)
    assert planner.engine.name == engine
    plans = [planner.plan(HISTORY + step) for step in range(3)]
    assert np.ptp(plans, axis=0).max() > 1e-3, "the observation and the noise reach the plan"
    assert plans == [pytest.approx(other.plan(HISTORY + step), abs=4e-4) for step in range(3)]
    planner.reset(3)
    planner.prepare()
    assert np.array_equal([planner.plan(HISTORY + step) for step in range(3)], plans)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino", "torch"])
def test_the_shipped_planner_plans_what_its_weights_plan(engine: str) -> None:
    """The normaliser inside the exported graph against the one in NumPy, also where observations are clipped."""
    planner, policy = Planner.load(KITCHEN, engine, seed=3), load_policy(KITCHEN, "student", seed=3)
    observations = varied_observations(verify(KITCHEN), count=12)
    observations[6:] *= 4.0
    for history in observations:
        assert planner.plan(history) == pytest.approx(policy.plan(history), abs=1e-5)


def test_torch_weights_that_are_not_the_references_are_refused(exported: Path, tmp_path: Path) -> None:
    """The torch engines read student.safetensors, the others student.onnx: both must be what was checked."""
    copy = tmp_path / "copy"
    shutil.copytree(exported, copy)
    student = load_tensors(copy, "student")
    student["leave.2.bias"] = student["leave.2.bias"] + 1.0
    add_files(copy, tensors={"student": student})
    with pytest.raises(RcdError, match="torch"):
        Planner.load(copy, "torch")
    Planner.load(copy, "onnxruntime")


def test_a_compiler_that_fails_is_one_sentence(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("C++ compile\nerror")

    monkeypatch.setattr(torch, "compile", lambda module, dynamic: broken)
    with pytest.raises(RcdError, match=r"torch-compile.*C\+\+ compile error"):
        TorchNetwork("torch-compile", student_program(exported, verify(exported)), 1)


def test_a_graph_that_cannot_be_recorded_runs_in_eager_torch(
    exported: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    manifest = verify(exported)
    program = student_program(exported, manifest)

    def refuse(*_: object) -> None:
        raise RuntimeError("operation not permitted\nwhen stream is capturing")

    monkeypatch.setattr(torch_engine, "missing_cuda", lambda: None)
    monkeypatch.setattr(torch.cuda, "Stream", refuse)
    network = TorchNetwork("torch-cudagraph", program, 1)
    check_parity(Engine(network), manifest, load_tensors(exported, "reference"), "it")
    (record,) = caplog.records
    assert record.levelname == "WARNING" and "operation not permitted when stream is capturing" in record.message


def test_cuda_graphs_need_a_gpu(exported: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(RcdError, match="torch-cudagraph"):
        TorchNetwork("torch-cudagraph", student_program(exported, verify(exported)), 1)
