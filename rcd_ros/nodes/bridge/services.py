"""The services of a bridge, named and typed as mujoco_ros2_control has them where it has a name.

`~/reset_world`, `~/set_pause` and `~/step_simulation` need its message package; under ROS 2 that may be absent, while
`~/reset`, `~/pause` and `~/step` are of std_srvs and do the same: the parameters `reset_to` and `steps` say the rest.
A step is a control period here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from std_srvs.srv import SetBool, Trigger

from rcd_ros.errors import RcdError
from rcd_ros.nodes.bridge.episode_driver import EpisodeDriver
from rcd_ros.nodes.bridge.episodes import EpisodeStart
from rcd_ros.nodes.bridge.parameters import BridgeParameters
from rcd_ros.nodes.ros.installation import load_interface

PACKAGE = "mujoco_ros2_control_msgs"


class BridgeServices:
    """Lets other nodes pause, step and reset a simulation."""

    def __init__(self, node: Node, driver: EpisodeDriver, parameters: Callable[[], BridgeParameters]) -> None:
        """Offer the services of `node`; `parameters` gives those of the moment."""
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

    def _on_reset(self, request: Any, response: Any) -> Any:
        return self._reset(self._parameters().reset_to, response)

    def _on_reset_world(self, request: Any, response: Any) -> Any:
        return self._reset(request.keyframe, response)

    def _on_pause(self, request: Any, response: Any) -> Any:
        return self._pause(request.data, response)

    def _on_set_pause(self, request: Any, response: Any) -> Any:
        return self._pause(request.paused, response)

    async def _on_step(self, request: Any, response: Any) -> Any:
        """Of one step, whoever asks is told at once that its plan has not arrived yet."""
        steps = self._parameters().steps
        if steps == 1 and self._driver.paused and self._driver.awaited and self._driver.episodes.running is not None:
            response.success, response.message = False, "the plan for the current observation has not arrived yet"
            return response
        return await self._step(steps, response)

    async def _on_step_simulation(self, request: Any, response: Any) -> Any:
        return await self._step(request.steps, response)

    def _reset(self, start: str, response: Any) -> Any:
        driver = self._driver
        driver.show_pending()
        if driver.episodes.running is None:
            response.success, response.message = False, "all episodes are done"
            return response
        try:
            driver.begin(EpisodeStart.from_text(start))
        except RcdError as error:
            response.success, response.message = False, str(error)
            return response
        record = driver.episodes.running
        begun = f"keyframe '{record.keyframe}'" if record.keyframe else f"seed {record.seed}"
        response.success, response.message = True, f"{begun} starts anew"
        return response

    def _pause(self, paused: bool, response: Any) -> Any:
        self._driver.pause(bool(paused))
        response.success, response.message = True, "paused" if paused else "running"
        return response

    async def _step(self, steps: int, response: Any) -> Any:
        problem = self._step_problem(steps)
        if problem:
            response.success, response.message = False, problem
            return response
        self._stepping = True
        done = 0
        try:
            while done < steps:
                await self._driver.advance_when_planned()
                done += 1
        except RcdError as error:
            response.success, response.message = False, f"{done} of {steps} steps are done: {error}"
            return response
        finally:
            self._stepping = False
        record, spec = self._driver.episodes.running, self._driver.episodes.spec
        where = f"step {record.steps} of {spec.episode_steps}" if record else "all episodes are done"
        response.success, response.message = True, where
        return response

    def _step_problem(self, steps: int) -> str:
        if not self._driver.paused:
            return "not paused: call ~/set_pause or ~/pause with true first"
        if self._stepping:
            return "another request is being stepped"
        if steps < 1:
            return f"steps must be at least 1, got {steps}"
        return "" if self._driver.episodes.running is not None else "all episodes are done"
