"""Minari data sets that others made, and damaged ones: each is read, or refused in one sentence; all can be deleted."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import minari
import numpy as np
import pytest
from click.testing import Result
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec
from minari.data_collector import EpisodeBuffer
from typer.testing import CliRunner

from rcd_ros.cli import app
from rcd_ros.data.storage import delete_dataset, list_datasets, load_dataset, save_dataset
from rcd_ros.errors import RcdError
from tests.data.demonstrations import synthetic_episodes
from tests.planning.tiny import write_tiny
from tests.training.tiny_recipe import RECIPE

pytestmark = [pytest.mark.usefixtures("datasets_root"), pytest.mark.filterwarnings("ignore::UserWarning")]
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


def dicts(**extra: tuple[spaces.Space[Any], Any]) -> tuple[spaces.Dict, dict[str, Any]]:
    """A space of an observation and other entries, and values in it."""
    entries = {"observation": (VECTOR, ROWS)} | extra
    return (
        spaces.Dict({key: space for key, (space, _) in entries.items()}),
        {key: values for key, (_, values) in entries.items()},
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


def metadata(changed: Mapping[str, Any] | str, name: str = NAME) -> None:
    """Change entries of a data set's metadata (None: removed), or replace all of its text."""
    file = data_file("metadata.json", name)
    if isinstance(changed, str):
        file.write_text(changed)
        return
    entries = json.loads(file.read_text()) | changed
    file.write_text(json.dumps({key: value for key, value in entries.items() if value is not None}))


DAMAGED: dict[str, Mapping[str, Any] | str] = {
    "no JSON": "{'task': kitchen",
    "a list": "[1, 2]",
    "deep": "[" * 100_000,
    "nothing": "",
    "task is a list": {"task": ["kitchen"]},
    "task is a number": {"task": 7},
    "the task's specification is a number": {"task_spec": 7},
    "no number of episodes": {"total_episodes": None},
    "a negative number of episodes": {"total_episodes": -1},
    "text for the number of steps": {"total_steps": "many"},
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged_metadata_are_named_as_such_and_can_be_deleted(kind: str) -> None:
    save_dataset(OWN, synthetic_episodes(), task=None, origin={}, description="")
    make()
    metadata(DAMAGED[kind])
    assert "damaged" in refused()
    listed = list_datasets()
    assert list(listed) == [NAME, OWN]
    assert NAME in listed[NAME].problem
    assert (listed[OWN].episodes, listed[OWN].problem) == (3, "")
    delete_dataset(NAME)
    assert list(list_datasets()) == [OWN]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"total_episodes": 10**9}, "damaged"),
        ({"total_steps": 7}, "7"),
        ({"data_format": "carrier pigeon"}, "damaged"),
        ({"observation_space": "{}"}, "damaged"),
        ({"observation_space": '{"type": "Box"}'}, "damaged"),
        ({"action_space": None}, "spaces"),
        ({"task": "no-such-task"}, ""),
    ],
)
def test_metadata_that_do_not_fit_the_content_are_refused_by_what_reads_it(
    changed: Mapping[str, Any], named: str
) -> None:
    make()
    metadata(changed)
    if named:
        assert named in refused()
    shown = rcd("show", NAME)
    assert shown.exit_code == 2
    assert shown.stderr.startswith("rcd: error: ")
    assert shown.stderr.count("\n") == 1


def test_metadata_without_spaces_run_no_code(tmp_path: Path) -> None:
    """Pins: Minari makes the environment that such metadata name, and an environment is any function of any module."""
    make()
    trace = tmp_path / "trace"
    spec = EnvSpec("A-v0", entry_point="os:mkdir", kwargs={"path": str(trace)})
    metadata({"observation_space": None, "action_space": None, "env_spec": spec.to_json()})
    assert "spaces" in refused()
    assert not trace.exists()


