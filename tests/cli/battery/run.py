"""Calls `rcd` in this process, with all work taken out, and judges what came of it."""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import sys
import traceback
import types
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import pytest
import typer
from typer import testing

from rcd_ros.cli import lazy
from tests.cli.battery.calls import Call
from tests.cli.battery.room import State, furnish, state
from tests.cli.battery.tree import root

WORK = (
    "rcd_ros.benchmarks.baselines:train_baseline",
    "rcd_ros.benchmarks.loop.run:run_loop",
    "rcd_ros.benchmarks.other_environment:OtherEnvironment.make",
    "rcd_ros.benchmarks.peers:time_peers",
    "rcd_ros.benchmarks.sweep_run:run_jobs",
    "rcd_ros.benchmarks.realtime.runs:Runs.run",
    "rcd_ros.cli.faults:_run",
    "rcd_ros.cli.launch:run_nodes",
    "rcd_ros.cli.data.make_d4rl:_train",
    "rcd_ros.data.export_dataset:export_dataset",
    "rcd_ros.data.storage.fetch:_answers",
    "rcd_ros.data.view:rerun_log",
    "rcd_ros.data.made.controllers:map_in_order",
    "rcd_ros.data.made.d4rl_recipe:map_in_order",
    "rcd_ros.data.made.replay:map_in_order",
    "rcd_ros.benchmarks.latency:engine_latency",
    "rcd_ros.evaluation.offline:evaluate_offline",
    "rcd_ros.evaluation.choice:DynamicsModel",
    "rcd_ros.evaluation.rollout:run_episodes",
    "rcd_ros.evaluation.trial:run_controlled",
    "rcd_ros.evaluation.trial:run_episodes",
    "rcd_ros.benchmarks.speedup:time_sides",
    "rcd_ros.launching.supervisor:run_nodes",
    "rcd_ros.nodes.ros.run:run_node",
    "rcd_ros.training.export:export_student",
    "rcd_ros.training.stages:train_stage",
    "os:execvp",
)
"""`module:name` of what begins the work of the commands, once everything has been checked."""


Answer = tuple[int | None, str, str | None]
"""Exit code (None: the work began), what was printed, and what went wrong beyond all sentences."""


class WorkBegan(BaseException):
    """A call came as far as its work; nothing catches this on the way up."""


@contextlib.contextmanager
def place(room: Path) -> Iterator[None]:
    """Everything that calls need: the room's files, its data sets, its folder as the present one, no work."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINARI_DATASETS_PATH", str(room / "datasets"))
        patch.setenv("COLUMNS", "200")
        furnish(room)
        patch.chdir(room / "work")
        if importlib.util.find_spec("ray") is None:  # what is checked before Ray is needed can be tried without it
            patch.setitem(sys.modules, "ray", types.ModuleType("ray"))
        # Commands keep nothing from call to call: building them anew each time would take most of the time.
        patch.setattr(lazy, "load", cache(lazy.load))
        patch.setattr(typer.main, "get_command", cache(typer.main.get_command))
        targets = [target.partition(":") for target in WORK]
        for module, _, _ in targets:  # all before any is patched: what a module imports by name stays as it was then
            importlib.import_module(module)
        for module, _, name in targets:
            patch.setattr(f"{module}.{name}", _begin_work)
        yield


def findings(calls: Sequence[Call], room: Path, watch: Callable[[Call], None] = lambda call: None) -> list[str]:
    """What is wrong with the answers to these calls, in words; the room is as before after each of them.

    `watch` is told each call before it is made.
    """
    before = state(room)
    found = []
    for call in calls:
        watch(call)
        answer = _answer(call)
        after = state(room)
        problem = _problem(call, answer, before, after)
        if problem is not None:
            found.append(f"{call}\n    {problem}")
        if _tidy(before, after):
            shutil.rmtree(room)
            room.mkdir()
            furnish(room)
            os.chdir(room / "work")
            before = state(room)
    return found


def _problem(call: Call, answer: Answer, before: State, after: State) -> str | None:
    code, said, error = answer
    if error is not None:
        return f"ended in a traceback: {error}"
    if "Traceback" in said:
        return f"printed a traceback: {said[-500:]}"
    changed = [path for path, facts in before.items() if after.get(path) != facts]
    if changed:
        return f"changed or removed {changed[0]} (exit code {code})"
    if code is None or code == 0:
        how = "its work began" if code is None else f"it ended with exit code 0, saying {said[-300:]!r}"
        return f"was not refused: {how}" if call.certain else None
    if code not in (1, 2):
        return f"ended with exit code {code}: {said[-300:]}"
    if code == 2 and not said.strip():
        return "was refused without a word"
    new = [path for path, facts in after.items() if path not in before and facts[3] != "/"]
    return f"was refused and left {new[0]} behind" if new and code == 2 else None


def _answer(call: Call) -> Answer:
    with testing.CliRunner().isolation(env=dict(call.variables)) as (_, _, printed):
        try:
            root().main(list(call.arguments), prog_name="rcd")
        except WorkBegan:
            return None, "", None
        except SystemExit as end:
            sys.stdout.flush()
            sys.stderr.flush()
            code = end.code or 0
            return code if isinstance(code, int) else 1, printed.getvalue().decode(), None
        except BaseException as error:
            return 1, "", _told(error)
    return 0, printed.getvalue().decode(), None


def _told(error: BaseException) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "rcd_ros" in frame.filename]
    at = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}: {str(error)[:300]}{at}"


def _tidy(before: State, after: State) -> bool:
    """Remove what a call has made; tells whether it also changed what was there."""
    for path in sorted((path for path in after if path not in before), key=len, reverse=True):
        if after[path][3] == "/":
            shutil.rmtree(path, ignore_errors=True)
        else:
            Path(path).unlink(missing_ok=True)
    return any(after.get(path) != facts for path, facts in before.items())


def _begin_work(*_: Any, **__: Any) -> NoReturn:
    raise WorkBegan
