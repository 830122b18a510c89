"""Result files: what is written is what is read, and other files are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rcd_ros.errors import RcdError
from rcd_ros.evaluation.report import summarize
from rcd_ros.evaluation.results import BridgeResults, EpisodeScore, Evaluation, Setting, scores_of
from rcd_ros.outputs import write_json
from tests.evaluation.corridor import corridor_spec
from tests.evaluation.test_comparison import summary
from tests.evaluation.test_report import RESULTS

FINITE = st.floats(-1e300, 1e300)  # the mean of a few is finite, too
EPISODES = st.lists(
    st.builds(
        EpisodeScore,
        seed=st.integers(0, 2**62),
        steps=st.integers(1, 1000),
        score=FINITE,
        return_=FINITE,
        completed_at=st.dictionaries(st.sampled_from(["first door", "second door"]), st.integers(0, 999)),
        held_steps=st.integers(0, 1000),
        wall_s=FINITE,
    ),
    min_size=1,
    max_size=4,
)


def on_disk(content: dict[str, Any]) -> Any:
    return json.loads(json.dumps(content))


def test_an_evaluation_is_read_as_it_was_written(tmp_path: Path) -> None:
    setting = Setting(policy="student", seed=3, nfe=1, execute=8, options=["goal=random"], interrupted=True)
    made = summarize(corridor_spec(), RESULTS, setting, discount=0.5)
    write_json(tmp_path / "eval.json", made.as_json())
    read = Evaluation.read(tmp_path / "eval.json")
    assert read == made
    assert on_disk(read.as_json()) == json.loads((tmp_path / "eval.json").read_text())


def test_keys_that_a_file_does_not_have_are_not_added() -> None:
    older = summary(50.0, 75.0)
    assert on_disk(Evaluation.model_validate(older).as_json()) == older


@given(EPISODES, st.integers(0, 2**62))
def test_a_bridges_results_are_read_as_they_were_written(episodes: list[EpisodeScore], seed: int) -> None:
    written = BridgeResults(**scores_of(corridor_spec(), episodes), seed=seed, complete=True)
    read = BridgeResults.model_validate(on_disk(written.as_json()))
    assert read == written
    assert on_disk(read.as_json()) == on_disk(written.as_json())


def test_a_bridge_without_a_finished_episode_has_no_score() -> None:
    empty = BridgeResults(**scores_of(corridor_spec(), []))
    assert (empty.episodes, empty.score_mean, empty.per_task) == (0, None, {})


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (None, "cannot read"),
        ("{", "JSON"),
        ("{}", "'task'"),
        ("[]", "'task'"),
        (json.dumps(summary(1.0) | {"score_mean": "high"}), "'score_mean'"),
        (json.dumps(summary(1.0) | {"episode_results": [{"score": None}]}), "'episode_results.0.score'"),
        (json.dumps(summary(1.0) | {"episode_results": []}), "'episode_results'"),
        (json.dumps(summary(float("nan"))), "'score_mean'"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: str | None, named: str) -> None:
    path = tmp_path / "result.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(RcdError) as refused:
        Evaluation.read(path)
    assert named in str(refused.value) and str(path) in str(refused.value)
