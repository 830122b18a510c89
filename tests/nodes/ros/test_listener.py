"""A listener's thread: what it does between messages, and how it ends."""

from __future__ import annotations

import math
import threading

from rclpy.node import Node
from rclpy.parameter import Parameter
from std_msgs.msg import String

from rcd_ros.nodes.ros.listener import Listener
from rcd_ros.nodes.ros.node_clock import node_clock
from tests.waiting import wait_until

PATIENCE = 30.0


class Rehearsal:
    """Is due after each message, once."""

    def __init__(self) -> None:
        self.due = math.inf
        self.threads: list[str] = []
        self.done = threading.Semaphore(0)

    def pause(self) -> float:
        return self.due

    def rehearse(self) -> None:
        self.due = math.inf
        self.threads.append(threading.current_thread().name)
        self.done.release()


def test_a_listener_does_what_is_due_between_messages_in_its_own_thread(ros: None) -> None:
    node, rehearsal, heard = Node("listener"), Rehearsal(), threading.Semaphore(0)
    listener = Listener(node, "hearing", rehearsal)

    def take(data: bytes) -> None:
        rehearsal.due = 0.0
        heard.release()

    listener.subscribe(String, "words", take, 10)
    listener.start()
    publisher = node.create_publisher(String, "words", 10)
    while not publisher.get_subscription_count():
        threading.Event().wait(0.01)
    for _ in range(2):
        publisher.publish(String(data="word"))
        assert heard.acquire(timeout=PATIENCE)
        assert rehearsal.done.acquire(timeout=PATIENCE)
    assert rehearsal.threads == ["hearing", "hearing"]
    listener.close()
    assert listener.failure is None
    node.destroy_node()


def test_a_callback_that_raises_ends_the_listening_and_is_kept(ros: None) -> None:
    node = Node("listener")
    listener = Listener(node)
    listener.subscribe(String, "words", lambda data: {}[data], 10)
    listener.start()
    publisher = node.create_publisher(String, "words", 10)
    while not publisher.get_subscription_count():
        threading.Event().wait(0.01)
    publisher.publish(String(data="word"))
    wait_until(lambda: listener.failure is not None, PATIENCE)
    assert isinstance(listener.failure, KeyError)
    listener.close()
    node.destroy_node()


def test_a_node_s_clock_is_the_system_s_or_a_simulator_s(ros: None) -> None:
    node = Node("clock")
    now = node_clock(node)
    before = node.get_clock().now().nanoseconds
    between = now()
    assert before <= between <= node.get_clock().now().nanoseconds
    node.set_parameters([Parameter("use_sim_time", value=True)])
    assert now() == 0, "no simulator has told the time yet"
    node.destroy_node()
