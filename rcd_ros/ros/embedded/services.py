"""Services and clients, with the request header of ROS 2's rmw_cyclonedds (client, sequence number)."""

from __future__ import annotations

import inspect
import itertools
import time
import uuid
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from cyclonedds.domain import DomainParticipant
from cyclonedds.qos import Policy

from rcd_ros.ros.embedded import definitions, names
from rcd_ros.ros.embedded.context import Context
from rcd_ros.ros.embedded.domain import delete
from rcd_ros.ros.embedded.future import Future
from rcd_ros.ros.embedded.messages import check_message, from_service_sample, service_sample, to_service_sample
from rcd_ros.ros.embedded.qos import QoSProfile
from rcd_ros.ros.embedded.topics import Work, make_reader, make_writer, take_one

_REPLY_PATIENCE = 0.5  # s that a reply waits for a client whose reader has not been discovered yet
_DISCOVERY_POLL = 0.005  # s


class _Endpoints:
    """The pair of DDS endpoints on either side of a service, marked as belonging together as in rmw_cyclonedds."""

    def __init__(
        self, participant: DomainParticipant, service_type: Any, full_name: str, qos: QoSProfile, serves: bool
    ) -> None:
        requests = names.request_on_wire(full_name), service_type.Request
        replies = names.reply_on_wire(full_name), service_type.Response
        (written, written_type), (read, read_type) = (replies, requests) if serves else (requests, replies)
        self.identity = uuid.uuid4().hex
        mark = f"{'serviceid' if serves else 'clientid'}={self.identity};"
        self.writer = make_writer(participant, written, service_sample(written_type), qos, mark + _hash(written_type))
        self.reader, self.condition = make_reader(
            participant, read, service_sample(read_type), qos, mark + _hash(read_type)
        )

    def destroy(self) -> None:
        """Delete both."""
        for entity in (self.condition, self.reader, self.writer):
            delete(entity)


class Service:
    """Answers requests by calling `callback(request, response)`, which returns the response.

    The callback may be a coroutine that awaits futures: other callbacks run until it returns, as with rclpy's executor.
    """

    def __init__(
        self,
        participant: DomainParticipant,
        service_type: Any,
        full_name: str,
        callback: Callable[[Any, Any], Any],
        qos: QoSProfile,
    ) -> None:
        self.srv_type = service_type
        self.srv_name = full_name
        self.callback = callback
        self._ends = _Endpoints(participant, service_type, full_name, qos, serves=True)
        self.condition = self._ends.condition
        self.readers, self.writers = (self._ends.reader,), (self._ends.writer,)

    def take(self) -> Work | None:
        """The call that answers the next request, if there is one."""
        sample = take_one(self._ends.reader)
        return None if sample is None else partial(self._answer, sample)

    def destroy(self) -> None:
        """Stop serving."""
        self._ends.destroy()

    def _answer(self, sample: Any) -> None:
        request = from_service_sample(sample, self.srv_type.Request)
        response = self.callback(request, self.srv_type.Response())
        if inspect.iscoroutine(response):
            self._drive(response, sample)
        else:
            self._reply(response, sample)

    def _drive(self, answering: Coroutine[Future, None, Any], sample: Any) -> None:
        """Run a callback up to the next future that it awaits, or to its end."""
        try:
            awaited = answering.send(None)
        except StopIteration as end:
            self._reply(end.value, sample)
        else:
            awaited.add_done_callback(lambda future: self._drive(answering, sample))

    def _reply(self, response: Any, sample: Any) -> None:
        if not isinstance(response, self.srv_type.Response):
            raise TypeError(f"the callback of service '{self.srv_name}' must return its response, got {response!r}")
        check_message(response)
        self._await_client(sample.sample_info.publication_handle)
        self._ends.writer.write(to_service_sample(response, sample.header_client, sample.header_sequence))

    def _await_client(self, request_writer: int) -> None:
        """A reply written before the client's reader is known would be lost: wait for it, within reason."""
        client = _user_data(self._ends.reader.get_matched_publication_data(request_writer)).get("clientid")
        deadline = time.monotonic() + _REPLY_PATIENCE
        while client is not None and time.monotonic() < deadline:
            readers = self._ends.writer.get_matched_subscriptions()
            found = (_user_data(self._ends.writer.get_matched_subscription_data(handle)) for handle in readers)
            if any(data.get("clientid") == client for data in found):
                return
            time.sleep(_DISCOVERY_POLL)


class Client:
    """Calls one service."""

    def __init__(self, context: Context, service_type: Any, full_name: str, qos: QoSProfile) -> None:
        self.srv_type = service_type
        self.srv_name = full_name
        self._context = context
        self._ends = _Endpoints(context.participant, service_type, full_name, qos, serves=False)
        self.condition = self._ends.condition
        self.readers, self.writers = (self._ends.reader,), (self._ends.writer,)
        self._identity = self._ends.writer.get_instance_handle() & 0xFFFF_FFFF_FFFF_FFFF
        self._sequence = itertools.count(1)
        self._pending: dict[int, Future] = {}

    def service_is_ready(self) -> bool:
        """Whether a server is there that hears us and that we hear."""
        readers, writers = self._ends.writer.get_matched_subscriptions(), self._ends.reader.get_matched_publications()
        return bool(readers) and bool(writers)

    def wait_for_service(self, timeout_sec: float | None = None) -> bool:
        """Block until the service is ready; False when it was not within the timeout or the runtime ended."""
        deadline = None if timeout_sec is None else time.monotonic() + timeout_sec
        while self._context.ok() and not self.service_is_ready():
            if deadline is not None and time.monotonic() >= deadline:
                return False
            time.sleep(_DISCOVERY_POLL)
        return self._context.ok()

    def call_async(self, request: Any) -> Future:
        """Send a request; the future gets the response while the node is spun."""
        if not isinstance(request, self.srv_type.Request):
            raise TypeError(f"'{self.srv_name}' takes {self.srv_type.ros_type_name} requests, not {request!r}")
        check_message(request)
        sequence, future = next(self._sequence), Future()
        self._pending[sequence] = future
        self._ends.writer.write(to_service_sample(request, self._identity, sequence))
        return future

    def take(self) -> Work | None:
        """The call that completes the next answered request, if there is one."""
        while (sample := take_one(self._ends.reader)) is not None:
            if sample.header_client != self._identity:
                continue
            future = self._pending.pop(sample.header_sequence, None)
            if future is not None:
                return partial(future.set_result, from_service_sample(sample, self.srv_type.Response))
        return None

    def destroy(self) -> None:
        """Stop calling."""
        self._ends.destroy()


def _hash(message_type: Any) -> str:
    return f"typehash={definitions.type_hash(message_type.ros_type_name)};"


def _user_data(endpoint: Any) -> dict[str, str]:
    if endpoint is None or Policy.Userdata not in endpoint.qos:
        return {}
    text = bytes(endpoint.qos[Policy.Userdata].data).decode(errors="replace")
    return dict(item.split("=", 1) for item in text.split(";") if "=" in item)
