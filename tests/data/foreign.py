"""A Minari data set as others make it, and ways to change it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import minari
import numpy as np
import pytest
from click.testing import Result
from gymnasium import spaces
from minari.data_collector import EpisodeBuffer
from typer.testing import CliRunner

from rcd_ros.cli import app
from rcd_ros.data.storage.datasets import load_dataset
from rcd_ros.errors import RcdError

NAME, OWN = "others/some-v0", "rcd/test/own-v0"
STEPS = 3
VECTOR, ACTION = spaces.Box(-9, 9, (4,), np.float64), spaces.Box(-1, 1, (2,), np.float64)
IMAGE = spaces.Box(0, 255, (40, 40, 3), np.uint8)
ROWS, ACTIONS = list(np.arange(16.0).reshape(4, 4) / 9), list(np.zeros((STEPS, 2)))
PIXELS = list(np.zeros((STEPS + 1, 40, 40, 3), np.uint8))
COUNTS = list(np.arange(STEPS + 1))


def episode(observations: Any = ROWS, actions: Any = ACTIONS) -> EpisodeBuffer:
    ends = [False] * STEPS
    return EpisodeBuffer(
        observations=observations,
        actions=actions,
        rewards=[0.0] * STEPS,
        terminations=ends,
        truncations=[*ends[:-1], True],
    )


def make(
    *buffers: EpisodeBuffer, observed: spaces.Space[Any] = VECTOR, acted: spaces.Space[Any] = ACTION, **options: Any
) -> None:
    minari.create_dataset_from_buffers(
        NAME, list(buffers) or [episode()], observation_space=observed, action_space=acted, **options
    )


def refused(name: str = NAME) -> str:
    """The sentence by which the data set is refused."""
    with pytest.raises(RcdError) as caught:
        load_dataset(name)
    said = str(caught.value)
    assert name in said
    assert "\n" not in said
    return said


def rcd(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["data", *arguments])


def content(change: Callable[[h5py.File], None]) -> None:
    """A data set whose episodes are changed after they were written."""
    make()
    with h5py.File(data_file("main_data.hdf5"), "a") as file:
        change(file["episode_0"])


def data_file(file: str, name: str = NAME) -> Path:
    return minari.load_dataset(name).storage.data_path / file


def put(key: str, values: Any) -> Callable[[h5py.File], None]:
    def change(group: h5py.File) -> None:
        del group[key]
        group[key] = values

    return change


def metadata(changed: Mapping[str, Any] | str, name: str = NAME) -> None:
    """Change entries of a data set's metadata (None: removed), or replace all of its text."""
    file = data_file("metadata.json", name)
    if isinstance(changed, str):
        file.write_text(changed)
        return
    entries = json.loads(file.read_text()) | changed
    file.write_text(json.dumps({key: value for key, value in entries.items() if value is not None}))
