"""OpenVINO on the CPU."""

from __future__ import annotations

import sys
from functools import cache

import numpy as np

from rcd_ros.errors import RcdError
from rcd_ros.planning.engines.base import Program

# OpenVINO reports its use to Google Analytics, from a child that it forks: a robot's process must do neither.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None blocks the import

import openvino  # noqa: E402


class OpenVinoNetwork:
    """A graph compiled for the CPU, bound to fixed buffers."""

    def __init__(self, name: str, program: Program, threads: int) -> None:
        """Compile the graph of `program`.

        Raises:
            RcdError: the graph is damaged, or not the program's.
        """
        self.name = name
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": "f32",
            # The node and the system decide which cores a planner may use.
            "ENABLE_CPU_PINNING": False,
        }
        graph = program.graph()
        try:
            model = _core().read_model(graph)
            program.check_graph(_floats(model.inputs), _floats(model.outputs))
            compiled = _core().compile_model(model, "CPU", settings)
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            raise RcdError(
                f"{program.source} cannot be loaded by OpenVINO ({reason}): export the checkpoint again"
            ) from error
        self._request = compiled.create_infer_request()
        self.inputs = [np.zeros(shape, np.float32) for shape in program.inputs.values()]
        self.output = np.zeros(program.shape, np.float32)
        for key, array in zip((*program.inputs, program.output), (*self.inputs, self.output), strict=True):
            self._request.set_tensor(key, openvino.Tensor(array, shared_memory=True))

    def run(self) -> None:
        """See `Network`."""
        self._request.infer(share_outputs=True)  # otherwise it returns a copy, which is not used

    def close(self) -> None:
        """Nothing is held beyond the object itself."""


@cache
def _core() -> openvino.Core:
    """The one core of this process; it is never released.

    Each core installs a signal stack and restores the previous one when it is released. If two are released in
    the order of their creation, or in another thread, a freed stack stays installed: the next signal kills the process.
    """
    return openvino.Core()


def _floats(ports: list[openvino.Output]) -> dict[str, tuple[int, ...]]:
    """Name -> shape of the float32 ones; -1 stands for a size that the graph leaves open."""
    return {
        port.get_any_name(): tuple(d.get_length() if d.is_static else -1 for d in port.get_partial_shape())
        for port in ports
        if port.get_element_type() == openvino.Type.f32
    }
