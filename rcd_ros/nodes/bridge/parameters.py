"""The parameters of a bridge: what is simulated, how it is driven, what is written, and visualization."""

from __future__ import annotations

from rcd_ros.choices import LARGEST_SEED, TimeMode
from rcd_ros.errors import RcdError
from rcd_ros.nodes.ros.parameters import NodeParameters, parameter
from rcd_ros.tasks.catalogue import get_task
from rcd_ros.tasks.models import environment_task, model_file_task, suite_task
from rcd_ros.tasks.task import Task

SOURCES = ("task", "model", "env", "suite")
"""Parameters of which exactly one says what is simulated."""


class BridgeParameters(NodeParameters):
    """Those that are not read-only may change while the bridge runs."""

    task: str = parameter("", "task of this package, task file or checkpoint", read_only=True)
    model: str = parameter("", "MJCF or URDF file", read_only=True)
    env: str = parameter("", "Gymnasium environment", read_only=True)
    suite: str = parameter("", "dm-control task, domain/task", read_only=True)
    goals: tuple[str, ...] = parameter((), "task: what is to be completed, empty: its own goals", read_only=True)
    keyframe: str = parameter("", "model: where episodes begin", read_only=True)
    control_period: float = parameter(0.0, "model: between commands, 0: 0.02 s", unit="s", minimum=0.0, read_only=True)
    episode_steps: int = parameter(
        0, "control periods in an episode, 0: as many as the world itself has", minimum=0, read_only=True
    )

    mode: TimeMode = parameter("lockstep", "how time passes", read_only=True)
    execute: int = parameter(1, "control periods that a plan is followed", minimum=1, read_only=True)
    wait_for_planner: bool = parameter(True, "realtime: begin with the first plan", read_only=True)
    wait_for_recorder: float = parameter(
        0.0,
        "at most, for a recorder that listens to all sensors, before the first episode",
        unit="s",
        minimum=0.0,
        maximum=1e6,
        read_only=True,
    )
    episodes: int = parameter(2, "episodes to run, 0: without end", minimum=0, read_only=True)
    seed: int = parameter(0, "seed of the first episode", minimum=0, maximum=LARGEST_SEED, read_only=True)
    planner: str = parameter("planner", "name of the planner node, to which episodes are announced", read_only=True)
    shutdown_when_done: bool = parameter(False, "end when all episodes are done", read_only=True)
    speed: float = parameter(1.0, "realtime: simulated seconds a second", minimum=1e-3, maximum=1e6)
    command_timeout: float = parameter(
        0.0, "after the newest trajectory until the robot holds, 0: until its last point", unit="s", minimum=0.0
    )
    enforce_command_limits: bool = parameter(False, "approach each command no faster than the motion limits allow")
    plan_timeout: float = parameter(
        30.0, "to wait for a plan; realtime: only for the first", unit="s", minimum=1e-3, maximum=1e6
    )
    reset_to: str = parameter("", "where ~/reset begins: a keyframe, seed:7, or empty: where the episode began")
    steps: int = parameter(1, "control periods that ~/step makes", minimum=1, maximum=1_000_000)

    sensor_rates: tuple[str, ...] = parameter(
        (), "'topic=Hz' of topics that are not published once a control period", read_only=True
    )
    sensor_delays: tuple[str, ...] = parameter((), "'topic=s' of topics that are published late", read_only=True)
    sensor_velocities: bool = parameter(True, "JointStates have the velocities that are observed", read_only=True)

    results: str = parameter("", "JSON file for the results", read_only=True)
    video: str = parameter("", "MP4 file to record", read_only=True)
    video_episodes: int = parameter(1, "how many episodes to film", minimum=1, read_only=True)
    overwrite: bool = parameter(False, "replace output files that exist", read_only=True)

    @property
    def names_task(self) -> bool:
        """Whether a task is simulated, which a planner must match by name; models and environments have other names."""
        return bool(self.task)

    def make_task(self) -> Task:
        """What is simulated.

        Raises:
            RcdError: not exactly one source is given, or it cannot be used with these parameters.
        """
        given = [name for name in SOURCES if getattr(self, name)]
        if len(given) != 1:
            has = f"got {' and '.join(given)}" if given else "got none"
            raise RcdError(f"say what to simulate by exactly one of {', '.join(SOURCES)}: {has}")
        if self.task:
            options = {"goals": list(self.goals), "episode_steps": self.episode_steps}
            return get_task(self.task, **{name: value for name, value in options.items() if value})
        if self.model:
            return model_file_task(self.model, self.control_period, self.keyframe, self.episode_steps)
        if self.env:
            return environment_task(self.env, self.episode_steps)
        return suite_task(self.suite, self.episode_steps)


class KitchenParameters(BridgeParameters):
    """Those of `kitchen_bridge_node`: the general bridge with the kitchen as its task."""

    task: str = parameter("kitchen", "task of this package", read_only=True)


class DisplayParameters(NodeParameters):
    """What people see of a MuJoCo scene."""

    publish_tf: bool = parameter(True, "transforms of the bodies on /tf and /tf_static")
    publish_description: bool = parameter(True, "the model as URDF on robot_description")
    publish_plan: bool = parameter(True, "where plans lead the end effector, on planned_path")
    end_effector: str = parameter("", "its site or body, empty: a site called tip, or the last body")
    camera: str = parameter("", "camera of the model to publish images of, free, or none")
    camera_rate: float = parameter(10.0, "images a second of simulated time", unit="Hz", above=0.0)
    camera_width: int = parameter(320, "of an image", unit="pixels", minimum=1)
    camera_height: int = parameter(240, "of an image", unit="pixels", minimum=1)
    headless: bool = parameter(True, "no window with MuJoCo's viewer")
