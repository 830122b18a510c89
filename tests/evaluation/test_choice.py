"""What a choice between planners says."""

from __future__ import annotations

import pytest

from rcd_ros.evaluation.choice import Choice, Judged
from rcd_ros.training.dynamics import Explained


def choice(*values: tuple[str, float], explained: Explained | None = None) -> Choice:
    rows = tuple(
        Judged(label, f"runs/{label}/{index}", value, (value - 1.0, value + 1.0), 100.0)
        for index, (label, value) in enumerate(values)
    )
    return Choice("data", 1, 100, 10, 0, explained or Explained(0.9, 0.9), 50.0, rows)


def test_the_label_of_the_highest_mean_is_chosen_not_that_of_the_best_seed() -> None:
    made = choice(("lucky", 100.0), ("lucky", 0.0), ("steady", 60.0), ("steady", 61.0))
    assert made.means == {"lucky": 50.0, "steady": 60.5}
    assert made.chosen.checkpoint == "runs/steady/3"


@pytest.mark.parametrize(("value", "chosen"), [(49.9, "plain"), (50.0, "plain"), (50.1, "rewarded")])
def test_the_first_of_equals_is_chosen(value: float, chosen: str) -> None:
    assert choice(("plain", 50.0), ("rewarded", value), ("worse", 10.0)).chosen.label == chosen


def test_a_model_that_explains_little_is_doubted_by_name() -> None:
    assert choice(("plain", 1.0)).doubt is None
    doubt = choice(("plain", 1.0), explained=Explained(motion=0.9, reward=0.12)).doubt
    assert doubt is not None
    assert "12% of the variance of reward" in doubt
    assert "motion" not in doubt


def test_results_hold_every_checkpoint_and_what_was_chosen() -> None:
    made = choice(("plain", 50.0), ("rewarded", 60.0)).as_json()
    assert made["chosen"] == "runs/rewarded/1"
    assert made["means"] == {"plain": 50.0, "rewarded": 60.0}
    assert [row["ci95"] for row in made["rows"]] == [(49.0, 51.0), (59.0, 61.0)]  # type: ignore[attr-defined]
