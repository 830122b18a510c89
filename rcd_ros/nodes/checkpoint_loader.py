"""Another checkpoint, loaded beside the planner that plans, and put in its place between two plans."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from rcd_ros.errors import RcdError
from rcd_ros.nodes.node_planner import NodePlanner
from rcd_ros.nodes.plan_runner import PlanRunner
from rcd_ros.nodes.planner_parameters import PlannerParameters
from rcd_ros.nodes.planning_thread import PlanningThread
from rcd_ros.nodes.realtime import step_back
from rcd_ros.planning.exchange import check_exchange

_LOOK_S = 0.2


class CheckpointLoader:
    """Loads one checkpoint at a time, in a thread of its own."""

    def __init__(self, runner: PlanRunner, thread: PlanningThread[Any], settle: Callable[[], None]) -> None:
        """Exchange the planner of `runner` in the planning thread `thread`.

        `settle` is called after an exchange, from the loader's own thread.
        """
        self._runner = runner
        self._thread = thread
        self._settle = settle
        self._loader: threading.Thread | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a checkpoint is being loaded."""
        return self._loader is not None and self._loader.is_alive()

    def load(self, make: Callable[[], NodePlanner], parameters: PlannerParameters, done: Callable[[str], None]) -> None:
        """Begin to load; not while it is busy.

        Args:
            make: loads and verifies a planner.
            parameters: under which it is to plan.
            done: called in the end, from the loader's thread, with what is wrong; empty when the planner is in use.
        """
        # A daemon: an engine that compiles for minutes must not keep the process from ending.
        self._loader = threading.Thread(target=self._run, args=(make, parameters, done), name="loading", daemon=True)
        self._loader.start()

    def _run(self, make: Callable[[], NodePlanner], parameters: PlannerParameters, done: Callable[[str], None]) -> None:
        step_back()
        try:
            self._exchange(make(), parameters)
        except RcdError as error:
            done(str(error))
        except Exception as error:  # of a library that meets a file it was not made for
            done(f"{type(error).__name__}: {error}")
        else:
            done("")

    def _exchange(self, planner: NodePlanner, parameters: PlannerParameters) -> None:
        unused = planner
        try:
            running = self._runner.planner
            check_exchange(running.spec, planner.spec, (running.history, planner.history))
            planner.warm_up()
            self._runner.check(planner, parameters)
            unused = self._put_in_place(planner)
            self._settle()
        finally:
            unused.close()

    def _put_in_place(self, planner: NodePlanner) -> NodePlanner:
        """Exchange the planners between two plans; returns the one that was in use."""
        before: list[NodePlanner] = []
        exchanged = threading.Event()

        def exchange() -> None:
            before.append(self._runner.exchange(planner))
            exchanged.set()

        self._thread.call(exchange)
        while not exchanged.wait(_LOOK_S):
            if not self._thread.is_running:
                raise RcdError("the planner was stopped meanwhile: configure it again")
        return before[0]
