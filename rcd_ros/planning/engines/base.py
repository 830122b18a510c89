"""The interface of inference engines, and the check of an engine against reference plans."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from rcd_ros.errors import RcdError
from rcd_ros.planning.limits import CommandLimits
from rcd_ros.planning.manifest import Manifest
from rcd_ros.planning.throttling import pause

if TYPE_CHECKING:
    from torch import nn

PARITY_TOLERANCE = 1e-4
"""Largest admissible deviation from the reference chunks, as a fraction of the command range."""

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Program:
    """A network of float32 inputs and one float32 output, in the forms that engines run it from.

    Attributes:
        source: what to call it in an error.
        inputs: name -> shape, in the order in which the network is called.
        output: its name.
        shape: of the output.
        graph: gives it as ONNX.
        module: gives it as a torch module that takes the inputs in order.
    """

    source: str
    inputs: Shapes
    output: str
    shape: tuple[int, ...]
    graph: Callable[[], bytes]
    module: Callable[[], nn.Module]

    def check_graph(self, inputs: Shapes, outputs: Shapes) -> None:
        """Refuse an ONNX graph whose float32 inputs and outputs are others than the program's.

        Raises:
            RcdError: which they are, and which they should be.
        """
        expected = dict(self.inputs), {self.output: self.shape}
        if (dict(inputs), dict(outputs)) != expected:
            raise RcdError(
                f"{self.source} has inputs {dict(inputs)} and outputs {dict(outputs)}, the manifest says {expected[0]} "
                f"and {expected[1]}: export the checkpoint again"
            )


class Network(Protocol):
    """A program, loaded into an engine and bound to fixed arrays. One thread at a time may run it.

    Attributes:
        name: of the engine.
        inputs: arrays to write into before a run, shaped as `Program.inputs` says and in that order.
        output: the array that a run fills.
    """

    name: str
    inputs: Sequence[NDArray[np.float32]]
    output: NDArray[np.float32]

    def run(self) -> None:
        """Evaluate it: from `inputs`, which stay as they are, to `output`."""

    def close(self) -> None:
        """Release what it holds."""


class Timing(NamedTuple):
    """How long plans took, ms."""

    p50_ms: float
    p99_ms: float


class Engine:
    """Evaluates the one-step student; everything in physical units, in arrays of its own.

    Attributes:
        name: as it is chosen by: "onnxruntime".
        history: (history, n_obs), oldest first: to be written before a run.
        noise: (horizon, n_cmd), standard normal: to be written before a run.
        commands: (horizon, n_cmd): what the last run planned.
        choice: the figures by which "auto" chose it, of every engine it measured; None when it was asked for.
    """

    def __init__(self, network: Network) -> None:
        """Run the student that has been loaded into `network`."""
        self.name = network.name
        self.choice: dict[str, Timing] | None = None
        self._network = network
        history, noise = network.inputs
        self.history, self.noise, self.commands = history[0], noise[0], network.output[0]

    def warm_up(self, plans: int = 20) -> None:
        """Run repeatedly: the first evaluations allocate, compile and fill caches."""
        for _ in range(plans):
            self.run()

    def run(self) -> None:
        """Plan `commands` from `history` and `noise`."""
        self._network.run()

    def close(self) -> None:
        """Release what the engine holds."""
        self._network.close()


def check_parity(engine: Engine, manifest: Manifest, reference: dict[str, NDArray[np.float32]], source: str) -> float:
    """Compare an engine with reference pairs made in float32 torch: `history`, `noise` and `commands`, one per row.

    Returns:
        The largest deviation as a fraction of the command range.

    Raises:
        RcdError: the pairs do not fit the manifest, or the engine is off by more than `PARITY_TOLERANCE`.
    """
    commanded = manifest.task.command.size
    expected = {
        "history": (manifest.history, manifest.task.observation_size),
        "noise": (manifest.horizon, commanded),
        "commands": (manifest.horizon, commanded),
    }
    shapes = {name: tensor.shape[1:] for name, tensor in reference.items()}
    if shapes != expected or len({len(tensor) for tensor in reference.values()}) != 1 or not len(reference["commands"]):
        raise RcdError(f"{source}: reference pairs have shapes {shapes}, the manifest says {expected}: export it again")
    command_range = CommandLimits(manifest.task.command).range
    worst = 0.0
    for history, noise, commands in zip(*(reference[name] for name in expected), strict=True):
        engine.history[...], engine.noise[...] = history, noise
        engine.run()
        pause()
        worst = float(np.maximum(worst, np.max(np.abs(engine.commands - commands) / command_range)))
    if not worst <= PARITY_TOLERANCE:
        raise RcdError(
            f"{source}: engine {engine.name} is off its reference chunks by {worst:.1e} of the command range "
            f"(at most {PARITY_TOLERANCE:.0e} allowed): export the checkpoint again or choose another engine"
        )
    return worst
