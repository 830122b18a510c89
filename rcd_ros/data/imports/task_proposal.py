"""A first task file from what there is: a bag, a LeRobot data set, a MuJoCo model, a URDF.

Proposals are for people to finish: what cannot be known is left as a comment that says what to write.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rcd_ros.data.bags.bag import JOINT_STATE, ODOMETRY, POSE, TRAJECTORY, Bag, nanoseconds
from rcd_ros.errors import RcdError
from rcd_ros.formats.lerobot import Info, read_info
from rcd_ros.simulation.joint_limits import JointLimits, urdf_joints

_ARRAY = "std_msgs/msg/Float64MultiArray"
_GRIPPER = re.compile(r"gripper|finger|hand|jaw", re.IGNORECASE)
USUAL_RATE = 20.0
"""Hz, where the source does not say one."""


@dataclass
class Proposal:
    """Parts of a task file, as lines of YAML; `rate` is in Hz."""

    name: str
    rate: float
    observe: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    simulation: list[str] = field(default_factory=list)
    success: str = "# success: {block.x: '>= 0.6'}   # when the task is done, by observed values"

    def text(self, source: str) -> str:
        """The file; `source` is named in its first line."""
        lines = [f"# Proposed from {source}: look every line over, then try `rcd task check`."]
        lines += [f"task: {self.name}", f"rate: {self.rate:g}   # Hz, at which the robot is to be commanded"]
        lines += ["observe:", *(f"  {line}" for line in self.observe)]
        lines += ["command:", *(f"  {line}" for line in self.command)]
        for key in ("limits", "columns", "simulation"):
            part: list[str] = getattr(self, key)
            if part:
                lines += [f"{key}:", *(f"  {line}" for line in part)]
        lines.append(self.success)
        return "\n".join(lines) + "\n"


def propose_from_urdf(path: Path) -> str:
    """A task over all movable joints of a URDF.

    Raises:
        RcdError: it cannot be read, or has no movable joint.
    """
    joints = urdf_joints(path)
    if not joints:
        raise RcdError(f"'{path}' has no movable joint")
    proposal = Proposal(_name(path.stem), USUAL_RATE)
    proposal.observe.append(_joint_entry("arm", "joint_states", list(joints), joints))
    proposal.command.append(_command_entry("joint_trajectory", list(joints), joints))
    proposal.limits.append(f"urdf: {_yaml(str(path))}")
    return proposal.text(str(path))


def propose_from_model(path: Path) -> str:
    """A task over the actuated joints and the free bodies of a MuJoCo model.

    Raises:
        RcdError: it does not compile, or has no actuator that drives a joint alone.
    """
    from rcd_ros.simulation.model_layout import ModelLayout, name_of
    from rcd_ros.simulation.mujoco_library import mujoco
    from rcd_ros.simulation.worlds.model_file import load_model

    model = load_model(path)
    layout = ModelLayout.of(model)
    driven = [a for a in layout.actuators if a.joint is not None and a.joint.name == a.name]
    if not driven:
        raise RcdError(f"'{path}' has no actuator that drives a joint alone: there is nothing to command")
    interface = driven[0].interface
    names = [actuator.name for actuator in driven if actuator.interface == interface]
    joints = {
        a.name: JointLimits(a.joint.turns, lower=a.joint.lower, upper=a.joint.upper, command=(a.lower, a.upper))
        for a in driven
        if a.joint is not None
    }
    proposal = Proposal(_name(path.stem), USUAL_RATE)
    proposal.observe.append(_joint_entry("arm", "joint_states", names, joints))
    for body in layout.bodies:
        name = _name(body.name)
        proposal.observe.append(
            f"{name}: {{topic: {name}/pose, type: PoseStamped, pose: {_yaml(body.name)}, align: hold, max_age: 0.3}}"
        )
    unlimited = any(not math.isfinite(v) for a in driven if a.name in names for v in (a.lower, a.upper))
    proposal.command.append(_command_entry("joint_trajectory", names, joints, interface, ask=unlimited))
    left = [actuator.name for actuator in driven if actuator.name not in names]
    if left:
        proposal.command.append(f"# left out, commanded by another quantity than {interface}: {', '.join(left)}")
    proposal.simulation.append(f"model: {_yaml(str(path))}")
    if model.nkey:
        proposal.simulation.append(f"keyframe: {_yaml(name_of(model, mujoco.mjtObj.mjOBJ_KEY, 0))}")
    starts = ["joints: 0.05"]
    for body in layout.bodies:
        x, y = model.qpos0[body.position : body.position + 2]
        starts.append(
            f"{_yaml(body.name)}: {{x: [{x - 0.05:.3g}, {x + 0.05:.3g}], y: [{y - 0.05:.3g}, {y + 0.05:.3g}]}}"
        )
    proposal.simulation += [f"random: {{{', '.join(starts)}}}   # where episodes begin", "seconds: 20"]
    return proposal.text(str(path))


def propose_from_lerobot(folder: Path) -> str:
    """A task over the state and the action of a LeRobot data set (v2 or v3), by the names in its metadata.

    Raises:
        RcdError: its `meta/info.json` is missing or cannot be used, or it has no state or no action.
    """
    info = read_info(folder)
    for key in ("observation.state", "action"):
        if key not in info.features:
            raise RcdError(f"the data set '{folder}' has no '{key}'; it has: {', '.join(info.features) or 'nothing'}")
    state, action = _column_names(info, "observation.state"), _column_names(info, "action")
    joints = list(dict.fromkeys(re.sub(r"\.pos$", "", name) for name in state))
    commanded = list(dict.fromkeys(re.sub(r"\.pos$", "", name) for name in action))
    proposal = Proposal(_name(folder.resolve().name), info.rate)
    proposal.observe.append(_joint_entry("arm", "joint_states", joints, {}))
    proposal.command.append(_command_entry("joint_trajectory", commanded, {}, ask=True))
    count = len(joints)
    proposal.columns += [
        "lerobot:",
        f"  observe: {{arm: {{key: observation.state, columns: 0:{count}}}}}   # add unit: deg where it is in degrees",
        "  command: {key: action}",
    ]
    numbers = [key for key in info.numbers if key.startswith("observation.") and key != "observation.state"]
    if numbers:
        proposal.columns.append(f"# more in the data: {', '.join(numbers)}")
    return proposal.text(str(folder))


def propose_from_bag(bag: Bag) -> str:
    """A task over joint states, poses and trajectories that were recorded.

    Raises:
        RcdError: the bag has no joint states, is damaged, or a message is not as its type says.
    """
    states, poses, trajectories = _look(bag)
    if not states:
        raise RcdError(f"the bag '{bag.path}' has no sensor_msgs/JointState; it has: {', '.join(sorted(bag.types))}")
    proposal = Proposal(_name(bag.path.stem), USUAL_RATE)
    clock = max(states, key=lambda topic: len(states[topic][0]))
    joints: list[str] = []
    for topic, (names, stamps, scales) in sorted(states.items(), key=lambda item: item[0] != clock):
        fresh = [name for name in names if name not in joints]
        if fresh:
            joints += fresh
            hold = "" if topic == clock else ", align: hold, max_age: 0.3"
            degrees = [name for name in fresh if scales.get(name, 0.0) > 2.2 * math.pi]
            unit = ", unit: deg" if degrees and len(degrees) >= len(fresh) / 2 else ""
            entry = _name("arm" if topic == clock else topic)
            proposal.observe.append(
                f"{entry}: {{topic: {topic}, type: JointState, position: {_list(fresh)}{unit}{hold}}}   "
                f"# {_rate(stamps)}"
            )
    for topic, (kind, frame, stamps) in poses.items():
        name = _name(topic.rstrip("/").removesuffix("/pose").removesuffix("/odometry"))
        where = f", frame: {_yaml(frame)}" if frame else ""
        proposal.observe.append(
            f"{name}: {{topic: {topic}, type: {kind}, pose: {name}{where}, align: hold, max_age: 0.3}}   "
            f"# {_rate(stamps)}"
        )
    commanded: list[str] = []
    for topic, names in trajectories.items():
        fresh = [name for name in names if name not in commanded]
        commanded += fresh
        if fresh:
            proposal.command.append(_command_entry(topic, fresh, {}, ask=True))
    if not commanded:
        proposal.command.append(_command_entry("joint_trajectory", joints, {}, ask=True))
        proposal.columns.append("bag: {command: next_observation}   # nothing in the bag commands: teleoperated?")
    for topic in sorted(topic for topic, kind in bag.types.items() if kind == _ARRAY):
        proposal.command.append(f"# also in the bag: {topic} (Float64MultiArray): a controller's commands?")
    return proposal.text(str(bag.path))


_States = tuple[list[str], list[int], dict[str, float]]
"""Names, stamps (ns) and largest values of a topic's joint states."""
_Poses = tuple[str, str, list[int]]
"""Kind, frame and stamps (ns) of a topic's poses."""


