"""Minari data sets that others made: each is read, or refused in one sentence."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from gymnasium import spaces
from typer.testing import CliRunner

from rcd_ros.cli import app
from rcd_ros.data.storage.datasets import load_dataset
from tests.data.foreign import (
    ACTION,
    ACTIONS,
    COUNTS,
    IMAGE,
    NAME,
    PIXELS,
    ROWS,
    STEPS,
    VECTOR,
    content,
    episode,
    make,
    put,
    refused,
)
from tests.planning.tiny import write_tiny
from tests.training.tiny_recipe import RECIPE

pytestmark = [pytest.mark.usefixtures("datasets_root"), pytest.mark.filterwarnings("ignore::UserWarning")]


def dicts(**extra: tuple[spaces.Space[Any], Any]) -> tuple[spaces.Dict, dict[str, Any]]:
    """A space of an observation and other entries, and values in it."""
    entries = {"observation": (VECTOR, ROWS)} | extra
    return (
        spaces.Dict({key: space for key, (space, _) in entries.items()}),
        {key: values for key, (_, values) in entries.items()},
    )


OBSERVED = {
    "a tuple": (spaces.Tuple((VECTOR, VECTOR)), (ROWS, ROWS)),
    "numbers of things": (spaces.Discrete(9), COUNTS),
    "text": (spaces.Text(9), ["left"] * (STEPS + 1)),
    "images": (IMAGE, PIXELS),
    "a dict without an observation": (spaces.Dict({"joints": VECTOR}), {"joints": ROWS}),
    "a dict whose observation is discrete": dicts(observation=(spaces.Discrete(9), COUNTS)),
    "a dict whose observation is nested": dicts(observation=(spaces.Dict({"a": VECTOR}), {"a": ROWS})),
    "a dict whose observation is an image": dicts(observation=(IMAGE, PIXELS)),
}
ACTED = {
    "discrete": (spaces.Discrete(3), [0] * STEPS),
    "dict": (spaces.Dict({"arm": ACTION}), {"arm": ACTIONS}),
    "tuple": (spaces.Tuple((ACTION, ACTION)), (ACTIONS, ACTIONS)),
}


@pytest.mark.parametrize("kind", OBSERVED)
def test_observations_that_are_no_vectors_are_refused(kind: str) -> None:
    observed, values = OBSERVED[kind]
    make(episode(values), observed=observed)
    assert "observation" in refused()


@pytest.mark.parametrize("kind", ACTED)
def test_actions_that_are_no_vectors_are_refused(kind: str) -> None:
    acted, values = ACTED[kind]
    make(episode(actions=values), acted=acted)
    assert "actions" in refused()


def test_of_a_dict_the_vector_is_read_whatever_else_is_in_it(caplog: pytest.LogCaptureFixture) -> None:
    inner = spaces.Dict({"deep": VECTOR})
    observed, values = dicts(camera=(IMAGE, PIXELS), mode=(spaces.Discrete(9), COUNTS), inner=(inner, {"deep": ROWS}))
    make(episode(values), observed=observed)
    np.testing.assert_allclose(load_dataset(NAME).episodes[0].observations, ROWS, rtol=1e-6)
    assert all(entry in caplog.text for entry in ("camera", "mode", "inner")), "what is not used is said"


def test_the_arrow_format_is_read_or_its_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow")
    make(data_format="arrow")
    np.testing.assert_allclose(load_dataset(NAME).episodes[0].observations, ROWS, rtol=1e-6)
    monkeypatch.delitem(sys.modules, "minari.dataset._storages.arrow_storage", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "pip install pyarrow" in refused()


def test_episodes_of_two_widths_are_refused() -> None:
    make(episode(), episode(list(np.zeros((STEPS + 1, 5)))))
    assert "episode 1 have 5 columns" in refused()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        pytest.param(put("rewards", np.zeros(STEPS - 1)), "rewards (2,)", id="fewer rewards than actions"),
        pytest.param(put("rewards", np.zeros((STEPS, 1))), "rewards", id="a column of rewards"),
        pytest.param(put("actions", np.zeros((STEPS + 1, 2))), "actions (4, 2)", id="as many actions as observations"),
        pytest.param(put("terminations", np.zeros(0, bool)), "terminations (0,)", id="no terminations"),
        pytest.param(put("observations", np.full((4, 4), 1e300)), "NaN or infinite", id="too large for float32"),
        pytest.param(put("observations", np.array(["a"] * 4, "S1")), "observations", id="text under a vector's space"),
        pytest.param(put("observations", np.zeros((4, 4), complex)), "complex", id="complex numbers"),
        pytest.param(lambda group: group.pop("rewards"), "damaged", id="no rewards"),
        pytest.param(lambda group: group.move("/episode_0", "/episode_7"), "damaged", id="another number"),
    ],
)
def test_episodes_that_are_not_what_they_should_be_are_refused(change: Callable[[h5py.File], None], named: str) -> None:
    content(change)
    assert named in refused()


def test_an_episode_without_a_step_is_refused() -> None:
    def empty(group: h5py.File) -> None:
        for key, rows in (("observations", (1, 4)), ("actions", (0, 2)), ("rewards", (0,))):
            put(key, np.zeros(rows))(group)
        for key in ("terminations", "truncations"):
            put(key, np.zeros(0, bool))(group)

    content(empty)
    assert "no step" in refused()


def linked(file: h5py.File, other: Path) -> None:
    file["actions"] = h5py.ExternalLink(str(other), "/there")


def kept_elsewhere(file: h5py.File, other: Path) -> None:
    layout = h5py.VirtualLayout(shape=(STEPS, 2), dtype="f8")
    layout[:] = h5py.VirtualSource(str(other), "there", shape=(STEPS, 2))
    file.create_virtual_dataset("actions", layout)


def in_a_raw_file(file: h5py.File, other: Path) -> None:
    file.create_dataset("actions", (STEPS, 2), "f8", external=[(str(other), 0, h5py.h5f.UNLIMITED)])


def never_written(file: h5py.File, _: Path) -> None:
    file.create_dataset("actions", (10**12, 2), "f8", chunks=(1024, 2))


@pytest.mark.parametrize("spoil", [linked, kept_elsewhere, in_a_raw_file, never_written])
@pytest.mark.parametrize("is_there", [True, False])
def test_values_that_are_not_in_its_own_file_are_refused(
    tmp_path: Path, spoil: Callable[[h5py.File, Path], None], is_there: bool
) -> None:
    """Pins: what a link names was read, from wherever, and zeros where it names nothing."""
    if is_there:
        with h5py.File(tmp_path / "other.hdf5", "w") as file:
            file["there"] = np.zeros((STEPS, 2))

    def change(group: h5py.File) -> None:
        del group["actions"]
        spoil(group, tmp_path / "other.hdf5")

    content(change)
    assert "actions" in refused()


@pytest.mark.parametrize(
    "command",
    [
        ("train", "teacher", "{room}/recipe.yaml", "--output", "{room}/out", "dataset=others/some-v0"),
        ("data", "show", NAME),
        ("data", "replay", NAME, "--name", "rcd/test/replays-v0", "--task", "kitchen"),
        ("eval", "{room}/planner", "--offline", NAME),
    ],
    ids=["train", "show", "replay", "offline"],
)
def test_every_command_refuses_the_same(command: tuple[str, ...], tmp_path: Path) -> None:
    """Pins: five rewards for ten actions were shown as fine, and training raised an IndexError."""
    content(put("rewards", np.zeros(STEPS - 1)))
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    write_tiny(tmp_path / "planner")
    done = CliRunner().invoke(app, [part.format(room=tmp_path) for part in command])
    assert done.exit_code == 2, (done.output, done.exception)
    assert done.stderr.count("\n") == 1
    assert "rewards (2,)" in done.stderr
