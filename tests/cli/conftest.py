"""The command line in the test's own process, and a checkpoint to call it with."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rcd_ros import cli
from rcd_ros.tasks.catalogue import get_task
from tests.planning.tiny import tiny_manifest, write_tiny


@pytest.fixture
def rcd(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Call `rcd` with arguments; returns its exit code."""

    def call(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["rcd", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return int(end.value.code or 0)

    return call


@pytest.fixture(scope="session")
def planner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of a linear planner for the kitchen, which moves the arm a little and completes nothing."""
    folder = tmp_path_factory.mktemp("planner") / "kitchen"
    write_tiny(folder, tiny_manifest(get_task("kitchen").spec, history=2, horizon=8, execute=4), gain=0.01)
    return folder
