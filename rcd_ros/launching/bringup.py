"""What a launch starts, written once: `rcd launch` and the launch files under launch/ both read it from here.

A `Bringup` names its arguments and turns their values into the processes to start. It knows nothing of how they are
started: `rcd_ros.launching.supervisor` does that where ROS 2 is a set of wheels, `rcd_ros.launching.launch_file` under
`ros2 launch`, which runs under ROS 2's own Python and need not have what the nodes need: PyYAML is all that is
imported here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import yaml

from rcd_ros.errors import RcdError
from rcd_ros.outputs import keep_apart
from rcd_ros.resources import find_resource
from rcd_ros.suggest import did_you_mean

Kind = Literal["text", "integer", "number", "boolean", "names"]


@dataclass(frozen=True)
class LaunchArgument:
    """One `name:=value` of a launch; an empty default leaves the choice to the parameter file."""

    name: str
    default: str
    description: str
    kind: Kind = "text"
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None

    def parse(self, text: str) -> Any:
        """The text as the value of a parameter; raises `RcdError` when it is none of this kind."""
        if self.choices and text not in self.choices:
            raise RcdError(f"{self.name}:={text}: choose {' or '.join(self.choices)}{did_you_mean(text, self.choices)}")
        try:
            value = _PARSERS[self.kind](text)
        except ValueError as error:
            raise RcdError(f"{self.name}:={text}: expected {_EXPECTED[self.kind]}") from error
        if self.least is not None and value < self.least:
            raise RcdError(f"{self.name}:={text}: must be {self.least:g} or more")
        if self.most is not None and value > self.most:
            raise RcdError(f"{self.name}:={text}: must be {int(self.most)} at most")
        return value


OWN_CLOCK = ("/clock", "clock")
"""Remapping for nodes beside a simulator: a clock that is simulated in a namespace is heard in that namespace."""


@dataclass(frozen=True)
class NodeProcess:
    """One node in a process of its own. When a `required` one ends, the launch ends. A `lifecycle` one is managed."""

    executable: str
    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    parameter_files: tuple[Path, ...] = ()
    namespace: str = ""
    remappings: tuple[tuple[str, str], ...] = ()
    required: bool = False
    lifecycle: bool = False


@dataclass(frozen=True)
class Bringup:
    """A launch by name: its arguments, and the processes that their values (all of them, as text) ask for."""

    name: str
    description: str
    arguments: tuple[LaunchArgument, ...]
    nodes: Callable[[Mapping[str, str]], list[NodeProcess]]

    def resolve(self, given: Mapping[str, str]) -> dict[str, str]:
        """Every argument's value: the given one or the default.

        Raises:
            RcdError: an argument is not one of this launch's (the nearest is named), or is not of its kind.
        """
        known = {argument.name: argument for argument in self.arguments}
        for name, text in given.items():
            if name not in known:
                raise RcdError(
                    f"launch '{self.name}' has no argument '{name}'{did_you_mean(name, known)}; "
                    f"see rcd launch {self.name} --show-args"
                )
            if text:
                known[name].parse(text)
        return {name: given.get(name, argument.default) for name, argument in known.items()}

    def parameters(self, values: Mapping[str, str], names: tuple[str, ...]) -> dict[str, Any]:
        """The named arguments as parameters, without those that are left to the parameter file."""
        known = {argument.name: argument for argument in self.arguments}
        return {name: known[name].parse(values[name]) for name in names if values[name]}


def starts_nodes_itself(values: Mapping[str, str]) -> bool:
    """Whether a launch with these arguments configures and activates its managed nodes, instead of each node itself."""
    return values.get("autostart", "true").lower() == "false"


def waiting(process: NodeProcess) -> NodeProcess:
    """The process with its node, if that is a managed one, waiting to be configured."""
    if not process.lifecycle:
        return process
    return replace(process, parameters={**process.parameters, "autostart": False})


def lifecycle_manager(processes: Sequence[NodeProcess]) -> NodeProcess:
    """What configures and activates the managed nodes of `processes`, one after another, where there is no ROS 2."""
    managed = [process for process in processes if process.lifecycle]
    return NodeProcess(
        executable="lifecycle_manager_node",
        name="lifecycle_manager",
        parameters={"node_names": [process.name for process in managed]},
        namespace=managed[0].namespace,
    )


def find_bringup(name: str) -> Bringup:
    """The launch of that name; raises `RcdError` naming the nearest ones when there is none."""
    if name not in BRINGUPS:
        raise RcdError(f"there is no launch '{name}'{did_you_mean(name, BRINGUPS)}; there are: {', '.join(BRINGUPS)}")
    return BRINGUPS[name]


def _boolean(text: str) -> bool:
    known = {"true": True, "false": False}
    if text.lower() not in known:
        raise ValueError(text)
    return known[text.lower()]


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.strip("[]").split(",")]
    if not all(names):
        raise ValueError(text)
    return names


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


_PARSERS: dict[Kind, Callable[[str], Any]] = {
    "text": str,
    "integer": int,
    "number": _number,
    "boolean": _boolean,
    "names": _names,
}
_EXPECTED: dict[Kind, str] = {
    "text": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "names": "names with commas between them",
}


def _kitchen_sim_nodes(values: Mapping[str, str]) -> list[NodeProcess]:
    _keep_apart(values)
    _refuse_without_effect(values, "mode:=realtime", values["mode"] != "lockstep", ("speed",))
    if values["checkpoint"]:
        _check_planner("kitchen", Path(values["checkpoint"]), f"rcd launch mujoco_sim {_TASK_OF_CHECKPOINT}")
    if values["params_file"]:
        files, shipped = (Path(values["params_file"]),), {}  # the file names the checkpoint, too
        if not files[0].is_file():
            raise RcdError(f"params_file:={files[0]}: there is no such file")
    else:
        files = (find_resource("config/kitchen_sim.yaml"),)
        shipped = {} if values["checkpoint"] else {"checkpoint": str(find_resource("models/kitchen-complete"))}
    return [
        *_recorder(values),  # first, to miss nothing
        NodeProcess(
            executable="planner_node",
            name="planner",
            parameters=shipped | KITCHEN_SIM.parameters(values, _PLANNER),
            parameter_files=files,
            namespace=values["namespace"],
            remappings=(OWN_CLOCK,),
            required=True,
            lifecycle=True,
        ),
        NodeProcess(
            executable="kitchen_bridge_node",
            name="kitchen_bridge",
            parameters=KITCHEN_SIM.parameters(values, (*_BRIDGE, "goals")),
            parameter_files=files,
            namespace=values["namespace"],
            required=True,
        ),
    ]


def _refuse_without_effect(values: Mapping[str, str], where: str, applies: bool, names: Sequence[str]) -> None:
    """Refuse arguments that only have an effect in one case."""
    for name in names:
        if values.get(name) and not applies:
            raise RcdError(f"{name}:={values[name]} is for {where}: without it, leave it away")


def _keep_apart(values: Mapping[str, str]) -> None:
    """Refuse results, videos and bags that would replace what the nodes read, or each other."""
    outputs = {name: values.get(name, "") for name in ("results", "video", "record")}
    if outputs["record"].lower() in ("true", "false"):
        del outputs["record"]
    read = [values[name] for name in ("checkpoint", "params_file", "task", "model") if values.get(name)]
    keep_apart({f"{name}:=": Path(text) for name, text in outputs.items() if text}, read)


def _recorder(values: Mapping[str, str]) -> list[NodeProcess]:
    """The recorder that `record` asks for, if it does."""
    record = values["record"]
    if record.lower() in ("", "false"):
        return []
    folder = f"runs/bag-{datetime.now():%Y%m%d-%H%M%S}" if record.lower() == "true" else record
    return [
        NodeProcess(
            executable="bag_recorder_node",
            name="recorder",
            parameters={"output": folder},
            namespace=values["namespace"],
        )
    ]


_MOST = 2**31 - 1
_LARGEST_SEED = 2**62
"""As `planning.noise` has it, which needs NumPy."""
_DRIVING = (
    LaunchArgument("engine", "", "inference engine of the planner"),
    LaunchArgument("mode", "", "who waits for whom", choices=("lockstep", "realtime")),
    LaunchArgument("speed", "", "in realtime mode, simulated seconds a second", "number", least=0.0),
    LaunchArgument("execute", "", "control periods that a plan is followed before the next one", "integer", least=1),
    LaunchArgument("shape", "", "keep trajectories within the robot's motion limits, without jumps", "boolean"),
    LaunchArgument(
        "episodes", "", "episodes to drive before the launch ends; 0 never ends", "integer", least=0, most=_MOST
    ),
    LaunchArgument("episode_steps", "", "control periods in an episode", "integer", least=1, most=_MOST),
    LaunchArgument(
        "seed", "", "seed of the first episode and of the planner's noise", "integer", least=0, most=_LARGEST_SEED
    ),
    LaunchArgument("results", "", "JSON file for the results"),
    LaunchArgument("video", "", "video file of the episodes"),
    LaunchArgument("overwrite", "", "replace result and video files that exist", "boolean"),
    LaunchArgument("record", "", "record all topics into a bag: true, or the name of a new folder"),
    LaunchArgument("namespace", "", "namespace of all nodes"),
    LaunchArgument("autostart", "true", "managed nodes start themselves; false: the launch starts them", "boolean"),
)
"""Arguments of every launch in which a planner drives a simulation."""
_PLANNER = ("checkpoint", "engine", "seed", "shape")
_BRIDGE = ("mode", "speed", "execute", "episodes", "episode_steps", "seed", "results", "video", "overwrite")

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
    _keep_apart(values)
    _refuse_without_effect(values, "mode:=realtime", values["mode"] != "lockstep", ("speed",))
    said = bool(values["params_file"])
    _refuse_without_effect(values, "a model:=...", said or bool(values["model"]), ("keyframe", "control_period"))
    sources = [name for name in SOURCES if values[name]]
    files = (Path(values["params_file"]) if values["params_file"] else find_resource("config/mujoco_sim.yaml"),)
    if not files[0].is_file():
        raise RcdError(f"params_file:={files[0]}: there is no such file")
    if len(sources) != 1 and not values["params_file"]:
        has = f"got {' and '.join(sources)}" if sources else "got none"
        raise RcdError(f"say what to simulate by exactly one of {', '.join(f'{name}:=...' for name in SOURCES)}: {has}")
    planner = MUJOCO_SIM.parameters(values, _PLANNER)
    if values["task"] and not values["checkpoint"]:
        planner |= _shipped_planner(values["task"])
    if values["task"] and values["checkpoint"]:
        _check_planner(values["task"], Path(values["checkpoint"]), _TASK_OF_CHECKPOINT)
    if values["model"] and values["checkpoint"]:
        _check_period(values["control_period"], Path(values["checkpoint"]))
    if values["checkpoint"] and not values["params_file"]:
        planner = _as_trained(Path(values["checkpoint"])) | planner
    _refuse_without_effect(values, "a planner, checkpoint:=...", said or "checkpoint" in planner, ("engine", "shape"))
    # Without a planner there is nothing to wait for and no last episode.
    alone = {} if "checkpoint" in planner else {"mode": "realtime", "wait_for_planner": False, "episodes": 0}
    bridge = NodeProcess(
        executable="mujoco_bridge_node",
        name="mujoco_bridge",
        parameters=alone | MUJOCO_SIM.parameters(values, (*SOURCES, *_BRIDGE, *_WORLD)),
        parameter_files=files,
        namespace=values["namespace"],
        required=True,
    )
    planning = NodeProcess(
        executable="planner_node",
        name="planner",
        parameters=planner,
        parameter_files=files,
        namespace=values["namespace"],
        remappings=(OWN_CLOCK,),
        required=True,
        lifecycle=True,
    )
    return [*_recorder(values), *([planning] if "checkpoint" in planner else []), bridge]


def _shipped_planner(task: str) -> dict[str, str]:
    """The planner that ships for a task, if there is one; a checkpoint's folder names its task and itself."""
    if (Path(task) / "manifest.yaml").is_file():
        return {"checkpoint": task}
    try:
        return {"checkpoint": str(find_resource(f"models/{task}"))}
    except RcdError:
        pass
    try:
        from rcd_ros.tasks.catalogue import get_task
    except ImportError:  # a launch runs in ROS 2's own Python, too, which may have nothing that pip has installed
        return {}
    planner = get_task(task).planner
    return {"checkpoint": str(find_resource(planner))} if planner else {}


