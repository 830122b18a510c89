"""Data sets with damaged metadata, in places that cannot be used, half made: named, and deleted; nothing else is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from gymnasium.envs.registration import EnvSpec

from rcd_ros.data.storage.datasets import delete_dataset, list_datasets, load_dataset, save_dataset
from rcd_ros.errors import RcdError
from tests.data.demonstrations import synthetic_episodes
from tests.data.foreign import (
    NAME,
    OWN,
    make,
    metadata,
    rcd,
    refused,
)

pytestmark = [pytest.mark.usefixtures("datasets_root"), pytest.mark.filterwarnings("ignore::UserWarning")]


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
    with pytest.raises(RcdError, match=r"thesis\.tex"):
        save_dataset("thesis-v1", synthetic_episodes(), task=None, origin={}, description="", force=True)
    assert (folder / "thesis.tex").read_text() == "three years of work"


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
    with pytest.raises(RcdError, match="MINARI_DATASETS_PATH"):
        save_own()


@pytest.mark.parametrize("name", [f"{'x' * 300}-v0", "rcd/kitchen-v0/part-v1"])
def test_names_that_no_data_set_can_have(name: str) -> None:
    with pytest.raises(RcdError, match=re.escape(name)):
        save_dataset(name, synthetic_episodes(), task=None, origin={}, description="")
    with pytest.raises(RcdError, match=re.escape(name)):
        load_dataset(name)
