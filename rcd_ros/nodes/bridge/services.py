"""The services of a bridge, named and typed as mujoco_ros2_control has them where it has a name.

`~/reset_world`, `~/set_pause` and `~/step_simulation` need its message package, which may be absent under ROS 2.
`~/reset`, `~/pause` and `~/step` are of std_srvs and do the same with the parameters `reset_to` and `steps`. A step is
a control period here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from std_srvs.srv import SetBool, Trigger

from rcd_ros.errors import RcdError
from rcd_ros.nodes.bridge.episode_driver import EpisodeDriver
from rcd_ros.nodes.bridge.episodes import EpisodeStart
from rcd_ros.nodes.bridge.parameters import BridgeParameters
from rcd_ros.nodes.ros.installation import load_interface

if TYPE_CHECKING:
    from mujoco_ros2_control_msgs.srv import ResetWorld, SetPause, StepSimulation

PACKAGE = "mujoco_ros2_control_msgs"
ALL_DONE = "all episodes are done"


class Response(Protocol):
    """What the responses of all these services have."""

    success: bool
    message: str


Filled = TypeVar("Filled", bound=Response)
Outcome = tuple[bool, str]
"""Whether a request succeeded, and the message."""


class BridgeServices:
    """Lets other nodes pause, step and reset a simulation."""

    def __init__(self, node: Node, driver: EpisodeDriver, parameters: Callable[[], BridgeParameters]) -> None:
        """Offer the services of `node`; `parameters` returns the present ones."""
        self._driver, self._parameters = driver, parameters
        self._stepping = False
        node.create_service(Trigger, "~/reset", self._on_reset)
        node.create_service(SetBool, "~/pause", self._on_pause)
        # In rclpy a coroutine keeps its group from all other work until it ends: no plan would arrive meanwhile.
        alone = ReentrantCallbackGroup()
        node.create_service(Trigger, "~/step", self._on_step, callback_group=alone)
        try:
            reset_world, set_pause, step_simulation = (
                load_interface(f"{PACKAGE}/srv/{name}") for name in ("ResetWorld", "SetPause", "StepSimulation")
            )
        except ImportError:
            node.get_logger().info(
                f"{PACKAGE} is not installed: instead of ~/reset_world, ~/set_pause and ~/step_simulation there are "
                "~/reset, ~/pause and ~/step, with the parameters reset_to and steps"
            )
            return
        node.create_service(reset_world, "~/reset_world", self._on_reset_world)
        node.create_service(set_pause, "~/set_pause", self._on_set_pause)
        node.create_service(step_simulation, "~/step_simulation", self._on_step_simulation, callback_group=alone)

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        return _fill(response, self._reset(self._parameters().reset_to))

    def _on_reset_world(self, request: ResetWorld.Request, response: ResetWorld.Response) -> ResetWorld.Response:
        return _fill(response, self._reset(request.keyframe))

    def _on_pause(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        return _fill(response, self._pause(request.data))

    def _on_set_pause(self, request: SetPause.Request, response: SetPause.Response) -> SetPause.Response:
        return _fill(response, self._pause(request.paused))

    async def _on_step(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """A single step is refused at once when its plan has not arrived yet."""
        steps, driver = self._parameters().steps, self._driver
        if steps == 1 and driver.paused and driver.awaited and driver.episodes.running is not None:
            return _fill(response, (False, "the plan for the current observation has not arrived yet"))
        return _fill(response, await self._step(steps))

    async def _on_step_simulation(
        self, request: StepSimulation.Request, response: StepSimulation.Response
    ) -> StepSimulation.Response:
        return _fill(response, await self._step(request.steps))

    def _reset(self, start: str) -> Outcome:
        driver = self._driver
        driver.show_pending()
        if driver.episodes.running is None:
            return False, ALL_DONE
        try:
            driver.begin(EpisodeStart.from_text(start))
        except RcdError as error:
            return False, str(error)
        record = driver.episodes.running
        begun = f"keyframe '{record.keyframe}'" if record.keyframe else f"seed {record.seed}"
        return True, f"restarted from {begun}"

    def _pause(self, paused: bool) -> Outcome:
        self._driver.pause(bool(paused))
        return True, "paused" if paused else "running"

    async def _step(self, steps: int) -> Outcome:
        if problem := self._step_problem(steps):
            return False, problem
        self._stepping = True
        done = 0
        try:
            while done < steps:
                await self._driver.advance_when_planned()
                done += 1
        except RcdError as error:
            return False, f"{done} of {steps} steps are done: {error}"
        finally:
            self._stepping = False
        record, spec = self._driver.episodes.running, self._driver.episodes.spec
        return True, f"step {record.steps} of {spec.episode_steps}" if record else ALL_DONE

    def _step_problem(self, steps: int) -> str:
        if not self._driver.paused:
            return "not paused: call ~/set_pause or ~/pause with true first"
        if self._stepping:
            return "another request is being stepped"
        if steps < 1:
            return f"steps must be at least 1, got {steps}"
        return "" if self._driver.episodes.running is not None else ALL_DONE


def _fill(response: Filled, outcome: Outcome) -> Filled:
    response.success, response.message = outcome
    return response
