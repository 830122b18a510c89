"""What is fresh and what is stale, on clocks that run, stand still, and jump."""

from __future__ import annotations

import pytest

from rcd_ros.planning.observation.timing import ObservationWatch

S = 1_000_000_000
LIMITS = {"joint_states": S, "kettle/odometry": 3 * S}


class Scene:
    """Two clocks that run together, and messages that are stamped by the first."""

    def __init__(self, simulated: bool = False) -> None:
        self.now, self.steady = 1000 * S, 5 * S
        self.watch = ObservationWatch(LIMITS, simulated)

    def run(self, seconds: float, publish: bool = True, real_seconds: float | None = None) -> None:
        """Let time pass in steps of a tenth of a second."""
        steps = round(10 * seconds)
        real = seconds if real_seconds is None else real_seconds
        for _ in range(steps):
            self.now += S // 10
            self.steady += round(real * S / steps)
            self.publish() if publish else self.watch.tick(self.now, self.steady)

    def publish(self, delay: float = 0.0) -> None:
        for topic in LIMITS:
            self.watch.received(topic, self.now - round(delay * S), self.now, self.steady)


def test_nothing_is_stale_before_the_first_message_nor_while_they_come() -> None:
    scene = Scene()
    scene.run(5.0, publish=False)
    assert (scene.watch.problem(), scene.watch.age("joint_states")) == ("", None)
    scene.run(5.0)
    assert scene.watch.problem() == ""


def test_each_topic_is_judged_by_its_own_greatest_age() -> None:
    scene = Scene()
    scene.publish()
    for _ in range(25):
        scene.run(0.1, publish=False)
        scene.watch.received("joint_states", scene.now, scene.now, scene.steady)
    assert scene.watch.problem() == ""
    scene.run(1.1, publish=False)
    assert scene.watch.problem() == "'joint_states' is 1.1 s old, at most 1 s are allowed"
    scene.watch.set_limits({"joint_states": 10 * S, "kettle/odometry": 3 * S})
    assert "'kettle/odometry' is 3.6 s old" in scene.watch.problem()
    scene.publish()
    assert scene.watch.problem() == "", "a fresh message is all that is needed"


def test_messages_that_come_old_are_stale_at_once() -> None:
    scene = Scene()
    scene.publish(delay=2.0)
    assert "'joint_states' is 2 s old" in scene.watch.problem()


def test_a_message_that_is_repeated_for_ever_grows_old() -> None:
    scene = Scene()
    scene.publish()
    stamp = scene.now
    for _ in range(11):
        scene.run(0.1, publish=False)
        scene.watch.received("joint_states", stamp, scene.now, scene.steady)
    assert "'joint_states' is 1.1 s old" in scene.watch.problem()


@pytest.mark.parametrize("jump", [-3600 * S, 3600 * S])
def test_a_clock_that_is_set_neither_ages_messages_nor_keeps_them_young(jump: int) -> None:
    scene = Scene()
    scene.publish()
    scene.now += jump
    scene.run(0.5, publish=False)
    assert scene.watch.problem() == ""
    scene.run(0.6, publish=False)
    assert "'joint_states' is 1.1 s old" in scene.watch.problem()
    scene.publish()
    assert scene.watch.problem() == ""


def test_stamps_far_ahead_of_the_clock_are_no_good_either() -> None:
    scene = Scene()
    scene.publish(delay=-0.5)
    assert scene.watch.problem() == ""
    scene.publish(delay=-30.0)
    assert scene.watch.problem() == (
        "the stamps on 'joint_states' are 30 s ahead of this node's clock: synchronise the clocks"
    )


def test_simulated_time_that_stands_still_ages_nothing() -> None:
    scene = Scene(simulated=True)
    scene.publish()
    for _ in range(100):
        scene.steady += S
        scene.watch.tick(scene.now, scene.steady)
    assert (scene.watch.problem(), scene.watch.stood_still) == ("", 100 * S)
    scene.run(1.1, publish=False, real_seconds=100.0)
    assert "'joint_states' is 1.1 s old" in scene.watch.problem()


@pytest.mark.parametrize("jump", [-999 * S, 500 * S])
def test_simulated_time_that_begins_anew_or_jumps_counts_from_there(jump: int) -> None:
    scene = Scene(simulated=True)
    scene.publish()
    scene.now += jump
    scene.run(0.9, publish=False)
    assert scene.watch.problem() == ""
    scene.run(0.3, publish=False)
    assert "'joint_states' is 1.1 s old" in scene.watch.problem()


def test_a_simulated_clock_that_has_not_spoken_yet_is_no_judge_of_stamps() -> None:
    watch = ObservationWatch(LIMITS, simulated=True)
    watch.received("joint_states", 50 * S, 0, S)
    assert (watch.problem(), watch.age("joint_states")) == ("", 0)


@pytest.mark.parametrize("limit", [0.5, 1.0])
def test_an_observation_that_overtakes_the_simulators_clock_is_fresh_once_the_clock_has_come(limit: float) -> None:
    """Between episodes the clock leaps; its message and the observation's travel on different topics."""
    scene = Scene(simulated=True)
    scene.watch.set_limits({"joint_states": round(limit * S)})
    scene.run(2.0)
    stamp = scene.now + 10 * S
    scene.watch.received("joint_states", stamp, scene.now, scene.steady)
    assert "10 s ahead of this node's clock" in scene.watch.problem()
    scene.now = stamp
    scene.watch.tick(scene.now, scene.steady)
    assert (scene.watch.problem(), scene.watch.age("joint_states")) == ("", 0)
    scene.run(limit + 0.2, publish=False)
    assert "s old" in scene.watch.problem()
