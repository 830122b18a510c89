"""The shipped checkpoints plan what they planned when `golden.npz` was written (`tests/planning/golden.py`)."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from rcd_ros.planning.checkpoint import read_manifest
from tests.planning import golden

TOLERANCE = 1e-6
"""Of plans, as a fraction of the command range: float32 engines differ by a third of it."""


@pytest.fixture(scope="module")
def stored() -> dict[str, NDArray[np.float64]]:
    with np.load(golden.FILE) as file:
        return dict(file)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("checkpoint", golden.CHECKPOINTS)
def test_plans(stored: dict[str, NDArray[np.float64]], checkpoint: str, engine: str) -> None:
    command = read_manifest(golden.folder_of(checkpoint)).task.command
    plans = golden.student_plans(checkpoint, engine, stored[f"{checkpoint}/histories"])
    deviations = np.abs(plans - stored[f"{checkpoint}/plans"]) / (np.array(command.upper) - command.lower)
    assert deviations.max() < TOLERANCE


@pytest.mark.parametrize("checkpoint", golden.CHECKPOINTS)
def test_torch_networks(stored: dict[str, NDArray[np.float64]], checkpoint: str) -> None:
    results = golden.torch_results(checkpoint, stored[f"{checkpoint}/histories"])
    assert results.keys() >= {"teacher", "returns"}
    for name, values in results.items():
        np.testing.assert_allclose(values, stored[f"{checkpoint}/{name}"], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("mode", golden.MODES)
@pytest.mark.parametrize("checkpoint", golden.CHECKPOINTS)
def test_streamed_points(stored: dict[str, NDArray[np.float64]], checkpoint: str, mode: str) -> None:
    rewrite = "write the file again: python -m tests.planning.golden"
    for name, values in golden.streamed_points(checkpoint, mode).items():
        assert f"{checkpoint}/{mode}/{name}" in stored, rewrite
        np.testing.assert_allclose(values, stored[f"{checkpoint}/{mode}/{name}"], rtol=1e-9, atol=1e-9)


def test_every_shipped_checkpoint_is_in_the_file(stored: dict[str, NDArray[np.float64]]) -> None:
    assert {name.split("/")[0] for name in stored} == set(golden.CHECKPOINTS) != set()
