"""The node: rclpy's `Node`, as far as our nodes use it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from cyclonedds.builtin import BuiltinDataReader, BuiltinTopicDcpsPublication, BuiltinTopicDcpsSubscription
from cyclonedds.pub import DataWriter
from cyclonedds.sub import DataReader

from rcd_ros.ros.embedded import names
from rcd_ros.ros.embedded.clock import Clock
from rcd_ros.ros.embedded.context import Context, get_default_context
from rcd_ros.ros.embedded.discovery import Discovery, TopicEndpointInfo
from rcd_ros.ros.embedded.logger import Logger, LoggingSeverity
from rcd_ros.ros.embedded.parameter_events import ParameterEvents
from rcd_ros.ros.embedded.parameter_owner import ParameterOwner
from rcd_ros.ros.embedded.parameter_services import create_parameter_services
from rcd_ros.ros.embedded.parameters import Parameter
from rcd_ros.ros.embedded.qos import QoSProfile, qos_profile_services_default
from rcd_ros.ros.embedded.qos_overrides import QoSOverridingOptions, overridden
from rcd_ros.ros.embedded.services import Client, Service
from rcd_ros.ros.embedded.sources import CallbackGroup, Waitable
from rcd_ros.ros.embedded.time import NANOSECONDS, ClockType
from rcd_ros.ros.embedded.time_source import TimeSource
from rcd_ros.ros.embedded.timer import Timer
from rcd_ros.ros.embedded.topics import Publisher, Subscription

if TYPE_CHECKING:
    from rcd_ros.ros.embedded.executor import SingleThreadedExecutor


class Node(ParameterOwner):
    """A named participant in the ROS graph with topics, services, timers, parameters, a clock and a logger."""

    def __init__(
        self,
        node_name: str,
        *,
        context: Context | None = None,
        namespace: str | None = None,
        parameter_overrides: list[Parameter] | None = None,
        start_parameter_services: bool = True,
        automatically_declare_parameters_from_overrides: bool = False,
    ) -> None:
        self.context = context or get_default_context()
        arguments = self.context.arguments
        self._name = names.check_node_name(arguments.node_name(node_name, node_name))
        self._namespace = names.normalize_namespace(arguments.namespace(node_name, namespace or "/"))
        self._remappings = arguments.remappings
        self._destroyed = False
        self.executor: SingleThreadedExecutor | None = None
        self.waitables: list[Waitable] = []
        self.timers: list[Timer] = []
        self._publishers: list[Publisher] = []
        self._discovery: Discovery | None = None
        self._clock = Clock(clock_type=ClockType.ROS_TIME)
        level = arguments.node_log_levels.get(self._name, arguments.log_level)
        logger_name = self.get_fully_qualified_name().strip("/").replace("/", ".")
        self._logger = Logger(logger_name, LoggingSeverity[level.upper()])
        overrides = arguments.parameters_of(self.get_fully_qualified_name())
        overrides.update({parameter.name: parameter.value for parameter in parameter_overrides or []})
        super().__init__(overrides)
        self._parameters.announce = ParameterEvents(self)
        self._time_source = TimeSource(self)
        if automatically_declare_parameters_from_overrides:
            for name, value in overrides.items():
                if not self.has_parameter(name):
                    self.declare_parameter(name, value)
        if start_parameter_services:
            create_parameter_services(self, self._parameters)
        self.context.graph.add(self)
        self.context.on_close(partial(Node.destroy_node, self))

    def get_name(self) -> str:
        """The name, after remapping."""
        return self._name

    def get_namespace(self) -> str:
        """The namespace, after remapping."""
        return self._namespace

    def get_fully_qualified_name(self) -> str:
        """Namespace and name."""
        return f"{self._namespace.rstrip('/')}/{self._name}"

    def get_logger(self) -> Logger:
        """The node's logger."""
        return self._logger

    def get_clock(self) -> Clock:
        """The node's clock: ROS time."""
        return self._clock

    def resolve_topic_name(self, topic: str, *, only_expand: bool = False) -> str:
        """The full name of a topic as this node uses it."""
        full = names.expand(topic, self._namespace, self._name)
        return full if only_expand else names.remap(full, self._remappings, self._namespace, self._name)

    resolve_service_name = resolve_topic_name

    def create_publisher(
        self,
        msg_type: Any,
        topic: str,
        qos_profile: QoSProfile | int,
        *,
        callback_group: CallbackGroup | None = None,
        qos_overriding_options: QoSOverridingOptions | None = None,
        publisher_class: type[Publisher] = Publisher,
    ) -> Publisher:
        """Publish messages of a type on a topic."""
        full_name = self.resolve_topic_name(topic)
        qos = overridden(self, "publisher", full_name, QoSProfile.of(qos_profile), qos_overriding_options)
        publisher = publisher_class(self.context.participant, msg_type, full_name, qos)
        self._publishers.append(publisher)
        self._changed()
        return publisher

    def create_subscription(
        self,
        msg_type: Any,
        topic: str,
        callback: Callable[..., None],
        qos_profile: QoSProfile | int,
        *,
        callback_group: CallbackGroup | None = None,
        qos_overriding_options: QoSOverridingOptions | None = None,
        raw: bool = False,
    ) -> Subscription:
        """Call back with every message of a topic, see `Subscription`."""
        full_name = self.resolve_topic_name(topic)
        qos = overridden(self, "subscription", full_name, QoSProfile.of(qos_profile), qos_overriding_options)
        return self._add(Subscription(self.context.participant, msg_type, full_name, callback, qos, raw))

    def create_service(
        self,
        srv_type: Any,
        srv_name: str,
        callback: Callable[[Any, Any], Any],
        *,
        qos_profile: QoSProfile = qos_profile_services_default,
        callback_group: CallbackGroup | None = None,
    ) -> Service:
        """Answer the requests of a service."""
        full_name = self.resolve_service_name(srv_name)
        return self._add(Service(self.context.participant, srv_type, full_name, callback, qos_profile))

    def create_client(
        self,
        srv_type: Any,
        srv_name: str,
        *,
        qos_profile: QoSProfile = qos_profile_services_default,
        callback_group: CallbackGroup | None = None,
    ) -> Client:
        """Call a service."""
        return self._add(Client(self.context, srv_type, self.resolve_service_name(srv_name), qos_profile))

    def create_timer(
        self,
        timer_period_sec: float,
        callback: Callable[[], None],
        callback_group: CallbackGroup | None = None,
        clock: Clock | None = None,
    ) -> Timer:
        """Call back every `timer_period_sec` seconds of the node's clock, or of the given one."""
        timer = Timer(round(timer_period_sec * NANOSECONDS), callback, clock or self._clock)
        self.timers = [*self.timers, timer]
        self._wake()
        return timer

    def destroy_publisher(self, publisher: Publisher) -> bool:
        """Stop publishing; False when it is not one of this node's."""
        if publisher not in self._publishers:
            return False
        self._publishers.remove(publisher)
        publisher.destroy()
        self._changed()
        return True

    def destroy_subscription(self, subscription: Subscription) -> bool:
        """Stop listening; False when it is not one of this node's."""
        return self._remove(subscription)

    def destroy_service(self, service: Service) -> bool:
        """Stop serving; False when it is not one of this node's."""
        return self._remove(service)

    def destroy_client(self, client: Client) -> bool:
        """Drop a client; False when it is not one of this node's."""
        return self._remove(client)

    def destroy_timer(self, timer: Timer) -> bool:
        """Stop a timer; False when it is not one of this node's."""
        if timer not in self.timers:
            return False
        timer.cancel()
        self.timers = [other for other in self.timers if other is not timer]
        return True

    def destroy_node(self) -> None:
        """Leave the graph; a second call, or one after the runtime has ended, does nothing."""
        if self._destroyed:
            return
        self._destroyed = True
        if self.executor is not None:
            self.executor.remove_node(self)
        self.context.graph.remove(self)
        waitables, self.waitables = self.waitables, []
        publishers, self._publishers = self._publishers, []
        self.timers = []
        for waitable in waitables:
            waitable.destroy()
        for publisher in publishers:
            publisher.destroy()

    def count_publishers(self, topic_name: str) -> int:
        """Publishers of a topic that have been discovered so far, this process's included; the name is not remapped."""
        return self._count(BuiltinTopicDcpsPublication, topic_name)

    def count_subscribers(self, topic_name: str) -> int:
        """Subscriptions to a topic that have been discovered so far, this process's included; it is not remapped."""
        return self._count(BuiltinTopicDcpsSubscription, topic_name)

    def get_topic_names_and_types(self) -> list[tuple[str, list[str]]]:
        """Full names and types of all topics that have been discovered so far."""
        return self._discover().topics()

    def get_publishers_info_by_topic(self, topic_name: str) -> list[TopicEndpointInfo]:
        """Type and QoS of each publisher of a topic that has been discovered so far."""
        return self._discover().publishers(self.resolve_topic_name(topic_name))

    def endpoints(self) -> tuple[list[DataReader], list[DataWriter]]:
        """The DDS readers and writers behind the node's topics and services."""
        owners: list[Publisher | Waitable] = [*self._publishers, *self.waitables]
        readers = [reader for owner in owners for reader in owner.readers]
        return readers, [writer for owner in owners for writer in owner.writers]

    def _discover(self) -> Discovery:
        if self._discovery is None:
            self._discovery = Discovery(self.context.participant)
        return self._discovery

    def _count(self, builtin_topic: Any, topic_name: str) -> int:
        wire_name = names.topic_on_wire(self.resolve_topic_name(topic_name, only_expand=True))
        participant = self.context.participant
        endpoints = BuiltinDataReader(participant, builtin_topic).read(N=_ENDPOINTS)
        return sum(endpoint.topic_name == wire_name for endpoint in endpoints)

    def _add(self, waitable: Any) -> Any:
        self.waitables = [*self.waitables, waitable]
        self._changed()
        return waitable

    def _remove(self, waitable: Any) -> bool:
        if waitable not in self.waitables:
            return False
        self.waitables = [other for other in self.waitables if other is not waitable]
        waitable.destroy()
        self._changed()
        return True

    def _changed(self) -> None:
        if self in self.context.graph.nodes:  # its first announcement comes when it is complete
            self.context.graph.announce()
        self._wake()

    def _wake(self) -> None:
        if self.executor is not None:
            self.executor.wake()


_ENDPOINTS = 10_000  # more endpoints than any domain of ours holds
