"""`rcd compare` on result files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.evaluation.test_comparison import summary


def test_the_command_prints_and_writes_the_rows(
    tmp_path: Path, rcd: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    one, two, out = tmp_path / "one.json", tmp_path / "two.json", tmp_path / "rows.json"
    one.write_text(json.dumps(summary(100.0, 80.0)))
    two.write_text(json.dumps(summary(60.0, 80.0)))
    assert rcd("compare", f"both={one},{two}", f"first={one}", "--json", out) == 0
    assert "80.0" in capsys.readouterr().out
    assert [row["label"] for row in json.loads(out.read_text())["rows"]] == ["both", "first"]
    assert rcd("compare", f"both={one}", "--json", out) == 2
