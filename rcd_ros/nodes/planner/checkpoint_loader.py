"""Hot swap: another checkpoint is loaded while the planner plans, and takes over between two plans."""

from __future__ import annotations

import threading
from collections.abc import Callable

from rclpy.task import Future

from rcd_ros.errors import RcdError
from rcd_ros.nodes.planner.parameters import PlannerParameters
from rcd_ros.nodes.planner.plan_runner import PlanRunner, PlanTask
from rcd_ros.nodes.planner.planning_thread import PlanningThread
from rcd_ros.nodes.ros.realtime import stepping_back
from rcd_ros.planning.planner import Planner, check_hot_swap
from rcd_ros.planning.throttling import pause, throttled

_LOOK_S = 0.2


class CheckpointLoader:
    """Loads one checkpoint at a time, in a thread of its own."""

    def __init__(self, runner: PlanRunner, thread: PlanningThread[PlanTask], settle: Callable[[], None]) -> None:
        """Exchange the planner of `runner` in the planning thread `thread`.

        `settle` is called after an exchange, when the planner that was in use is closed, from the loader's own thread.
        """
        self._runner = runner
        self._thread = thread
        self._settle = settle
        self._loader: threading.Thread | None = None
        self._abandoned = False

    @property
    def is_busy(self) -> bool:
        """Whether a checkpoint is being loaded."""
        return self._loader is not None and self._loader.is_alive()

    def abandon(self) -> None:
        """Leave the outcome unreported: the node leaves the graph."""
        self._abandoned = True

    async def load(self, make: Callable[[PlannerParameters], Planner], parameters: PlannerParameters) -> str:
        """Load, check and exchange; to be awaited in a service's callback.

        Args:
            make: loads and verifies the planner that the parameters ask for; called in the loader's thread.
            parameters: under which it is to plan.

        Returns:
            What is wrong; empty when the planner is in use.
        """
        if self.is_busy:
            return "a checkpoint is being loaded already: wait for its answer"
        if parameters.engine == "auto":  # to measure engines would take cores from the planner that plans
            parameters = parameters.model_copy(update={"engine": self._runner.planner.engine.name})
        outcome: Future[str] = Future()
        # A daemon: an engine that compiles for minutes must not keep the process from ending.
        self._loader = threading.Thread(
            target=self._run, args=(make, parameters, outcome.set_result), name="loading", daemon=True
        )
        self._loader.start()
        return await outcome or ""

    def _run(
        self,
        make: Callable[[PlannerParameters], Planner],
        parameters: PlannerParameters,
        done: Callable[[str], None],
    ) -> None:
        try:
            with stepping_back(), throttled():
                self._exchange(make(parameters), parameters)
            self._settle()
            problem = ""
        except RcdError as error:
            problem = str(error)
        except Exception as error:  # of a library that meets a file it was not made for
            problem = f"{type(error).__name__}: {error}"
        if not self._abandoned:
            done(problem)

    def _exchange(self, planner: Planner, parameters: PlannerParameters) -> None:
        unused = planner
        try:
            running = self._runner.planner
            check_hot_swap(running.spec, planner.spec, (running.history, planner.history))
            planner.warm_up()
            self._runner.check(planner, parameters)
            pause()
            unused = self._put_in_place(planner)
        finally:
            unused.close()

    def _put_in_place(self, planner: Planner) -> Planner:
        """Exchange the planners between two plans; returns the one that was in use."""
        before: list[Planner] = []
        exchanged = threading.Event()

        def exchange() -> None:
            before.append(self._runner.exchange(planner))
            exchanged.set()

        self._thread.call(exchange)
        while not exchanged.wait(_LOOK_S):
            if not self._thread.is_running:
                raise RcdError("the planner was stopped meanwhile: configure it again")
        return before[0]
