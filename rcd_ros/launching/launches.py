"""The launches of this package, for `rcd launch` and for the launch files under launch/."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import get_args

from rcd_ros.choices import LARGEST_SEED, ModeName, TimeMode, Trigger
from rcd_ros.errors import RcdError
from rcd_ros.launching.bringup import Bringup, LaunchArgument
from rcd_ros.launching.node_process import OWN_CLOCK, NodeProcess
from rcd_ros.launching.planner_choice import check_period, check_task, driving_parameters, shipped_planner
from rcd_ros.nodes.recorder import RECORDER
from rcd_ros.outputs import keep_apart
from rcd_ros.resources import find_resource
from rcd_ros.suggest import did_you_mean

_MOST = 2**31 - 1
_DRIVING = (
    LaunchArgument("engine", "", "inference engine of the planner"),
    LaunchArgument("mode", "", "who waits for whom", choices=get_args(TimeMode)),
    LaunchArgument("speed", "", "in realtime mode, simulated seconds a second", "number", least=0.0),
    LaunchArgument("execute", "", "control periods that a plan is followed before the next one", "integer", least=1),
    LaunchArgument("shape", "", "keep trajectories within the robot's motion limits, without jumps", "boolean"),
    LaunchArgument(
        "episodes", "", "episodes to drive before the launch ends; 0 never ends", "integer", least=0, most=_MOST
    ),
    LaunchArgument("episode_steps", "", "control periods in an episode", "integer", least=1, most=_MOST),
    LaunchArgument(
        "seed", "", "seed of the first episode and of the planner's noise", "integer", least=0, most=LARGEST_SEED
    ),
    LaunchArgument("results", "", "JSON file for the results"),
    LaunchArgument("video", "", "video file of the episodes"),
    LaunchArgument("overwrite", "", "replace result and video files that exist", "boolean"),
    LaunchArgument("record", "", "record all topics into a bag: true, or the name of a new folder"),
    LaunchArgument("namespace", "", "namespace of all nodes"),
    LaunchArgument("autostart", "true", "managed nodes start themselves; false: the launch starts them", "boolean"),
)
"""Arguments of every launch in which a planner drives a simulation."""
_SHARED = {argument.name: argument for argument in _DRIVING}
RECORDER_S = 30.0
"""How long a simulation waits, at most, for the recorder that is started with it."""
_PLANNER = ("checkpoint", "engine", "seed", "shape")
_BRIDGE = ("mode", "speed", "execute", "episodes", "episode_steps", "seed", "results", "video", "overwrite")
_WORLD = ("keyframe", "control_period", "camera", "headless", "sensor_rates", "sensor_delays", "sensor_velocities")
_SOURCES = ("task", "model", "env", "suite")
_ALONE = ("trigger", "execute", "stamp_tolerance", "max_age", "mode", "use_sim_time")


def _kitchen_sim_nodes(values: Mapping[str, str]) -> list[NodeProcess]:
    _check_simulated(values)
    planner = KITCHEN_SIM.parameters(values, _PLANNER)
    # Task, planner and bridge stand here by name: the catalogue of tasks imports more than a launch may.
    if values["checkpoint"]:
        check_task(Path(values["checkpoint"]), "kitchen", "rcd launch mujoco_sim task:={trained}")
    elif not values["params_file"]:  # such a file names the checkpoint, too
        planner |= {"checkpoint": str(find_resource("models/kitchen-complete"))}
    files = _parameter_files(values, "config/kitchen_sim.yaml")
    bridge = KITCHEN_SIM.parameters(values, (*_BRIDGE, "goals"))
    return [
        *_recorder(values),
        _planner(values, planner, files, simulated=True),
        _bridge(values, "kitchen_bridge", bridge, files),
    ]


KITCHEN_SIM = Bringup(
    name="kitchen_sim",
    description="A one-step planner drives the simulated arm of FrankaKitchen.",
    arguments=(
        LaunchArgument("checkpoint", "", "folder of the planner's checkpoint (empty: the shipped kitchen-complete)"),
        LaunchArgument("goals", "", "kitchen tasks to complete, with commas between them", "names"),
        *_DRIVING,
        LaunchArgument("params_file", "", "parameters in ROS 2's layout (empty: config/kitchen_sim.yaml)"),
    ),
    nodes=_kitchen_sim_nodes,
)


def _mujoco_sim_nodes(values: Mapping[str, str]) -> list[NodeProcess]:
    _check_simulated(values)
    in_file = bool(values["params_file"])
    _refuse_without_effect(values, "a model:=...", in_file or bool(values["model"]), ("keyframe", "control_period"))
    files = _parameter_files(values, "config/mujoco_sim.yaml")
    _check_source(values)
    planner = _simulated_planner(values)
    has_planner = "checkpoint" in planner
    _refuse_without_effect(values, "a planner, checkpoint:=...", in_file or has_planner, ("engine", "shape"))
    # Without a planner there is nothing to wait for and no last episode.
    alone = {} if has_planner else {"mode": "realtime", "wait_for_planner": False, "episodes": 0}
    bridge = alone | MUJOCO_SIM.parameters(values, (*_SOURCES, *_BRIDGE, *_WORLD))
    return [
        *_recorder(values),
        *([_planner(values, planner, files, simulated=True)] if has_planner else []),
        _bridge(values, "mujoco_bridge", bridge, files),
    ]


def _check_source(values: Mapping[str, str]) -> None:
    """Refuse a launch that does not say what to simulate."""
    sources = [name for name in _SOURCES if values[name]]
    if len(sources) != 1 and not values["params_file"]:
        has = f"got {' and '.join(sources)}" if sources else "got none"
        wanted = ", ".join(f"{name}:=..." for name in _SOURCES)
        raise RcdError(f"say what to simulate by exactly one of {wanted}: {has}")


def _simulated_planner(values: Mapping[str, str]) -> dict[str, object]:
    """Parameters of the planner for a simulated world; without a checkpoint among them there is no planner for it."""
    planner = MUJOCO_SIM.parameters(values, _PLANNER)
    if not values["checkpoint"]:
        shipped = shipped_planner(values["task"]) if values["task"] else ""
        return planner | ({"checkpoint": shipped} if shipped else {})
    checkpoint = Path(values["checkpoint"])
    if values["task"]:
        check_task(checkpoint, values["task"], "task:={trained}")
    if values["model"]:
        check_period(checkpoint, values["control_period"])
    return planner if values["params_file"] else driving_parameters(checkpoint) | planner


MUJOCO_SIM = Bringup(
    name="mujoco_sim",
    description="Any MuJoCo world behind ROS topics, driven by a planner where there is one for it.",
    arguments=(
        LaunchArgument("task", "", "a task of this package, such as kitchen; its shipped planner drives it"),
        LaunchArgument("model", "", "a model file (MJCF or URDF)"),
        LaunchArgument("env", "", "a Gymnasium environment on MuJoCo, such as Hopper-v5"),
        LaunchArgument("suite", "", "a task of dm-control's suite, such as walker/walk"),
        LaunchArgument("keyframe", "", "of a model file: where episodes begin"),
        LaunchArgument("control_period", "", "of a model file: s between two commands", "number"),
        LaunchArgument("checkpoint", "", "folder of a planner's checkpoint; without one, the robot gets no commands"),
        *_DRIVING,
        LaunchArgument(
            "sensor_rates", "", "of a task file, rates of single topics: joint_states=100,block=10", "names"
        ),
        LaunchArgument("sensor_delays", "", "s by which topics are published late: block=0.035", "names"),
        LaunchArgument("sensor_velocities", "", "false: joint states without velocities", "boolean"),
        LaunchArgument("camera", "", "camera of the model whose images are published, or free"),
        LaunchArgument("headless", "", "no window with MuJoCo's viewer", "boolean"),
        LaunchArgument("params_file", "", "parameters in ROS 2's layout (empty: config/mujoco_sim.yaml)"),
    ),
    nodes=_mujoco_sim_nodes,
)


def _planner_nodes(values: Mapping[str, str]) -> list[NodeProcess]:
    _keep_apart(values)
    files = _parameter_files(values)
    checkpoint = values["checkpoint"]
    if not checkpoint and not files:
        raise RcdError("say what to plan by: checkpoint:=FOLDER, such as checkpoint:=models/kitchen-complete")
    if checkpoint and not (Path(checkpoint) / "manifest.yaml").is_file():
        raise RcdError(f"checkpoint:={checkpoint}: there is no manifest.yaml in it, so it is no checkpoint folder")
    usual = {} if files else {"trigger": "paced"} | driving_parameters(Path(checkpoint))
    return [
        *_recorder(values),
        _planner(values, usual | PLANNER.parameters(values, (*_PLANNER, *_ALONE)), files, simulated=False),
    ]


PLANNER = Bringup(
    name="planner",
    description="The planner alone, for a robot that is there: topics, joints and limits are those of its task.",
    arguments=(
        LaunchArgument("checkpoint", "", "folder of the planner's checkpoint"),
        *(_SHARED[name] for name in ("engine", "shape", "seed")),
        LaunchArgument(
            "mode",
            "",
            "how successive plans become one stream (empty: chunk for a robot of your own)",
            choices=get_args(ModeName),
        ),
        LaunchArgument(
            "execute", "", "mode chunk: control periods before the next plan (empty: as evaluated)", "integer"
        ),
        LaunchArgument("trigger", "", "when to plan (empty: paced)", choices=get_args(Trigger)),
        LaunchArgument("stamp_tolerance", "", "s between messages of one observation (empty: the task's)", "number"),
        LaunchArgument("max_age", "", "s after which a topic is stale (empty: the task's)", "number"),
        LaunchArgument("use_sim_time", "", "take the time from /clock", "boolean"),
        *(_SHARED[name] for name in ("record", "namespace", "autostart")),
        LaunchArgument("params_file", "", "parameters in ROS 2's layout, as `ros2 param dump` writes them"),
    ),
    nodes=_planner_nodes,
)

BRINGUPS: dict[str, Bringup] = {bringup.name: bringup for bringup in (KITCHEN_SIM, MUJOCO_SIM, PLANNER)}


def find_bringup(name: str) -> Bringup:
    """The launch of that name.

    Raises:
        RcdError: there is none; the nearest names are in the message.
    """
    if name not in BRINGUPS:
        raise RcdError(f"there is no launch '{name}'{did_you_mean(name, BRINGUPS)}; there are: {', '.join(BRINGUPS)}")
    return BRINGUPS[name]


def _check_simulated(values: Mapping[str, str]) -> None:
    _keep_apart(values)
    _refuse_without_effect(values, "mode:=realtime", values["mode"] != "lockstep", ("speed",))


def _refuse_without_effect(values: Mapping[str, str], where: str, applies: bool, names: Sequence[str]) -> None:
    """Refuse arguments that only have an effect in one case."""
    for name in names:
        if values.get(name) and not applies:
            raise RcdError(f"{name}:={values[name]} is for {where}: omit it otherwise")


def _keep_apart(values: Mapping[str, str]) -> None:
    """Refuse results, videos and bags that would replace what the nodes read, or each other."""
    outputs = {name: values.get(name, "") for name in ("results", "video", "record")}
    if outputs["record"].lower() in ("true", "false"):
        del outputs["record"]
    read = [values[name] for name in ("checkpoint", "params_file", "task", "model") if values.get(name)]
    keep_apart({f"{name}:=": Path(text) for name, text in outputs.items() if text}, read)


def _parameter_files(values: Mapping[str, str], shipped: str = "") -> tuple[Path, ...]:
    """The parameter file that is given, else the shipped one."""
    if not values["params_file"]:
        return (find_resource(shipped),) if shipped else ()
    file = Path(values["params_file"])
    if not file.is_file():
        raise RcdError(f"params_file:={file}: there is no such file")
    return (file,)


def _records(values: Mapping[str, str]) -> bool:
    return values["record"].lower() not in ("", "false")


def _recorder(values: Mapping[str, str]) -> list[NodeProcess]:
    """The recorder that `record` asks for, if it does."""
    if not _records(values):
        return []
    record = values["record"]
    folder = f"runs/bag-{datetime.now():%Y%m%d-%H%M%S}" if record.lower() == "true" else record
    return [NodeProcess("bag_recorder_node", RECORDER, {"output": folder}, namespace=values["namespace"])]


def _planner(
    values: Mapping[str, str], parameters: Mapping[str, object], files: tuple[Path, ...], simulated: bool
) -> NodeProcess:
    return NodeProcess(
        executable="planner_node",
        name="planner",
        parameters=parameters,
        parameter_files=files,
        namespace=values["namespace"],
        remappings=(OWN_CLOCK,) if simulated else (),
        required=True,
        lifecycle=True,
    )


def _bridge(
    values: Mapping[str, str], name: str, parameters: Mapping[str, object], files: tuple[Path, ...]
) -> NodeProcess:
    # A parameter file that is given in the shipped one's place need not say that the last episode ends the launch.
    ending = {"shutdown_when_done": True} if parameters.get("episodes") else {}
    recorded = {"wait_for_recorder": RECORDER_S} if _records(values) else {}
    return NodeProcess(
        f"{name}_node", name, {**parameters, **ending, **recorded}, files, values["namespace"], required=True
    )
