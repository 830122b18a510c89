"""Where a bag keeps a task's topics, which a recorded robot may have had in a namespace or under other names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rcd_ros.data.bag_layout import BagLayout
from rcd_ros.data.bags import MESSAGE_TYPES, Bag
from rcd_ros.errors import RcdError
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.suggest import did_you_mean

FRAMES = ("/tf", "/tf_static")


class TaskTopics:
    """A task's topics in one bag.

    Attributes:
        namespace: of the recorded nodes.
        observations: recorded name -> the task's own.
        commands: likewise; topics of commands that are not in the bag are missing.
        trajectories: recorded name of the topic that the planner commands on.
    """

    def __init__(
        self,
        bag: Bag,
        spec: TaskSpec,
        namespace: str | None = None,
        names: Mapping[str, str] | None = None,
        layout: BagLayout | None = None,
    ) -> None:
        """Find them.

        Args:
            bag: where to look.
            spec: names the topics of observations and commands.
            namespace: of the recorded nodes; None: the one namespace that has the command topic, else the clock's.
            names: the recorded full name of a topic, where that is another than namespace and name.
            layout: says where commands are; None: on the topics of the task's controllers.

        Raises:
            RcdError: an observation's topic is missing, or all of the command's, or one is of another type.
        """
        layout = layout or BagLayout.usual(spec)
        self._bag, self._names = bag, dict(names or {})
        observed = {c.topic: MESSAGE_TYPES[c.message_type] for c in spec.observations if c.message_type != "tf"}
        commanded = {source.topic: MESSAGE_TYPES[source.message] for source in layout.commands or ()}
        needed = observed | commanded
        for name in self._names:
            if name not in needed:
                raise RcdError(f"task '{spec.name}' has no topic '{name}'{did_you_mean(name, needed)}")
        self.namespace = self._find_namespace(commanded, observed) if namespace is None else "/" + namespace.strip("/")
        for topic, wanted in needed.items():
            self._check(spec, topic, wanted, topic in observed)
        self.observations = {self.full(topic): topic for topic in observed}
        self.commands = {self.full(topic): topic for topic in commanded if self.full(topic) in bag.types}
        self.trajectories = self.full(spec.command.topic)
        if commanded and not self.commands:
            missing = ", ".join(f"'{self.full(topic)}'" for topic in commanded)
            raise RcdError(
                f"the bag '{bag.path}' lacks topic {missing}, which says what '{spec.name}' commands; it holds "
                f"{', '.join(sorted(bag.types))}: name another with --remap {next(iter(commanded))}:=/..., or say in "
                "the task file, under columns: bag: command:, where commands are (next_observation: nowhere)"
            )

    def full(self, topic: str) -> str:
        """The recorded name of a topic of ours, whether or not the bag has it."""
        if topic in self._names:
            return self._names[topic]
        return topic if topic.startswith("/") else f"{self.namespace.rstrip('/')}/{topic}"

    def of_layout(self, topic: str) -> str | None:
        """The recorded name of a topic that a layout names, relative or full; None: it names none.

        Raises:
            RcdError: it is not in the bag.
        """
        if not topic:
            return None
        found = next((name for name in (self.full(topic), f"/{topic.lstrip('/')}") if name in self._bag.types), None)
        if found is None:
            raise RcdError(f"the bag '{self._bag.path}' lacks topic '{self.full(topic)}', which is to cut or label it")
        return found

    def _check(self, spec: TaskSpec, topic: str, wanted: str, observed: bool) -> None:
        bag, full = self._bag, self.full(topic)
        found = bag.types.get(full)
        if found is None and observed:
            raise RcdError(
                f"the bag '{bag.path}' lacks topic '{full}' of task '{spec.name}'; it holds "
                f"{', '.join(sorted(bag.types))}: name another with --remap {topic}:=/...; or record it, too"
            )
        if found is not None and found != wanted:
            raise RcdError(f"topic '{full}' in '{bag.path}' is {found}, task '{spec.name}' has {wanted}")

    def _find_namespace(self, commanded: Mapping[str, str], observed: Mapping[str, str]) -> str:
        """The one below which a topic of a command is, else one of an observation."""
        for wanted in (commanded, observed):
            found = sorted(set(self._namespaces(wanted)))
            if len(found) > 1:
                raise RcdError(f"'{self._bag.path}' holds robots in several namespaces: choose --namespace {found[0]}")
            if found:
                return found[0]
        return "/"

    def _namespaces(self, wanted: Mapping[str, str]) -> Iterable[str]:
        for topic, kind in wanted.items():
            if topic in self._names or topic.startswith("/"):
                continue
            for name, recorded in self._bag.types.items():
                if recorded == kind and name.endswith(f"/{topic}"):
                    yield name.removesuffix(f"/{topic}") or "/"
