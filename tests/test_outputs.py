"""Result files are never overwritten unasked nor half written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rcd_ros.errors import RcdError
from rcd_ros.outputs import refuse_occupied, write_json


def test_json_is_written_whole_into_a_new_folder(tmp_path: Path) -> None:
    file = tmp_path / "new" / "results.json"
    write_json(file, {"score": 1.0})
    with pytest.raises(TypeError):
        write_json(file, {"score": object()})
    assert json.loads(file.read_text()) == {"score": 1.0}
    write_json(file, {"score": 2.0})
    assert json.loads(file.read_text()) == {"score": 2.0}
    assert [path.name for path in file.parent.iterdir()] == ["results.json"]


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RcdError, match="choose another folder"):
        write_json(tmp_path / "file" / "results.json", {})


def test_an_existing_file_is_refused_unless_forced(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    refuse_occupied(file, force=False)
    file.write_text("mine")
    with pytest.raises(RcdError, match="exists already: choose another file or set overwrite:=true"):
        refuse_occupied(file, False, "set overwrite:=true")
    refuse_occupied(file, force=True)
    with pytest.raises(RcdError, match="is a folder"):
        refuse_occupied(tmp_path, force=True)
