"""The planner node's parameters: what each means, and which of them may be changed while it plans."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from pydantic import field_validator, model_validator
from typing_extensions import Self

from rcd_ros.choices import LARGEST_SEED, ModeName, Trigger
from rcd_ros.errors import RcdError
from rcd_ros.nodes.ros.parameters import NodeParameters, parameter
from rcd_ros.nodes.ros.realtime import Realtime
from rcd_ros.planning.execution.shaping import Anchor
from rcd_ros.planning.execution.stream import StreamSettings
from rcd_ros.planning.execution.trajectory import Sampling, Stamping
from rcd_ros.planning.limits import LIMIT_FIELDS
from rcd_ros.suggest import did_you_mean

LATER = "; used when the node is configured, and by ~/load_checkpoint"
"""Of parameters that are read when a checkpoint is loaded."""
_DEFAULTS = StreamSettings()


def _limit(field: str, unit: str) -> tuple[float, ...]:
    words = field.replace("_", " ")
    text = f"{words} limits, one for each commanded joint or one for all; none: the checkpoint's"
    none: tuple[float, ...] = ()
    return parameter(none, text, unit=unit, name=f"limits.{field}")


class PlannerParameters(NodeParameters):
    """All of them; those that are not read-only are changed together or not at all."""

    checkpoint: str = parameter("", "folder of the planner's checkpoint" + LATER)
    engine: str = parameter("auto", "inference engine, auto: the fastest" + LATER)
    threads: int = parameter(1, "threads of the engine" + LATER, minimum=1, maximum=1024)
    seed: int = parameter(
        0, "seed of the planning noise; another one begins with its first plan", minimum=0, maximum=LARGEST_SEED
    )

    trigger: Trigger = parameter(
        "on_observation", "when to plan: on every observation, on about `rate` of them a second, or by timer"
    )
    rate: float = parameter(0.0, "plans expected, by timer: made; 0: one a control period", unit="Hz", minimum=0.0)
    deadline: float = parameter(0.0, "from a stamp to its plan; 0: until the next plan is due", unit="s", minimum=0.0)
    rehearse: bool = parameter(True, "evaluate once more just before an observation is expected: it finds warm caches")

    stamp_tolerance: float = parameter(0.0, "between the messages of one observation", unit="s", minimum=0.0)
    max_age: float = parameter(0.0, "age at which a topic is stale; 0: the plan's horizon", unit="s", minimum=0.0)
    max_ages: tuple[str, ...] = parameter((), "topics that are stale at another age, as 'topic=seconds'")
    range_warn: float = parameter(
        10.0, "standard deviations from the training mean at which an observation is warned of; 0: never", minimum=0.0
    )
    range_hold: float = parameter(
        0.0, "standard deviations from the training mean at which the robot is held instead; 0: never", minimum=0.0
    )

    mode: ModeName = parameter(_DEFAULTS.mode, "how successive chunks become one stream of commands")
    execute: int = parameter(
        _DEFAULTS.execute,
        "mode chunk: control periods before the next plan; 0: as the planner was evaluated",
        minimum=0,
    )
    decay: float = parameter(_DEFAULTS.decay, "mode temporal_ensemble: a chunk weighs exp(decay * its age in periods)")
    delay: int = parameter(_DEFAULTS.delay, "mode splice: control periods that stay as committed", minimum=0)
    overlap: int = parameter(_DEFAULTS.overlap, "mode splice: control periods of blending", minimum=0)
    shape: bool = parameter(_DEFAULTS.shape, "shape trajectories within the motion limits, without jumps")
    position_margin: float = parameter(
        _DEFAULTS.position_margin, "kept free before each position limit", unit="rad or m", minimum=0.0
    )
    position_lower: tuple[float, ...] = _limit("position_lower", "rad or m")
    position_upper: tuple[float, ...] = _limit("position_upper", "rad or m")
    velocity: tuple[float, ...] = _limit("velocity", "rad/s or m/s")
    acceleration: tuple[float, ...] = _limit("acceleration", "rad/s^2 or m/s^2")
    jerk: tuple[float, ...] = _limit("jerk", "rad/s^3 or m/s^3")
    anchor: Anchor = parameter(_DEFAULTS.anchor, "where a new plan begins: where the last one has led, or as measured")
    lead: float = parameter(_DEFAULTS.lead, "how late a trajectory arrives, at most", unit="s", minimum=0.0)
    sampling: Sampling = parameter(_DEFAULTS.sampling, "points: one a control period, or all knots of a cubic spline")
    stamping: Stamping = parameter(_DEFAULTS.stamping, "stamp: that of the observation, or when a plan takes over")
    rests: bool = parameter(_DEFAULTS.rests, "send the stop after a plan's last command, too")

    gripper_joints: tuple[str, ...] = parameter((), "commanded joints that go to a topic of their own", read_only=True)
    gripper_topic: str = parameter("gripper_trajectory", "topic of the gripper joints", read_only=True)

    cpu_affinity: tuple[int, ...] = parameter((), "cores to run on; none: any", read_only=True)
    realtime_priority: int = parameter(0, "1 to 99: scheduled by SCHED_FIFO, 0: as usual", read_only=True)
    lock_memory: bool = parameter(False, "keep all memory from being paged out", read_only=True)
    keep_awake: bool = parameter(False, "keep the machine's cores from sleeping while they wait", read_only=True)

    @field_validator("cpu_affinity", mode="before")
    @classmethod
    def _core_numbers(cls, cores: object) -> object:
        if not isinstance(cores, tuple) or not all(type(core) is int for core in cores):
            raise ValueError("a list of core numbers")
        return cores

    @model_validator(mode="after")
    def _possible(self) -> Self:
        try:
            self.realtime.check()
            self._given_ages()
        except RcdError as error:
            raise ValueError(str(error)) from error
        return self

    @property
    def realtime(self) -> Realtime:
        """What the process asks of the system."""
        return Realtime(self.cpu_affinity, self.realtime_priority, self.lock_memory, self.keep_awake)

    @property
    def stream(self) -> StreamSettings:
        """How chunks become trajectories."""
        return StreamSettings(
            mode=self.mode,
            execute=self.execute,
            decay=self.decay,
            delay=self.delay,
            overlap=self.overlap,
            shape=self.shape,
            limits={field: values for field in LIMIT_FIELDS if (values := getattr(self, field))},
            position_margin=self.position_margin,
            anchor=self.anchor,
            lead=self.lead,
            sampling=self.sampling,
            stamping=self.stamping,
            rests=self.rests,
        )

    def expected_rate(self, control_period: float) -> float:
        """Plans a second."""
        return self.rate or 1.0 / control_period

    def time_for_a_plan(self, control_period: float) -> float:
        """s from an observation to its plan, at most."""
        return self.deadline or 1.0 / self.expected_rate(control_period)

    def greatest_ages(
        self, topics: Iterable[str], horizon: float, task: Mapping[str, float | None] | None = None
    ) -> dict[str, int]:
        """Greatest age (ns) of each topic; topics that may have any age are left out.

        Args:
            topics: that are observed.
            horizon: s, what holds where nothing is said.
            task: what the task says of some topics, s; None: any age.

        Raises:
            RcdError: an age is given for a topic that is not among them.
        """
        known = list(dict.fromkeys(topics))
        given = self._given_ages()
        for topic in given:
            if topic not in known:
                raise RcdError(
                    f"max_ages names topic '{topic}'{did_you_mean(topic, known)}; observed are: {', '.join(known)}"
                )
        told = {topic: self.max_age or horizon for topic in known} | dict(task or {}) | given
        return {topic: round(1e9 * age) for topic in known if (age := told[topic]) is not None}

    def _given_ages(self) -> dict[str, float]:
        ages = {}
        for entry in self.max_ages:
            topic, _, seconds = entry.partition("=")
            try:
                ages[topic.strip()] = float(seconds)
            except ValueError:
                ages[topic.strip()] = math.nan
            if not 0.0 < ages[topic.strip()] < math.inf:
                raise RcdError(f"max_ages holds '{entry}': write topic=seconds, with more than 0 seconds")
        return ages
