"""What tests in several packages share."""

import contextlib
import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from rcd_ros.nodes.ros.free_domain import free_domain
from rcd_ros.nodes.ros.installation import LOCAL_DISCOVERY

os.environ.update(LOCAL_DISCOVERY)
# MuJoCo reads which OpenGL it uses when it is first imported. A robot's installation has no MuJoCo.
with contextlib.suppress(ImportError):
    import rcd_ros.simulation.mujoco_library  # noqa: F401

_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_domains = range(1 + 20 * (_worker % 5), 21 + 20 * (_worker % 5))

# On a busy machine an example takes as long as it takes, and a failure should come again when the suite is run again.
settings.register_profile("suite", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

# A shell starts background jobs with SIGINT ignored, and their children inherit that: without this line the tests of
# Ctrl-C never end where the suite itself is such a job.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


_OF_PROCESSES = ("cli", "launch", "launching", "nodes")
"""Folders of tests most of which start processes."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests of whole folders; single files and tests carry their marks themselves."""
    tests = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(tests) and item.path.relative_to(tests).parts[0] in _OF_PROCESSES:
            item.add_marker("processes")


@pytest.fixture
def datasets_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place for Minari data sets; never the user's own."""
    root = tmp_path / "datasets"
    root.mkdir()
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(root))
    return root


@pytest.fixture
def domain(monkeypatch: pytest.MonkeyPatch) -> int:
    """A ROS domain that is free on this machine; processes started by the test join it too."""
    number = free_domain(_domains)
    monkeypatch.setenv("ROS_DOMAIN_ID", str(number))
    return number
