"""An engine by its name, checked against the checkpoint's reference pairs before it plans anything."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rcd_ros.errors import RcdError
from rcd_ros.planning.checkpoint import PathLike, load_tensors, read_file
from rcd_ros.planning.engines.auto import fastest
from rcd_ros.planning.engines.base import Engine, Network, Program, check_parity
from rcd_ros.planning.leisure import pause
from rcd_ros.planning.manifest import Manifest
from rcd_ros.suggest import did_you_mean

if TYPE_CHECKING:
    from torch import nn

STUDENT = "student.onnx"
NVIDIA_DEVICES = ("/dev/nvidiactl", "/dev/nvhost-gpu", "/dev/dxg")
"""Device files of a discrete GPU, of a Jetson's and of one under WSL: looking there loads no library."""


@dataclass(frozen=True)
class _Backend:
    """How to load an engine.

    Attributes:
        target: "module:class" of its `Network`.
        package: what must be importable.
        remedy: how to install that.
        usable: why it cannot be used although it is installed, None when it can.
    """

    target: str
    package: str
    remedy: str
    usable: Callable[[], str | None]


def _onnx(name: str) -> _Backend:
    def usable() -> str | None:
        if name != "onnxruntime" and not has_nvidia_gpu():
            return "this machine shows no NVIDIA GPU"
        reason: str | None = importlib.import_module("rcd_ros.planning.engines.onnx_engine").missing_provider(name)
        return reason

    remedy = "pip install " + ("onnxruntime" if name == "onnxruntime" else "'onnxruntime-gpu[cuda,cudnn]'")
    return _Backend("rcd_ros.planning.engines.onnx_engine:OnnxNetwork", "onnxruntime", remedy, usable)


def _torch(usable: Callable[[], str | None]) -> _Backend:
    return _Backend("rcd_ros.planning.engines.torch_engine:TorchNetwork", "torch", _extra("torch"), usable)


def _extra(name: str) -> str:
    return f"pip install 'rcd_ros[{name}]'"


def _compiler() -> str | None:
    compiler = os.environ.get("CXX", "g++")
    return None if shutil.which(compiler) else f"there is no C++ compiler '{compiler}': apt install g++"


def _cuda() -> str | None:
    if not has_nvidia_gpu():
        return "this machine shows no NVIDIA GPU"
    reason: str | None = importlib.import_module("rcd_ros.planning.engines.torch_engine").missing_cuda()
    return reason


def has_nvidia_gpu() -> bool:
    """Whether the system shows an NVIDIA GPU."""
    return any(Path(device).exists() for device in NVIDIA_DEVICES)


_BACKENDS: dict[str, _Backend] = {
    "onnxruntime": _onnx("onnxruntime"),
    "openvino": _Backend(
        "rcd_ros.planning.engines.openvino_engine:OpenVinoNetwork", "openvino", _extra("openvino"), lambda: None
    ),
    "torch": _torch(lambda: None),
    "torch-compile": _torch(_compiler),
    "torch-cudagraph": _torch(_cuda),
    "onnxruntime-cuda": _onnx("onnxruntime-cuda"),
    "onnxruntime-tensorrt": _onnx("onnxruntime-tensorrt"),
}
ENGINES = tuple(_BACKENDS)


def why_not(name: str) -> str | None:
    """Why engine `name` cannot be used here and what to do about it; None when it can.

    Raises:
        RcdError: there is no such engine.
    """
    if name not in _BACKENDS:
        raise RcdError(f"unknown engine '{name}'{did_you_mean(name, ENGINES)}; known: auto, {', '.join(ENGINES)}")
    backend = _BACKENDS[name]
    if importlib.util.find_spec(backend.package) is None:
        return f"{backend.package} is not installed: {backend.remedy}"
    try:
        return backend.usable()
    except ImportError as error:
        return f"{backend.package} cannot be imported ({error}): {backend.remedy}"


def check_engine(name: str) -> None:
    """Make sure that an engine can be used here, before anything is loaded into it; `auto` can.

    Raises:
        RcdError: there is no such engine, or it cannot be used.
    """
    if name != "auto" and (reason := why_not(name)) is not None:
        raise RcdError(f"engine '{name}' cannot be used: {reason}")


def available_engines() -> dict[str, str | None]:
    """Every engine: None when it can be used here, else why not and what to do."""
    return {name: why_not(name) for name in ENGINES}


def load_network(name: str, program: Program, threads: int = 1) -> Network:
    """Load a program into the engine `name` (not "auto").

    Raises:
        RcdError: unknown engine, engine not usable here, or a program that it cannot run.
    """
    if (reason := why_not(name)) is not None:
        raise RcdError(f"engine '{name}' cannot be used: {reason}")
    if threads < 1:
        raise RcdError(f"an engine needs at least one thread, got {threads}")
    module, cls = _BACKENDS[name].target.split(":")
    try:
        make: Any = getattr(importlib.import_module(module), cls)
    except ImportError as error:
        raise RcdError(f"engine '{name}' cannot be imported ({error}): {_BACKENDS[name].remedy}") from error
    network: Network = make(name, program, threads)
    return network


def load_engine(name: str, folder: PathLike, manifest: Manifest, threads: int = 1) -> Engine:
    """Load the engine `name` ("auto" measures those of `auto_candidates`) for a checkpoint.

    Raises:
        RcdError: unknown engine, engine not usable here, or it does not reproduce the reference pairs.
    """
    program = student_program(folder, manifest)
    reference = load_tensors(folder, "reference", manifest)

    def load(engine_name: str) -> Engine:
        try:
            engine = Engine(load_network(engine_name, program, threads))
            pause()
            check_parity(engine, manifest, reference, f"checkpoint '{folder}'")
        except (RuntimeError, OSError) as error:  # of the runtime or its driver
            reason = " ".join(str(error).split())[:200]
            raise RcdError(f"engine {engine_name} cannot run '{folder}' ({reason}): choose another engine") from error
        return engine

    return fastest(auto_candidates(), load, reference) if name == "auto" else load(name)


def auto_candidates() -> list[str]:
    """The engines that "auto" chooses among: the usable ones that are ready in a moment.

    PyTorch takes seconds to import, torch-compile and TensorRT up to minutes to compile. So torch is a candidate only
    where there is an NVIDIA GPU to record a CUDA graph on, or no other engine; the latter two are used only when named.

    Raises:
        RcdError: no engine can be used here.
    """
    usable = [name for name in ("onnxruntime", "openvino", "onnxruntime-cuda", "torch-cudagraph") if not why_not(name)]
    if usable or not why_not("torch"):
        return usable or ["torch"]
    raise RcdError(f"no inference engine can be used here: {_BACKENDS['onnxruntime'].remedy}")


def student_program(folder: PathLike, manifest: Manifest) -> Program:
    """The one-step student of a checkpoint: history (1, h, n_obs), noise -> commands (1, H, A), physical units."""
    chunk = (1, manifest.horizon, manifest.task.command.size)

    def module() -> nn.Module:
        from rcd_ros.planning.engines.torch_modules import one_step

        return one_step(manifest, load_tensors(folder, "student", manifest))

    return Program(
        source=f"'{Path(folder) / STUDENT}'",
        inputs={"history": (1, manifest.history, manifest.task.observation_size), "noise": chunk},
        output="commands",
        shape=chunk,
        graph=lambda: read_file(folder, manifest, STUDENT),
        module=module,
    )
