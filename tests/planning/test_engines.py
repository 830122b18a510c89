"""Engines are interchangeable, are refused when they are off, and say what they lack."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from rcd_ros.errors import RcdError
from rcd_ros.planning.checkpoint import add_files, load_tensors, verify
from rcd_ros.planning.engines import choose
from rcd_ros.planning.engines.base import Network, Timing
from rcd_ros.planning.engines.choose import (
    ENGINES,
    auto_candidates,
    available_engines,
    load_engine,
    load_network,
    student_program,
    why_not,
)
from rcd_ros.planning.engines.onnx_engine import OnnxNetwork
from rcd_ros.planning.engines.openvino_engine import OpenVinoNetwork
from rcd_ros.planning.planner import Planner
from tests.planning.tiny import linear_student, tiny_manifest, write_tiny

GRAPH_ENGINES = ("onnxruntime", "openvino")
GPU_ENGINES = ("onnxruntime-cuda", "onnxruntime-tensorrt")
HISTORY = np.array([[0.1, -0.2, 0.3, 0.4, 0.5], [0.2, -0.1, 0.3, 0.2, 0.6]])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tiny(tmp_path / "planner")
    return tmp_path / "planner"


@pytest.mark.parametrize("engine", GRAPH_ENGINES + GPU_ENGINES)
def test_every_engine_plans_the_same_and_repeats_itself(folder: Path, engine: str) -> None:
    if (reason := why_not(engine)) is not None:
        pytest.skip(reason)
    planner, other = Planner.load(folder, engine, seed=3), Planner.load(folder, "onnxruntime", seed=3)
    assert planner.engine.name == engine
    assert planner.engine.choice is None
    plans = [planner.plan(HISTORY + step) for step in range(3)]
    assert plans == [pytest.approx(other.plan(HISTORY + step), abs=1e-5) for step in range(3)]
    planner.reset(3)
    assert np.array_equal([planner.plan(HISTORY + step) for step in range(3)], plans), "and no plan was overwritten"
    planner.close()


ONE_AFTER_ANOTHER = """
import signal, sys
from rcd_ros.planning.planner import Planner

first = Planner.load(sys.argv[1], sys.argv[2])
second = Planner.load(sys.argv[1], sys.argv[2])
first.close()
del first
second.close()
del second
signal.signal(signal.SIGINT, lambda number, frame: print("interrupted"))
signal.raise_signal(signal.SIGINT)
"""


@pytest.mark.parametrize("engine", GRAPH_ENGINES)
@pytest.mark.slow
def test_a_process_that_exchanged_its_engine_can_be_interrupted(folder: Path, engine: str) -> None:
    """Pins: OpenVINO left a signal stack behind that was no memory any more, and Ctrl-C was a segmentation fault."""
    program = f"import faulthandler; faulthandler.enable()\n{ONE_AFTER_ANOTHER}"  # which sets a signal stack, too
    result = subprocess.run([sys.executable, "-c", program, folder, engine], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, "interrupted\n"), result.stderr


@pytest.mark.parametrize("engine", GRAPH_ENGINES)
def test_an_engine_plans_from_what_was_last_written_and_leaves_that_alone(folder: Path, engine: str) -> None:
    """Pins: a runtime that copied its input once, or computed in it."""
    reference = load_tensors(folder, "reference")
    loaded = load_engine(engine, folder, verify(folder))
    for history, noise, commands in zip(*(reference[key] for key in ("history", "noise", "commands")), strict=True):
        loaded.history[...], loaded.noise[...] = history, noise
        loaded.warm_up(3)
        assert loaded.commands == pytest.approx(commands, abs=1e-5)
        assert np.array_equal(loaded.history, history)
        assert np.array_equal(loaded.noise, noise)


def graph_between_normalised_values() -> bytes:
    """As exported before graphs took physical units: it would plan garbage."""
    chunk = [1, 4, 2]
    inputs = {"observation": [1, 10], "noise": chunk}
    graph = helper.make_graph(
        [helper.make_node("Identity", ["noise"], ["chunk"])],
        "student",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info("chunk", TensorProto.FLOAT, chunk)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


@pytest.mark.parametrize("engine", (*GRAPH_ENGINES, "auto"))
@pytest.mark.parametrize(
    ("graph", "said"),
    [
        (linear_student(tiny_manifest(history=1), np.zeros((5, 8), np.float32), 0.2), r"\(1, 1, 5\)"),
        (graph_between_normalised_values(), r"'chunk': \(1, 4, 2\)"),
        (b"no graph at all", "student.onnx"),
    ],
)
def test_another_graph_than_the_manifests_is_refused(folder: Path, engine: str, graph: bytes, said: str) -> None:
    add_files(folder, {"student.onnx": graph})
    with pytest.raises(RcdError, match=said):
        Planner.load(folder, engine)


@pytest.mark.parametrize("engine", GRAPH_ENGINES)
def test_an_engine_that_is_off_is_refused_with_figure_and_remedy(tmp_path: Path, engine: str) -> None:
    write_tiny(tmp_path / "off", reference_error=5e-4)
    with pytest.raises(RcdError, match=rf"{engine}.*1\.\de-04"):
        Planner.load(tmp_path / "off", engine)


def test_an_unknown_engine_is_answered_by_the_nearest_known_one(folder: Path) -> None:
    with pytest.raises(RcdError, match=r"openvine.*openvino.*auto, onnxruntime"):
        Planner.load(folder, "openvine")
    with pytest.raises(RcdError, match=r"thread.*0"):
        Planner.load(folder, "onnxruntime", threads=0)


@pytest.mark.parametrize(
    ("engine", "package", "remedy"),
    [
        ("openvino", "openvino", r"pip install 'rcd_ros\[openvino\]'"),
        ("torch", "torch", r"pip install 'rcd_ros\[torch\]'"),
        ("torch-compile", "torch", r"pip install 'rcd_ros\[torch\]'"),
        ("onnxruntime", "onnxruntime", "pip install onnxruntime$"),
        ("onnxruntime-cuda", "onnxruntime", "pip install 'onnxruntime-gpu"),
    ],
)
def test_a_missing_engine_names_what_installs_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, engine: str, package: str, remedy: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(RcdError, match=f"{engine}.*{package}.*{remedy}"):
        Planner.load(folder, engine)


def test_an_engine_that_is_installed_but_broken_says_why(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rcd_ros.planning.engines.openvino_engine", None)
    with pytest.raises(RcdError, match=r"openvino.*rcd_ros\[openvino\]"):
        Planner.load(folder, "openvino")


def test_gpu_engines_say_what_this_machine_lacks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "NVIDIA_DEVICES", ())
    for engine in (*GPU_ENGINES, "torch-cudagraph"):
        assert "NVIDIA GPU" in (available_engines()[engine] or "")
    monkeypatch.setattr(choose, "NVIDIA_DEVICES", (str(folder),))
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(RcdError, match=r"CUDAExecutionProvider.*onnxruntime-gpu"):
        Planner.load(folder, "onnxruntime-cuda")


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_no_silent_fallback_to_the_cpu(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime itself goes on with the CPU when a provider does not start."""
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("CUDA works here")
    monkeypatch.setattr(choose, "why_not", lambda name: None)
    with pytest.raises(RcdError, match="CUDAExecutionProvider"):
        load_network("onnxruntime-cuda", student_program(folder, verify(folder)))