def _look(bag: Bag) -> tuple[dict[str, _States], dict[str, _Poses], dict[str, list[str]]]:
    """Joint states, poses and trajectories of a bag by topic: names, stamps, largest values, frames."""
    kinds = {JOINT_STATE, POSE, ODOMETRY, TRAJECTORY}
    topics = [topic for topic, kind in bag.types.items() if kind in kinds]
    states: dict[str, _States] = {}
    poses: dict[str, _Poses] = {}
    trajectories: dict[str, list[str]] = {}
    for recorded in bag.messages(topics):
        message, topic = recorded.message, recorded.topic
        if recorded.type == TRAJECTORY:
            trajectories.setdefault(topic, list(message.joint_names))
            continue
        stamp = nanoseconds(message.header.stamp)
        if recorded.type == JOINT_STATE:
            names, stamps, largest = states.setdefault(topic, ([], [], {}))
            names += [name for name in message.name if name not in names]
            stamps.append(stamp)
            for name, value in zip(message.name, message.position, strict=False):
                largest[name] = max(largest.get(name, 0.0), abs(float(value)))
        else:
            kind = "Odometry" if recorded.type == ODOMETRY else "PoseStamped"
            poses.setdefault(topic, (kind, message.header.frame_id, []))[2].append(stamp)
    return states, poses, trajectories


