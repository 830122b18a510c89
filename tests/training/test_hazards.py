"""Warnings at settings that students are known to exploit."""

from __future__ import annotations

import math
from typing import Any

import pytest

from rcd_ros.training.preflight import hazards, pull
from rcd_ros.training.recipe import Recipe


def recipe(chunk_steps: int = 1, target: str = "returns", **student: Any) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "tiny",
            "task": "hopper",
            "dataset": "rcd/hopper/tiny-v0",
            "observations": ["joint_position"],
            "critic": {"chunk_steps": chunk_steps, "target": target},
            "student": student,
        }
    )


@pytest.mark.parametrize("chunk_steps", [1, 16])
def test_without_the_gradient_nothing_is_exploited(chunk_steps: int) -> None:
    assert hazards(recipe(chunk_steps, advantage=0.3), 1.0, 1.0) == []
    assert hazards(recipe(chunk_steps, dsm=0.0), 1.0, 1.0) == []


def test_a_weight_that_is_known_to_work_is_not_warned_of() -> None:
    assert hazards(recipe(reward=0.1), 1.0, 1.0) == []
    assert hazards(recipe(reward=0.3), 0.22, 1.0) == []


def test_a_chunk_critic_s_gradient_is_named_with_its_setting_and_measurement() -> None:
    (sentence,) = hazards(recipe(16, reward=0.03), 1.0, 1.0)
    assert "critic.chunk_steps" in sentence
    assert "2.2 points" in sentence


def test_a_trust_region_answers_for_a_chunk_critic() -> None:
    assert hazards(recipe(16, reward=0.05, trust_region=1.0), 1.0, 1.0) == []


def test_too_large_a_weight_is_answered_by_one_that_is_known() -> None:
    """The advice is followed: what it names is not warned of."""
    (sentence,) = hazards(recipe(reward=2.0), 1.0, 1.0)
    advised = float(sentence.rpartition("student.reward=")[2].split()[0])
    assert 0.0 < advised < 2.0
    assert hazards(recipe(reward=advised), 1.0, 1.0) == []


@pytest.mark.parametrize(("target", "advice"), [("expectile", "student.reward=0.3"), ("policy", "critic.target=")])
def test_a_weight_is_judged_by_what_was_measured_with_the_critics_target(target: str, advice: str) -> None:
    (sentence,) = hazards(recipe(target=target, reward=0.4), 1.0, 1.0)
    assert advice in sentence
    assert f"critic.target={target}" in sentence


def test_a_critic_that_no_weight_is_known_for_is_warned_of_before_its_weight_is_known() -> None:
    assert hazards(recipe(target="expectile", reward=0.4), math.nan, 1.0) == []
    (sentence,) = hazards(recipe(target="policy", reward=0.01), math.nan, 1.0)
    assert "nan" not in sentence


def test_what_holds_the_executed_step_harder_bears_more_reward() -> None:
    assert hazards(recipe(reward=0.5), 1.0, 8.0) == []
    assert pull(recipe(reward=0.5), 1.0, 8.0) == pytest.approx(0.0625)


def test_a_rewarded_student_without_dsm_is_warned_of() -> None:
    (sentence,) = hazards(recipe(reward=0.1, dsm=0.0), 1.0, 1.0)
    assert "student.dsm" in sentence
