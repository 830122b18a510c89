"""What an executor serves: sources of work, and callback groups, which here have nothing to decide."""

from __future__ import annotations

from typing import Protocol

from cyclonedds.core import ReadCondition
from cyclonedds.pub import DataWriter
from cyclonedds.sub import DataReader

from rcd_ros.ros.embedded.topics import Work


class Source(Protocol):
    """Something that has work for the executor now and then."""

    def take(self) -> Work | None:
        """The next piece of work, if there is one."""


class Waitable(Source, Protocol):
    """A source whose work comes with data on a DDS reader."""

    condition: ReadCondition
    readers: tuple[DataReader, ...]
    writers: tuple[DataWriter, ...]

    def destroy(self) -> None:
        """Delete it."""


class CallbackGroup:
    """Accepted where rclpy wants one; the executor here runs one callback at a time anyway."""


class MutuallyExclusiveCallbackGroup(CallbackGroup):
    """Callbacks that never run at the same time."""


class ReentrantCallbackGroup(CallbackGroup):
    """Callbacks that may run at the same time (here they never do)."""