def _task_name(task: str) -> str:
    """The name of a task that a file or a checkpoint stands for."""
    try:
        from rcd_ros.tasks.catalogue import get_task
    except ImportError:
        return task
    return get_task(task).spec.name


_TASK_OF_CHECKPOINT = "task:={trained}"


def _trained(checkpoint: Path) -> tuple[str, float] | None:
    """Task and control period (s) of a checkpoint; one that cannot be read is the planner node's to tell."""
    try:
        task = yaml.safe_load((checkpoint / "manifest.yaml").read_text())["task"]
        return str(task["name"]), float(task["control_period"])
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, ValueError, RecursionError):
        return None


def _as_trained(checkpoint: Path) -> dict[str, Any]:
    """Parameters of a planner for a user's own robot: it drives as `rcd eval` has driven it, whatever drivers do."""
    try:
        own = bool(yaml.safe_load((checkpoint / "manifest.yaml").read_text())["task"].get("source"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        own = False  # what cannot be read is the planner node's to tell
    return {"trigger": "paced", "mode": "chunk", "execute": 0} if own else {}


def _check_planner(task: str, checkpoint: Path, instead: str) -> None:
    """Refuse a planner of another task; a task that is a file says its name in it, and the bridge compares it."""
    trained = _trained(checkpoint)
    if trained is None or trained[0] in (task, _task_name(task)):
        return
    other = instead.format(trained=trained[0])
    raise RcdError(
        f"checkpoint:={checkpoint} plans '{trained[0]}', not '{task}': name a planner of this task, or {other}"
    )


def _check_period(given: str, checkpoint: Path) -> None:
    """Refuse a model that takes a command more or less often than the planner was trained for."""
    trained = _trained(checkpoint)
    period = float(given) if given else MODEL_PERIOD_S
    if trained is not None and abs(period - trained[1]) > 1e-3 * trained[1]:
        raise RcdError(
            f"checkpoint:={checkpoint} commands every {trained[1]:g} s, the model takes a command every {period:g} s: "
            f"set control_period:={trained[1]:g}"
        )


MODEL_PERIOD_S = 0.02
"""Control period of a model file where none is given."""


SOURCES = ("task", "model", "env", "suite")
_WORLD = ("keyframe", "control_period", "camera", "headless", "sensor_rates", "sensor_delays", "sensor_velocities")

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
        LaunchArgument("checkpoint", "", "folder of a planner's checkpoint; without one, nobody commands"),
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
    files = (Path(values["params_file"]),) if values["params_file"] else ()
    for file in files:
        if not file.is_file():
            raise RcdError(f"params_file:={file}: there is no such file")
    if not values["checkpoint"] and not files:
        raise RcdError("say what to plan by: checkpoint:=FOLDER, such as checkpoint:=models/kitchen-complete")
    checkpoint = values["checkpoint"]
    if checkpoint and not (Path(checkpoint) / "manifest.yaml").is_file():
        raise RcdError(f"checkpoint:={checkpoint}: there is no manifest.yaml in it, so it is no checkpoint folder")
    usual = {} if files else {"trigger": "paced"} | _as_trained(Path(checkpoint))
    planner = NodeProcess(
        executable="planner_node",
        name="planner",
        parameters=usual | PLANNER.parameters(values, (*_PLANNER, *_ALONE)),
        parameter_files=files,
        namespace=values["namespace"],
        required=True,
        lifecycle=True,
    )
    return [*_recorder(values), planner]


_SHARED = {argument.name: argument for argument in _DRIVING}
_ALONE = ("trigger", "execute", "stamp_tolerance", "max_age", "mode", "use_sim_time")

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
            choices=("first_action", "chunk", "temporal_ensemble", "splice"),
        ),
        LaunchArgument(
            "execute", "", "mode chunk: control periods before the next plan (empty: as evaluated)", "integer"
        ),
        LaunchArgument("trigger", "", "when to plan (empty: paced)", choices=("on_observation", "paced", "timer")),
        LaunchArgument("stamp_tolerance", "", "s between messages of one observation (empty: the task's)", "number"),
        LaunchArgument("max_age", "", "s after which a topic is stale (empty: the task's)", "number"),
        LaunchArgument("use_sim_time", "", "take the time from /clock", "boolean"),
        *(_SHARED[name] for name in ("record", "namespace", "autostart")),
        LaunchArgument("params_file", "", "parameters in ROS 2's layout, as `ros2 param dump` writes them"),
    ),
    nodes=_planner_nodes,
)

BRINGUPS: dict[str, Bringup] = {bringup.name: bringup for bringup in (KITCHEN_SIM, MUJOCO_SIM, PLANNER)}
