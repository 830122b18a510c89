"""PyTorch: eager, compiled, or replayed as a CUDA graph; on the GPU where torch sees one, else on the CPU.

Only this module and `torch_modules` import torch.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from rcd_ros.errors import RcdError
from rcd_ros.planning.engines.base import Program

Evaluate = Callable[..., Tensor]
log = logging.getLogger(__name__)


def missing_cuda() -> str | None:
    """Why torch cannot use a GPU here; None when it can."""
    if torch.cuda.is_available():
        return None
    return f"torch {torch.__version__} sees no CUDA device: install a CUDA build of torch and the driver it needs"


class TorchNetwork:
    """A module with static inputs, evaluated in float32 without gradients."""

    def __init__(self, name: str, program: Program, threads: int) -> None:
        """Build the module of `program` and make it ready in the way that engine `name` says.

        `threads` holds for torch in the whole process.

        Raises:
            RcdError: the module cannot be built or compiled, or there is no GPU to capture a CUDA graph on.
        """
        self.name = name
        torch.set_num_threads(threads)
        torch.backends.cudnn.allow_tf32 = False  # rounds products to 10 bits, which no planner was trained with
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        module = program.module().to(device).eval()
        self.inputs = [np.zeros(shape, np.float32) for shape in program.inputs.values()]
        self.output = np.zeros(program.shape, np.float32)
        host = [torch.from_numpy(array) for array in self.inputs]
        # On the CPU these are the very same tensors; a GPU holds copies, to be brought up to date.
        self._inputs = [tensor.to(device) for tensor in host]
        self._copies = [] if device.type == "cpu" else list(zip(self._inputs, host, strict=True))
        self._output = torch.from_numpy(self.output)
        self._evaluate: Evaluate = module
        with torch.inference_mode():
            if name == "torch-compile":
                self._evaluate = _compiled(module, self._inputs)
            elif name == "torch-cudagraph":
                self._evaluate = _captured(module, self._inputs)

    def run(self) -> None:
        """See `Network`."""
        with torch.inference_mode():
            for copy, tensor in self._copies:
                copy.copy_(tensor)
            self._output.copy_(self._evaluate(*self._inputs))  # waits for a GPU to finish

    def close(self) -> None:
        """Nothing is held beyond the object itself."""


def _compiled(module: nn.Module, inputs: list[Tensor]) -> Evaluate:
    compiled: Evaluate = torch.compile(module, dynamic=False)
    try:
        compiled(*inputs)
    except Exception as error:  # any failure of the compiler below torch
        reason = " ".join(str(error).split())[:200]
        raise RcdError(
            f"engine torch-compile cannot compile the network here ({reason}): install a C++ compiler (apt install "
            "g++), or choose torch"
        ) from error
    return compiled


def _captured(module: nn.Module, inputs: list[Tensor]) -> Evaluate:
    """The module's kernels, recorded once and launched as one; the module itself where recording fails."""
    if (reason := missing_cuda()) is not None:
        raise RcdError(f"engine torch-cudagraph cannot run here: {reason}, or choose torch")
    try:
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch has no types here
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):  # libraries pick their kernels now: they may not while recording
            for _ in range(3):
                module(*inputs)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            output: Tensor = module(*inputs)
    except RuntimeError as error:
        log.warning(
            "the network cannot be recorded as a CUDA graph and runs in eager torch: %s", " ".join(str(error).split())
        )
        return module

    def replay(*_: Tensor) -> Tensor:
        graph.replay()
        return output

    return replay