def test_a_runtime_that_fails_on_the_network_is_one_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(network: object) -> None:
        raise RuntimeError("out of\nmemory")

    monkeypatch.setattr(OpenVinoNetwork, "run", fail)
    with pytest.raises(RcdError, match=r"openvino.*out of memory"):
        Planner.load(folder, "openvino")
    assert Planner.load(folder).engine.name == "onnxruntime"


def test_auto_measures_what_is_installed_and_tells_the_figures(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "NVIDIA_DEVICES", ())
    with caplog.at_level("INFO"):
        planner = Planner.load(folder)
    choice = planner.engine.choice
    assert choice is not None
    assert set(choice) == {"onnxruntime", "openvino"}
    assert all(0.0 < timing.p50_ms <= timing.p99_ms for timing in choice.values())
    assert planner.engine.name == min(choice, key=lambda name: sum(choice[name]))
    assert all(f"{name} {timing.p50_ms:.3f}" in caplog.text for name, timing in choice.items())


def test_auto_minds_the_tail(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = {"onnxruntime": Timing(0.2, 0.3), "openvino": Timing(0.1, 1.0)}
    monkeypatch.setattr(choose, "measure", lambda engines, reference: figures)
    monkeypatch.setattr(choose, "NVIDIA_DEVICES", ())
    assert Planner.load(folder).engine.name == "onnxruntime"


def test_auto_passes_over_what_does_not_work(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def off(network: Network) -> None:
        network.output.fill(9.0)

    monkeypatch.setattr(choose, "NVIDIA_DEVICES", ())
    monkeypatch.setattr(OnnxNetwork, "run", off)
    engine = Planner.load(folder).engine
    assert (engine.name, set(engine.choice or {})) == ("openvino", {"openvino"})
    assert "onnxruntime" in caplog.text
    monkeypatch.setattr(OpenVinoNetwork, "run", off)
    with pytest.raises(RcdError, match=r"onnxruntime.*openvino"):
        Planner.load(folder)


def test_measuring_is_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that takes long makes fewer plans, but a round of them."""
    engine, reference = load_engine("onnxruntime", folder, verify(folder)), load_tensors(folder, "reference")
    planned: list[None] = []
    monkeypatch.setattr(engine, "run", lambda: planned.append(None))
    monkeypatch.setattr(engine, "warm_up", lambda: None)
    choose.measure([engine], reference, plans=100, budget_s=0.0)
    assert len(planned) == choose.ROUND
    choose.measure([engine], reference, plans=100, budget_s=1e9)
    assert len(planned) == choose.ROUND + 100


def test_candidates_of_auto(monkeypatch: pytest.MonkeyPatch) -> None:
    missing: dict[str, str | None] = dict.fromkeys(ENGINES)
    monkeypatch.setattr(choose, "why_not", lambda name: missing[name])
    assert auto_candidates() == ["onnxruntime", "openvino", "onnxruntime-cuda", "torch-cudagraph"]
    missing.update(dict.fromkeys((*GRAPH_ENGINES, *GPU_ENGINES, "torch-cudagraph"), "not installed"))
    assert auto_candidates() == ["torch"]
    missing["torch"] = "not installed"
    with pytest.raises(RcdError, match="pip install onnxruntime"):
        auto_candidates()


@pytest.mark.slow
def test_planning_loads_no_torch(folder: Path) -> None:
    """It would cost a robot seconds at every start."""
    code = (
        "import sys, numpy\nfrom rcd_ros.planning.planner import Planner\n"
        f"for engine in {(*GRAPH_ENGINES, 'auto')!r}:\n"
        f"    Planner.load({str(folder)!r}, engine).plan(numpy.zeros((2, 5)))\n"
        "print('openvino' in sys.modules, 'torch' in sys.modules)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["True", "False"]