@pytest.mark.parametrize(
    ("origin", "words"),
    [("a robot in Lyon", ["a robot in Lyon"]), (["arm", 7], ["arm", "7"]), (7, ["7"]), ({"by": "hand"}, ["by: hand"])],
)
def test_the_origin_is_shown_whatever_it_is(origin: Any, words: list[str]) -> None:
    make()
    metadata({"origin": origin})
    shown = rcd("show", NAME)
    assert shown.exit_code == 0, shown.output
    assert all(word in shown.stdout for word in words)


def test_the_command_line_lists_shows_and_deletes_damaged_ones() -> None:
    make()
    metadata({"task": ["kitchen"]})
    listed = rcd("list")
    assert listed.exit_code == 0, listed.stderr
    assert "damaged" in listed.stdout
    assert "task" in listed.stderr
    for refusal in (rcd("show", NAME), rcd("show", "others/non-v0"), rcd("delete", "others/non-v0")):
        assert refusal.exit_code == 2, refusal.output
        assert refusal.stderr.count("\n") == 1
    assert rcd("delete", NAME).exit_code == 0
    assert list_datasets() == {}


def test_a_task_of_other_columns_is_refused() -> None:
    make()
    metadata({"task": "kitchen"})
    shown = rcd("show", NAME)
    assert shown.exit_code == 2, shown.output
    assert "kitchen" in shown.stderr


def test_a_half_made_data_set_can_be_deleted(datasets_root: Path) -> None:
    (datasets_root / "others" / "half-v0").mkdir(parents=True)
    assert list_datasets()["others/half-v0"].problem
    assert "damaged" in refused("others/half-v0")
    delete_dataset("others/half-v0")
    assert list_datasets() == {}


def test_a_link_is_deleted_but_not_what_it_names(datasets_root: Path, tmp_path: Path) -> None:
    make()
    (datasets_root / "others" / "some-v0").rename(tmp_path / "elsewhere")
    (datasets_root / "others" / "some-v0").symlink_to(tmp_path / "elsewhere")
    load_dataset(NAME)
    delete_dataset(NAME)
    assert list_datasets() == {}
    assert (tmp_path / "elsewhere" / "data" / "metadata.json").exists()


def test_a_folder_that_is_no_data_set_is_kept(datasets_root: Path) -> None:
    folder = datasets_root / "thesis-v1"
    (folder / "data").mkdir(parents=True)
    (folder / "thesis.tex").write_text("three years of work")
    with pytest.raises(RcdError, match=r"thesis\.tex"):
        delete_dataset("thesis-v1")
    assert (folder / "thesis.tex").exists()


def test_other_folders_and_loops_of_links_are_passed_by(datasets_root: Path) -> None:
    make()
    (datasets_root / "notes" / "data").mkdir(parents=True)
    (datasets_root / "others" / "loop").symlink_to(datasets_root, target_is_directory=True)
    assert list(list_datasets()) == [NAME]


@pytest.mark.parametrize("root", ["", "{room}/file", "{room}/file/below", "/proc/none"])
def test_a_root_that_cannot_be_used_is_named(root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MINARI_DATASETS_PATH", root.format(room=tmp_path))
    for call in (list_datasets, lambda: load_dataset(NAME), lambda: delete_dataset(NAME), save_own):
        with pytest.raises(RcdError, match="MINARI_DATASETS_PATH"):
            call()


def save_own() -> None:
    save_dataset(OWN, synthetic_episodes(), task=None, origin={}, description="")


def test_what_cannot_be_written_is_one_sentence(datasets_root: Path) -> None:
    (datasets_root / "rcd").write_text("a file where a folder should be")
    with pytest.raises(RcdError, match="cannot be written"):
        save_own()


@pytest.mark.parametrize("name", [f"{'x' * 300}-v0", "rcd/kitchen-v0/part-v1"])
def test_names_that_no_data_set_can_have(name: str) -> None:
    with pytest.raises(RcdError, match="is no data set name"):
        save_dataset(name, synthetic_episodes(), task=None, origin={}, description="")
    with pytest.raises(RcdError, match="no local data set"):
        load_dataset(name)


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
