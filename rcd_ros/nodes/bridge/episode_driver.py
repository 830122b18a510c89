"""When a simulation steps, and on which command: lockstep, real time, pause, and steps by request.

`lockstep`: after every observation the clock stands still until the plan made from it is there (the stamps are
equal), whether or not `execute` lets it be followed. That makes a run a function of its seeds alone.

`realtime`: the wall clock, times `speed`, drives the simulation and nothing waits, also not between episodes. Where
`waits_for_planner`, it begins when the first plan has arrived: until then the planner may still be loading. That plan
is not followed, the first episode begins anew, so that no planner is given one for nothing. A plan counts for the
control period that began with its observation when it arrives in the first half of it, else from the next one on:
latency is rounded to whole periods, for every planner alike. The step is computed in the second half and shown at its
end: the simulator's own computing is no part of anybody's latency. `Pace` counts where this machine was too slow.
"""

from __future__ import annotations

from typing import Protocol

from rclpy.task import Future

from rcd_ros.errors import RcdError
from rcd_ros.nodes.bridge.command_intake import CommandIntake
from rcd_ros.nodes.bridge.episodes import EpisodeRecord, Episodes, EpisodeStart
from rcd_ros.nodes.bridge.realtime_ticker import RealtimeTicker
from rcd_ros.planning.execution.received_plan import ReceivedPlan


class Audience(Protocol):
    """Who is told what happens; a `SystemExit` from here ends the node."""

    def begun(self) -> None:
        """An episode begins; its first observation follows."""

    def observed(self) -> None:
        """There is a new observation (or the newest one is asked for again): show it."""

    def stepped(self) -> None:
        """The simulator has made a step; it is not shown yet."""

    def completed(self, goals: tuple[str, ...]) -> None:
        """The step that is shown now completed these goals."""

    def ended(self, record: EpisodeRecord) -> None:
        """An episode is over."""


class EpisodeDriver:
    """Moves episodes on; everything runs in the executor's thread."""

    def __init__(
        self,
        episodes: Episodes,
        intake: CommandIntake,
        audience: Audience,
        waits_for_planner: bool = True,
        ticks: int = 1,
    ) -> None:
        """Drive `episodes` by the commands of `intake`, in lockstep until there is a `ticker`.

        Args:
            episodes: to drive.
            intake: of commands.
            audience: who is told.
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
        self._intake, self._audience = intake, audience
        self._completed: tuple[str, ...] | None = None
        """Goals completed by a step that is not shown yet; None while there is no such step."""
        self._planned: Future[bool] | None = None
        """Told whether a plan for the newest observation has arrived (False: not in time)."""

    @property
    def lockstep(self) -> bool:
        """Whether every step waits for its plan."""
        return self.ticker is None

    @property
    def waits(self) -> bool:
        """Whether a plan is waited for, by the clock or by a request for steps."""
        return self.awaited and self.episodes.running is not None and (not self.paused or self._planned is not None)

    def begin(self, start: EpisodeStart | None = None) -> None:
        """Start the next episode, or the running one anew; raises `RcdError` for an unknown keyframe."""
        self.episodes.begin(start)
        self._intake.reset()
        self._completed = None
        self.run_clock()
        self._audience.begun()
        self._observe()

    def run_clock(self) -> None:
        """Real time: a control period begins now."""
        if self.ticker is not None:
            self.ticker.begin()

    def plan_arrived(self, plan: ReceivedPlan) -> None:
        """An acceptable plan is there."""
        if plan.stamp != self.episodes.now or not self.awaited:
            return
        self.awaited = False
        if not self.lockstep:
            self.begin()
        elif not self.paused:
            self.advance()
        self._tell_planned(True)

    def tick(self) -> None:
        """Real time: in the middle of a period its command is decided and the step computed, at its end it is shown."""
        if self._completed is not None and self.ticker is not None:
            self.ticker.end_period()
            self._show()
        elif self.episodes.running is not None and not self.awaited and not self.paused:
            self._step()

    def ask_again(self, interval_s: float) -> None:
        """Show an observation whose plan is waited for again; called every `interval_s`."""
        if not self.awaited or self.episodes.running is None:
            return
        # The first call may come right after the observation was shown: give its plan time.
        if self.waited_s > 0.0:
            self._audience.observed()
        self.waited_s += interval_s

    def give_up_waiting(self) -> None:
        """No plan has come in time; whoever asked for a step is told."""
        self.waited_s = 0.0
        self._tell_planned(False)

    def pause(self, paused: bool) -> None:
        """Stop, or go on."""
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
        """One control period, or what is left of it; each step is shown at once."""
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
        """One control period while paused; in lockstep as soon as its plan is there.

        Raises:
            RcdError: no plan came, or there is nothing to step any more.
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
        """A request comes between a step and its time to be shown: show it before its time."""
        if self._completed is not None:
            self._show()

    def _observe(self) -> None:
        """Show the new state and be ready for its plan."""
        self.waited_s = 0.0
        self.awaited = self.awaited or (self.lockstep and not self._is_between)
        self._audience.observed()

    def _step(self) -> None:
        """Compute what a control period leads to."""
        episodes = self.episodes
        observation = episodes.observation[episodes.spec.observation_columns]
        self._completed = episodes.advance(*self._intake.due(episodes.now, observation))
        self._audience.stepped()

    def _show(self) -> None:
        """Show what the last step led to; where it ended an episode, begin the next one."""
        self._audience.completed(self._completed or ())
        self._completed = None
        if self.episodes.running is not None:
            self._observe()
            return
        # The last observation of an episode is not shown: its plan would be for nothing.
        self._audience.ended(self.episodes.finished[-1])
        if not self.episodes.all_done:
            self.begin()

    def _tell_planned(self, arrived: bool) -> None:
        waiting, self._planned = self._planned, None
        if waiting is not None:
            waiting.set_result(arrived)
