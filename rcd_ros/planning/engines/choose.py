"""An engine by its name or by measurement, checked against the checkpoint's reference pairs before it plans."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rcd_ros.errors import RcdError
from rcd_ros.planning.checkpoint import PathLike, load_tensors, read_file
from rcd_ros.planning.engines.base import Engine, Network, Program, Timing, check_parity
from rcd_ros.planning.manifest import Manifest
from rcd_ros.planning.throttling import pause
from rcd_ros.suggest import did_you_mean

if TYPE_CHECKING:
    from torch import nn

STUDENT = "student.onnx"
NVIDIA_DEVICES = ("/dev/nvidiactl", "/dev/nvhost-gpu", "/dev/dxg")
"""Device files of a discrete GPU, of a Jetson's and of one under WSL: this check loads no library."""
PLANS = 300
ROUND = 25
BUDGET_S = 1.0
"""Of measuring, all engines together; an engine so slow that this is too short for 300 plans is measured by fewer."""

log = logging.getLogger(__name__)


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
        make: Callable[[str, Program, int], Network] = getattr(importlib.import_module(module), cls)
    except ImportError as error:
        raise RcdError(f"engine '{name}' cannot be imported ({error}): {_BACKENDS[name].remedy}") from error
    return make(name, program, threads)


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


def fastest(
    candidates: Sequence[str], load: Callable[[str], Engine], reference: Mapping[str, NDArray[np.float32]]
) -> Engine:
    """Load the candidates, measure them on the reference inputs, and keep the one with the least p50 + p99.

    The tail counts as much as the median: an occasional late plan costs a robot as much as plans that are always a
    little slower. Candidates that cannot be loaded are skipped, with the reason in the log.

    Raises:
        RcdError: none could be loaded.
    """
    engines, failures = [], []
    for name in candidates:
        try:
            engines.append(load(name))
        except RcdError as error:
            log.warning("engine %s is passed over: %s", name, error)
            failures.append(str(error))
    if not engines:
        raise RcdError("; ".join(dict.fromkeys(failures)))
    choice = measure(engines, reference)
    best = min(engines, key=lambda engine: sum(choice[engine.name]))
    for engine in engines:
        if engine is not best:
            engine.close()
    best.choice = choice
    figures = ", ".join(f"{name} {timing.p50_ms:.3f} / {timing.p99_ms:.3f}" for name, timing in choice.items())
    log.info("engine %s is the fastest (p50 / p99 in ms: %s)", best.name, figures)
    return best


def measure(
    engines: Sequence[Engine],
    reference: Mapping[str, NDArray[np.float32]],
    plans: int = PLANS,
    budget_s: float = BUDGET_S,
) -> dict[str, Timing]:
    """Times of each engine's plans, measured in alternation, so that other load affects all of them alike."""
    inputs = list(zip(reference["history"], reference["noise"], strict=True))
    times: dict[str, list[float]] = {engine.name: [] for engine in engines}
    end = time.perf_counter() + budget_s
    for engine in engines:
        engine.warm_up()
    for begin in range(0, plans, ROUND):
        for engine in engines:
            for plan in range(begin, min(begin + ROUND, plans)):
                engine.history[...], engine.noise[...] = inputs[plan % len(inputs)]
                start = time.perf_counter()
                engine.run()
                times[engine.name].append(1e3 * (time.perf_counter() - start))
        if time.perf_counter() > end:
            break
    return {name: Timing(*(float(value) for value in np.percentile(ms, (50, 99)))) for name, ms in times.items()}
