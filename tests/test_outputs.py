"""Result files are overwritten only when asked to, and never half written."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from rcd_ros.errors import RcdError
from rcd_ros.outputs import claim, keep_apart, write_json


def test_json_is_written_whole(tmp_path: Path) -> None:
    file = tmp_path / "new" / "results.json"
    claim(file, force=False)
    write_json(file, {"score": 1.0})
    with pytest.raises(TypeError):
        write_json(file, {"score": object()})
    assert json.loads(file.read_text()) == {"score": 1.0}
    write_json(file, {"score": 2.0})
    assert json.loads(file.read_text()) == {"score": 2.0}
    assert [path.name for path in file.parent.iterdir()] == ["results.json"]


def test_what_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RcdError, match="/file'"):
        claim(tmp_path / "file" / "results.json", force=False)
    with pytest.raises(RcdError, match=r"nowhere/results.json"):
        write_json(tmp_path / "nowhere" / "results.json", {})


def test_an_existing_file_is_refused_unless_forced(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    claim(file, force=False)
    file.write_text("mine")
    with pytest.raises(RcdError, match=r"results.json.*overwrite:=true"):
        claim(file, False, "set overwrite:=true")
    claim(file, force=True)
    with pytest.raises(RcdError, match=tmp_path.name):
        claim(tmp_path, force=True)


@pytest.fixture
def room(tmp_path: Path) -> Path:
    (tmp_path / "planner").mkdir()
    (tmp_path / "planner" / "manifest.yaml").write_text("made by training")
    (tmp_path / "link").symlink_to(tmp_path / "planner")
    return tmp_path


@pytest.mark.parametrize("output", ["planner", "link", "planner/../planner", "planner/sub/x.json", "link/x.json", "."])
def test_an_output_is_apart_from_what_is_read(room: Path, output: str) -> None:
    with pytest.raises(RcdError, match=f"--output '{re.escape(str(room / output))}'"):
        keep_apart({"--output": room / output}, [room / "planner"])


def test_an_output_that_is_an_input_by_a_hard_link_is_refused(room: Path) -> None:
    os.link(room / "planner" / "manifest.yaml", room / "same.yaml")
    with pytest.raises(RcdError, match=r"same.yaml"):
        keep_apart({"--json": room / "same.yaml"}, [room / "planner" / "manifest.yaml"])


@pytest.mark.parametrize("other", ["a.png", "b/../a.png", "a.png/inside.json"])
def test_two_outputs_are_apart(tmp_path: Path, other: str) -> None:
    with pytest.raises(RcdError, match="--plot and --json"):
        keep_apart({"--plot": tmp_path / "a.png", "--json": tmp_path / other})


def test_outputs_beside_what_is_read_pass_and_so_do_names_of_no_file(room: Path) -> None:
    keep_apart({"--json": room / "planner.json", "--plot": None}, [room / "planner", "kitchen", None])


@pytest.mark.parametrize("path", ["link-to-nowhere", "/dev/null", "/proc/nowhere/x.json", "x" * 300, "file/x.json"])
def test_a_path_that_cannot_be_written_is_refused_and_nothing_is_left(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link-to-nowhere").symlink_to(tmp_path / "nowhere")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(RcdError):
        claim(tmp_path / path, force=path == "/dev/null")
    assert sorted(tmp_path.iterdir()) == before
