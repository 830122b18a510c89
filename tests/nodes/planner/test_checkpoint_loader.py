"""The loader of checkpoints alone: in which order the planners are exchanged and closed."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rcd_ros.errors import RcdError
from rcd_ros.nodes.planner.checkpoint_loader import CheckpointLoader
from rcd_ros.nodes.planner.parameters import PlannerParameters
from rcd_ros.planning.planner import Planner
from tests.planning.tiny import tiny_manifest, write_tiny


class Runner:
    """What a loader needs of a plan runner."""

    def __init__(self, planner: Planner) -> None:
        self.planner = planner

    def check(self, planner: Planner, parameters: PlannerParameters) -> None:
        """Accepts every planner."""

    def exchange(self, planner: Planner) -> Planner:
        before, self.planner = self.planner, planner
        return before


class Watched(Planner):
    """A planner that tells when it is closed."""

    happened: list[str]
    name: str

    def close(self) -> None:
        self.happened.append(f"{self.name} closed")
        super().close()


def load(folder: Path, name: str, happened: list[str]) -> Planner:
    planner = Watched.load(folder, engine="onnxruntime")
    planner.happened, planner.name = happened, name
    return planner


def answer(loader: CheckpointLoader, make: Callable[[Any], Planner]) -> str:
    """What a caller of `load` gets."""
    coroutine = loader.load(make, PlannerParameters(engine="onnxruntime"))
    while True:
        try:
            coroutine.send(None)
        except StopIteration as done:
            return str(done.value)
        time.sleep(0.01)


@pytest.fixture
def happened() -> list[str]:
    return []


def loader_of(runner: Runner, happened: list[str]) -> CheckpointLoader:
    thread = SimpleNamespace(call=lambda work: work(), is_running=True)
    return CheckpointLoader(runner, thread, lambda: happened.append("settled"))  # type: ignore[arg-type]


def test_the_planner_in_use_is_closed_before_the_threads_get_real_time_again(
    tmp_path: Path, happened: list[str]
) -> None:
    write_tiny(tmp_path / "one")
    write_tiny(tmp_path / "other", gain=0.3)
    runner = Runner(load(tmp_path / "one", "one", happened))
    assert answer(loader_of(runner, happened), lambda _: load(tmp_path / "other", "other", happened)) == ""
    assert happened == ["one closed", "settled"]
    assert getattr(runner.planner, "name", "") == "other"


def test_a_planner_that_does_not_fit_is_closed_and_nothing_else_happens(tmp_path: Path, happened: list[str]) -> None:
    write_tiny(tmp_path / "one")
    write_tiny(tmp_path / "longer", tiny_manifest(history=3))
    runner = Runner(load(tmp_path / "one", "one", happened))
    problem = answer(loader_of(runner, happened), lambda _: load(tmp_path / "longer", "longer", happened))
    assert "3 observations" in problem and "2" in problem
    assert happened == ["longer closed"]
    assert getattr(runner.planner, "name", "") == "one"


def test_what_cannot_be_loaded_is_reported(tmp_path: Path, happened: list[str]) -> None:
    write_tiny(tmp_path / "one")
    runner = Runner(load(tmp_path / "one", "one", happened))

    def fail(_: object) -> Planner:
        raise RcdError("no such checkpoint")

    assert answer(loader_of(runner, happened), fail) == "no such checkpoint"
    assert happened == []
