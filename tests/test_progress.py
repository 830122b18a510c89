"""Progress on a terminal and in a log file."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from tqdm import tqdm

import rcd_ros
from rcd_ros import progress
from rcd_ros.progress import progress_bar


def lines(captured: pytest.CaptureFixture[str]) -> list[str]:
    out, err = captured.readouterr()
    assert out == ""
    assert "\r" not in err
    return err.splitlines()


def test_in_a_file_there_is_a_line_at_the_beginning_and_one_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar(total=1000, desc="driving", unit="step") as bar:
        for step in range(1000):
            bar.set_description("driving")
            bar.set_postfix(score=f"{step:.1f}")
            bar.update()
    first, last = lines(capsys)
    assert "0/1000" in first
    assert all(part in last for part in ("driving", "1000/1000", "score=999.0"))


def test_in_between_there_is_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with progress_bar(total=100) as bar:
        for _ in range(100):
            now[0] += progress.LINE_EVERY_S / 10
            bar.update()
            bar.refresh()
    assert 10 <= len(lines(capsys)) <= 12


def test_an_iterable_is_gone_through_and_a_closed_bar_says_nothing_more(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar(iter("abc"), total=3) as bar:
        assert list(bar) == ["a", "b", "c"]
    bar.close()
    assert len(lines(capsys)) == 2


def test_of_a_process_that_does_not_lead_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar(total=3, disable=True) as bar:
        bar.set_postfix(loss="0.1")
        bar.update(3)
    assert lines(capsys) == []


def test_messages_between_are_whole_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar(total=3) as bar:
        bar.update(3)
        bar.write("cell done")
    assert capsys.readouterr().out == "cell done\n"


def test_on_a_terminal_it_is_tqdms_own_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress_bar(total=3) as bar:
        assert type(bar) is tqdm
        bar.update(3)
    assert "\r" in capsys.readouterr().err


def test_no_bar_is_made_past_it() -> None:
    package = Path(rcd_ros.__file__).parent
    assert [path.name for path in package.rglob("*.py") if re.search(r"\btqdm\w*\(", path.read_text())] == []