def _rate(stamps: Sequence[int]) -> str:
    steps = np.diff(stamps)
    return f"{1e9 / np.median(steps):.3g} Hz" if len(steps) and np.median(steps) > 0 else "a single message"


def _joint_entry(name: str, topic: str, joints: Sequence[str], limits: dict[str, JointLimits]) -> str:
    turning = [joint for joint in joints if joint in limits and limits[joint].continuous]
    more = f", continuous: {_list(turning)}" if turning else ""
    return f"{name}: {{topic: {topic}, type: JointState, position: {_list(joints)}{more}}}"


def _command_entry(
    topic: str,
    joints: Sequence[str],
    limits: dict[str, JointLimits],
    interface: str = "position",
    ask: bool = False,
) -> str:
    turning = [joint for joint in joints if joint in limits and limits[joint].continuous]
    more = f", continuous: {_list(turning)}" if turning else ""
    if ask:
        more += ", limits: [-3.1, 3.1]"
    text = f"- {{topic: {topic}, type: JointTrajectory, interface: {interface}, joints: {_list(joints)}{more}}}"
    grippers = [joint for joint in joints if _GRIPPER.search(joint)]
    if ask:
        text += "   # the limits are a guess: give each joint's, or limits: {urdf: ...}"
    elif grippers and len(grippers) < len(joints):
        text += f"   # has {grippers[0]} a controller of its own? Then add a second entry"
    return text


def _column_names(info: Info, key: str) -> tuple[str, ...]:
    """Names of a LeRobot feature's columns; numbered where it has no name for each."""
    names, width = info.names(key), info.width(key)
    return names if names and len(names) == width else tuple(f"joint_{i + 1}" for i in range(width))


def _list(names: Iterable[str]) -> str:
    return f"[{', '.join(_yaml(name) for name in names)}]"


def _yaml(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z_/.~][-\w/.~]*", text) else json.dumps(text)


def _name(text: str) -> str:
    name = re.sub(r"\W+", "_", text).strip("_")
    return name if name[:1].isalpha() else f"task_{name}".rstrip("_")
