"""Result files are never overwritten unasked nor half written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rcd_ros.errors import RcdError
from rcd_ros.outputs import claim, write_json


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


def test_what_cannot_be_written_is_said_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RcdError, match="choose another folder"):
        claim(tmp_path / "file" / "results.json", force=False)
    with pytest.raises(RcdError, match="choose another file"):
        write_json(tmp_path / "nowhere" / "results.json", {})


def test_an_existing_file_is_refused_unless_forced(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    claim(file, force=False)
    file.write_text("mine")
    with pytest.raises(RcdError, match="exists already: choose another file or set overwrite:=true"):
        claim(file, False, "set overwrite:=true")
    claim(file, force=True)
    with pytest.raises(RcdError, match="is a folder"):
        claim(tmp_path, force=True)
