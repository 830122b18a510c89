from pathlib import Path

import pytest

from rcd_ros.benchmarks.peers import LEROBOT, PEERS, check_peers, peers_table, time_peers
from rcd_ros.errors import RcdError
from tests.benchmarks.environments import python_of
from tests.planning.tiny import tiny_manifest, write_tiny


def test_peers_are_named() -> None:
    assert list(check_peers(())) == list(PEERS)
    assert list(check_peers(("act",))) == ["act"]
    with pytest.raises(RcdError, match="'diffusion'"):
        check_peers(("difusion",))


def test_lerobots_act_is_timed_beside_ours(tmp_path: Path) -> None:
    python = python_of(LEROBOT)
    write_tiny(tmp_path / "planner", tiny_manifest(horizon=8))
    rounds: list[int] = []
    rows, versions = time_peers(
        tmp_path / "planner", ["onnxruntime"], check_peers(("act",)), python, 1, 2, lambda: rounds.append(1)
    )
    ours, act = rows
    assert len(rounds) == 2 and versions["lerobot"]
    assert (ours.planner, ours.plans, ours.times_ours) == ("ours, onnxruntime", 100, 1.0)
    assert (act.planner, act.plans, act.nfe) == ("LeRobot ACT", 10, 1)
    assert act.parameters is not None and act.parameters > 1e6
    assert all(0.0 < row.p50_ms <= row.p95_ms <= row.p99_ms for row in rows)
    assert peers_table(rows).row_count == 2


def test_what_lerobot_cannot_build_is_one_sentence(tmp_path: Path) -> None:
    """Its U-Net halves the horizon three times."""
    python = python_of(LEROBOT)
    write_tiny(tmp_path / "planner", tiny_manifest(horizon=4))
    with pytest.raises(RcdError, match="horizon"):
        time_peers(tmp_path / "planner", ["onnxruntime"], check_peers(("diffusion",)), python, 1, 1, lambda: None)
