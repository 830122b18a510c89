"""`rcd export`: copies for shipping."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rcd_ros.planning.checkpoint import verify
from tests.planning.tiny import write_tiny


def test_a_compact_copy_is_written_beside_the_checkpoint(
    rcd: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_tiny(tmp_path / "planner")
    before = verify(tmp_path / "planner")
    assert rcd("export", tmp_path / "planner", "--compact", tmp_path / "small", "--notes", "Of tiny data.") == 0
    assert verify(tmp_path / "planner") == before
    assert set(before.files) - set(verify(tmp_path / "small").files) == {"student.safetensors"}
    capsys.readouterr()
    assert rcd("export", tmp_path / "planner", "--compact", tmp_path / "small") == 2
    assert "exists already" in capsys.readouterr().err
    assert rcd("export", tmp_path / "planner", "--notes", "Of tiny data.") == 2
    assert "--notes are for --compact FOLDER" in capsys.readouterr().err


@pytest.mark.parametrize("target", ["planner", "link", "planner/small", "."])
def test_a_compact_copy_never_replaces_its_source(
    target: str, rcd: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_tiny(tmp_path / "planner")
    (tmp_path / "link").symlink_to(tmp_path / "planner")
    before = verify(tmp_path / "planner")
    assert rcd("export", tmp_path / "planner", "--compact", tmp_path / target, "--force") == 2
    assert "--compact" in capsys.readouterr().err
    assert verify(tmp_path / "planner") == before
