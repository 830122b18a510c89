"""ONNX Runtime on the CPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from rcd_ros.errors import RcdError
from rcd_ros.planning.checkpoint import PathLike, read_file
from rcd_ros.planning.manifest import Manifest

STUDENT = "student.onnx"


class OnnxEngine:
    """Runs `student.onnx`: inputs `observation` and `noise`, output `chunk`, batch 1, float32."""

    name = "onnxruntime"

    def __init__(self, folder: PathLike, manifest: Manifest, threads: int = 1) -> None:
        """Load the graph of a checkpoint.

        Raises:
            RcdError: the file is missing, damaged, no ONNX graph, or not the graph that the manifest describes.
        """
        path = Path(folder) / STUDENT
        content = read_file(folder, manifest, STUDENT)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Waiting threads must leave the cores to the robot's other processes.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime has an exception class per cause, without a common base
            reason = " ".join(str(error).split())[:200]
            raise RcdError(
                f"'{path}' cannot be loaded by ONNX Runtime ({reason}): export the checkpoint again"
            ) from error
        commanded = manifest.task.command.size
        chunk = [1, manifest.horizon, commanded]
        expected = {"observation": [1, manifest.history * manifest.task.observation_size], "noise": chunk}
        found = {node.name: node.shape for node in self._session.get_inputs()}
        output = {node.name: node.shape for node in self._session.get_outputs()}
        if found != expected or output != {"chunk": chunk}:
            raise RcdError(
                f"'{path}' has inputs {found} and outputs {output}, the manifest says {expected} and "
                f"{ {'chunk': chunk} }: export the checkpoint again"
            )

    def plan(self, observation: NDArray[np.float32], noise: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Engine.plan`."""
        (chunk,) = self._session.run(["chunk"], {"observation": observation[None], "noise": noise[None]})
        return np.asarray(chunk[0], np.float32)

    def close(self) -> None:
        """Nothing is held beyond the object itself."""
