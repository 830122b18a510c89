"""ONNX Runtime, on the CPU or on an NVIDIA GPU (CUDA or TensorRT)."""

from __future__ import annotations

import numpy as np
import onnxruntime

from rcd_ros.errors import RcdError
from rcd_ros.planning.engines.base import Program

PROVIDERS = {
    "onnxruntime": ("CPUExecutionProvider",),
    "onnxruntime-cuda": ("CUDAExecutionProvider",),
    "onnxruntime-tensorrt": ("TensorrtExecutionProvider", "CUDAExecutionProvider"),
}
"""Engine -> its provider, and what may run the parts of a graph that the provider does not know."""
_OPTIONS = {"CUDAExecutionProvider": {"use_tf32": "0"}}
"""TF32 rounds products to 10 bits, which no planner was trained with."""


def missing_provider(name: str) -> str | None:
    """Why this ONNX Runtime does not offer the provider of engine `name`; None when it does."""
    provider = PROVIDERS[name][0]
    if provider in onnxruntime.get_available_providers():
        return None
    return (
        f"the installed onnxruntime has no {provider}: pip uninstall onnxruntime, then pip install "
        "'onnxruntime-gpu[cuda,cudnn]' in its place"
    )


class OnnxNetwork:
    """A graph in an ONNX Runtime session, bound to fixed buffers."""

    def __init__(self, name: str, program: Program, threads: int) -> None:
        """Load the graph of `program` into the provider of engine `name`.

        Raises:
            RcdError: the provider cannot be used here, or the graph is damaged or not the program's.
        """
        self.name = name
        device = "cpu" if name == "onnxruntime" else "cuda"
        if device == "cuda":
            onnxruntime.preload_dlls()  # finds CUDA where pip installs it
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Waiting threads must leave the cores to the robot's other processes.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        providers = [(provider, _OPTIONS.get(provider, {})) for provider in PROVIDERS[name]]
        graph = program.graph()
        try:
            # On the CPU there is nothing to fall back to: it would try the same again and print both failures.
            session = onnxruntime.InferenceSession(
                graph, options, providers=providers, enable_fallback=device == "cuda"
            )
        except Exception as error:  # ONNX Runtime has an exception class per cause, without a common base
            reason = " ".join(str(error).split())[:200]
            raise RcdError(
                f"{program.source} cannot be loaded by ONNX Runtime ({reason}): export the checkpoint again"
            ) from error
        if session.get_providers()[0] != PROVIDERS[name][0]:
            raise RcdError(
                f"engine {name} cannot run here: ONNX Runtime could not start its {PROVIDERS[name][0]} (a driver or a "
                "CUDA library is missing) and would use something else; choose another engine"
            )
        program.check_graph(_floats(session.get_inputs()), _floats(session.get_outputs()))
        self.inputs = [np.zeros(shape, np.float32) for shape in program.inputs.values()]
        self.output = np.zeros(program.shape, np.float32)
        self._session = session
        self._binding = session.io_binding()
        # On the CPU an OrtValue is a view of its array. A GPU holds copies of the inputs, to be brought up to date, and
        # its output is copied into the array at the end of a run.
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(array, device) for array in self.inputs]
        for key, value in zip(program.inputs, values, strict=True):
            self._binding.bind_ortvalue_input(key, value)
        self._binding.bind_ortvalue_output(program.output, onnxruntime.OrtValue.ortvalue_from_numpy(self.output))
        self._copies = [] if device == "cpu" else list(zip(values, self.inputs, strict=True))

    def run(self) -> None:
        """See `Network`."""
        for value, array in self._copies:
            value.update_inplace(array)
        self._session.run_with_iobinding(self._binding)

    def close(self) -> None:
        """Nothing is held beyond the object itself."""


def _floats(nodes: list[onnxruntime.NodeArg]) -> dict[str, tuple[int, ...]]:
    """Name -> shape of the float32 ones."""
    return {node.name: tuple(node.shape) for node in nodes if node.type == "tensor(float)"}
