"""When a simulation steps, and on which command: lockstep, real time, pause, and steps by request.

`lockstep`: after every observation the clock stands still until the plan for it has arrived (the stamps are equal),
whether or not `execute` lets it be followed. That makes a run a function of its seeds alone.

`realtime`: the wall clock, times `speed`, drives the simulation, and nothing waits, not even between episodes. With
`waits_for_planner` it begins when the first plan has arrived: until then the planner may still be loading. That plan
is not followed: the first episode is restarted, so that all planners begin alike. A plan counts for the control period
that began with its observation when it arrives in the first half of the period, else from the next one on: latency is
rounded to whole periods, for every planner alike. The step is computed in the second half and published at its end:
the simulator's computing time is no part of a planner's latency. `Pace` counts where this machine was too slow.
"""

from __future__ import annotations

from typing import Protocol

from rclpy.task import Future

from rcd_ros.errors import RcdError
from rcd_ros.nodes.bridge.command_intake import CommandIntake
from rcd_ros.nodes.bridge.episodes import EpisodeRecord, Episodes, EpisodeStart
from rcd_ros.nodes.bridge.pace import RealtimeTicker
from rcd_ros.planning.execution.received_plan import ReceivedPlan


class Listener(Protocol):
    """Is called with what happens; a `SystemExit` from here ends the node."""

    def begun(self) -> None:
        """An episode begins; its first observation follows."""

    def observed(self) -> None:
        """There is a new observation, or the newest one is to be published again."""

    def stepped(self) -> None:
        """The simulator has made a step, which is not published yet."""

    def completed(self, goals: tuple[str, ...]) -> None:
        """The step that is published now completed these goals."""

    def ended(self, record: EpisodeRecord) -> None:
        """An episode is over."""


class EpisodeDriver:
    """Moves episodes on; everything runs in the executor's thread."""

    def __init__(
        self,
        episodes: Episodes,
        intake: CommandIntake,
        listener: Listener,
        waits_for_planner: bool = True,
        ticks: int = 1,
    ) -> None:
        """Drive `episodes` by the commands of `intake`, in lockstep until there is a `ticker`.

        Args:
            episodes: to drive.
            intake: of commands.
            listener: is called with what happens.
            waits_for_planner: whether time stands still until the first plan has come.
            ticks: steps of the simulation in a control period; lockstep waits for a plan once in it.
        """
        self.episodes = episodes
        self._ticks = ticks
        self.paused = False
        self.ticker: RealtimeTicker | None = None
        """What drives the simulation in real time; it calls `tick`."""
        self.waited_s = 0.0
        """Wall time for which the newest observation's plan has been waited for."""
        self.awaited = waits_for_planner
        """Whether time stands still until a plan for the newest observation arrives."""
        self._intake, self._listener = intake, listener
        self._completed: tuple[str, ...] | None = None
        """Goals completed by a step that is not published yet; None while there is no such step."""
        self._planned: Future[bool] | None = None
        """Result: whether a plan for the newest observation has arrived in time. None while no request waits for it."""

    @property
    def lockstep(self) -> bool:
        """Whether every step waits for its plan."""
        return self.ticker is None

    @property
    def waits(self) -> bool:
        """Whether a plan is waited for, by the clock or by a request for steps."""
        return self.awaited and self.episodes.running is not None and (not self.paused or self._planned is not None)

    def begin(self, start: EpisodeStart | None = None) -> None:
        """Start the next episode, or restart the running one.

        Raises:
            RcdError: there is no such keyframe.
        """
        self.episodes.begin(start)
        self._intake.reset()
        self._completed = None
        self.run_clock()
        self._listener.begun()
        self._observe()

    def run_clock(self) -> None:
        """Real time: a control period begins now."""
        if self.ticker is not None:
            self.ticker.begin()

    def plan_arrived(self, plan: ReceivedPlan) -> None:
        """A plan has been accepted."""
        if plan.stamp != self.episodes.now or not self.awaited:
            return
        self.awaited = False
        if not self.lockstep:
            self.begin()
        elif not self.paused:
            self.advance()
        self._resolve_planned(True)

    def tick(self) -> None:
        """Real time: in the middle of a period the command is chosen and the step computed; its end is published."""
        if self._completed is not None and self.ticker is not None:
            self.ticker.end_period()
            self._show()
        elif self.episodes.running is not None and not self.awaited and not self.paused:
            self._step()

    def ask_again(self, interval_s: float) -> None:
        """Publish an observation again whose plan is waited for; called every `interval_s` seconds."""
        if not self.awaited or self.episodes.running is None:
            return
        # The first call may come right after the observation was published: give its plan time.
        if self.waited_s > 0.0:
            self._listener.observed()
        self.waited_s += interval_s

    def give_up_waiting(self) -> None:
        """No plan has arrived in time; a request for a step fails."""
        self.waited_s = 0.0
        self._resolve_planned(False)

    def pause(self, paused: bool) -> None:
        """Pause or resume."""
        self.show_pending()
        self.paused = paused
        if not paused:
            self.run_clock()
            if self.lockstep and not self.awaited and self.episodes.running is not None:
                self.advance()

    @property
    def time(self) -> int:
        """Real time: the simulated time (ns) of the tick that is due: a step's end, or the middle of the next one."""
        episodes = self.episodes
        return episodes.now if self._completed is not None else episodes.now + episodes.period // 2

    def advance(self) -> None:
        """One control period, or the rest of it; each step is published at once."""
        self._step()
        self._show()
        while self._is_between:
            self._step()
            self._show()

    @property
    def _is_between(self) -> bool:
        """Whether a control period has begun and is not over."""
        running = self.episodes.running
        return running is not None and running.steps % self._ticks > 0

    async def advance_when_planned(self) -> None:
        """One control period while paused; in lockstep as soon as its plan has arrived.

        Raises:
            RcdError: no plan arrived in time, the simulation is not paused any more, or all episodes are done.
        """
        if self.episodes.running is not None and self.awaited:
            self._planned = Future()
            arrived = await self._planned
            if not arrived:
                raise RcdError("no plan for the current observation arrived in time")
        if not self.paused:
            raise RcdError("the simulation runs again")
        if self.episodes.running is None:
            raise RcdError("all episodes are done")
        self.advance()

    def show_pending(self) -> None:
        """Publish a step at once that waits for its end: a request has come in between."""
        if self._completed is not None:
            self._show()

    def _observe(self) -> None:
        """Publish the new state and expect its plan."""
        self.waited_s = 0.0
        self.awaited = self.awaited or (self.lockstep and not self._is_between)
        self._listener.observed()

    def _step(self) -> None:
        """Choose the command and compute the step."""
        episodes = self.episodes
        observation = episodes.observation[episodes.spec.observation_columns]
        self._completed = episodes.advance(*self._intake.due(episodes.now, observation))
        self._listener.stepped()

    def _show(self) -> None:
        """Publish the outcome of the last step; where it ended an episode, begin the next one."""
        self._listener.completed(self._completed or ())
        self._completed = None
        if self.episodes.running is not None:
            self._observe()
            return
        # The last observation of an episode is not published: no command follows it.
        self._listener.ended(self.episodes.finished[-1])
        if not self.episodes.all_done:
            self.begin()

    def _resolve_planned(self, arrived: bool) -> None:
        waiting, self._planned = self._planned, None
        if waiting is not None:
            waiting.set_result(arrived)
