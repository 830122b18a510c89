"""An engine by its name, checked against the checkpoint's reference pairs before it plans anything."""

from __future__ import annotations

import importlib
from typing import Any

from rcd_ros.errors import RcdError
from rcd_ros.planning.checkpoint import PathLike, load_tensors
from rcd_ros.planning.engines.base import Engine, check_parity
from rcd_ros.planning.manifest import Manifest

_ENGINES: dict[str, tuple[str, str]] = {
    "onnxruntime": ("rcd_ros.planning.engines.onnx_engine:OnnxEngine", "pip install onnxruntime"),
}
"""name -> (class, how to install what it needs)"""


def load_engine(name: str, folder: PathLike, manifest: Manifest, threads: int = 1) -> Engine:
    """Load the engine `name` ("auto" takes the best one there is) for a checkpoint.

    Raises:
        RcdError: unknown engine, engine not installed, or it does not reproduce the reference pairs.
    """
    chosen = "onnxruntime" if name == "auto" else name
    if chosen not in _ENGINES:
        raise RcdError(f"unknown engine '{name}'; known: auto, {', '.join(_ENGINES)}")
    if threads < 1:
        raise RcdError(f"an engine needs at least one thread, got {threads}")
    target, remedy = _ENGINES[chosen]
    module, cls = target.split(":")
    try:
        make: Any = getattr(importlib.import_module(module), cls)
    except ImportError as error:
        raise RcdError(f"engine '{chosen}' is not installed ({error}): {remedy}") from error
    engine: Engine = make(folder, manifest, threads)
    check_parity(engine, manifest, load_tensors(folder, "reference", manifest), f"checkpoint '{folder}'")
    return engine
