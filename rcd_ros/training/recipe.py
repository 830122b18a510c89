"""Recipes: everything that makes a planner, typed (`training/recipe_file.py` reads them)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from typing_extensions import Self

from rcd_ros.choices import LARGEST_SEED

Momentum = Annotated[float, Field(ge=0, lt=1)]
Width = Annotated[int, Field(gt=0, le=65_536)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class NoiseRecipe(_Section):
    """Noise levels of the diffusion process (Karras et al. 2022)."""

    sigma_data: float = Field(1.0, gt=0, description="std of the normalised actions")
    sigma_min: float = Field(0.02, gt=0)
    sigma_max: float = Field(80.0, gt=0)
    rho: float = Field(7.0, gt=0)
    log_mean: float = Field(-1.2, description="P_mean: ln(sigma) in training")
    log_std: float = Field(1.2, gt=0, description="P_std")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.sigma_min >= self.sigma_max:
            raise ValueError(f"sigma_min ({self.sigma_min:g}) must be below sigma_max ({self.sigma_max:g})")
        return self


class ResidualMLPRecipe(_Section):
    """A residual MLP over the whole chunk: quickest where chunks are short."""

    kind: Literal["residual_mlp"] = "residual_mlp"
    width: int = Field(512, gt=0, le=65_536)
    blocks: int = Field(3, gt=0, le=1_000)
    embedding: int = Field(128, gt=0, le=65_536)
    dropout: float = Field(0.0, ge=0, lt=1)
    film_observation: bool = Field(True, description="modulate the blocks by the observation, too")


class TemporalUnetRecipe(_Section):
    """A temporal U-Net with FiLM conditioning: for long horizons."""

    kind: Literal["temporal_unet"]
    widths: tuple[Annotated[int, Field(gt=0, le=65_536, multiple_of=8)], ...] = Field((64, 128, 256), min_length=1)
    embedding: int = Field(128, gt=0, le=65_536)
    kernel: int = Field(5, gt=0, le=999, description="convolution length, steps; odd, so that a chunk keeps its length")
    dropout: float = Field(0.0, ge=0, lt=1)

    @field_validator("kernel")
    @classmethod
    def _odd(cls, kernel: int) -> int:
        if kernel % 2 == 0:
            raise ValueError(f"must be odd, e.g. {kernel + 1}")
        return kernel


class SplineMLPRecipe(_Section):
    """A residual MLP over the control points of a cubic spline: for long, smooth chunks."""

    kind: Literal["spline_mlp"]
    stride: int = Field(8, gt=0, description="steps from one control point to the next")
    width: int = Field(512, gt=0, le=65_536)
    blocks: int = Field(3, gt=0, le=1_000)
    frequencies: int = Field(4, ge=0, le=64, description="sines and cosines of each observed value, in octaves")
    embedding: int = Field(128, gt=0, le=65_536)
    dropout: float = Field(0.0, ge=0, lt=1)


NetworkRecipe = Annotated[ResidualMLPRecipe | SplineMLPRecipe | TemporalUnetRecipe, Field(discriminator="kind")]


class OptimizerRecipe(_Section):
    """How one of the three networks is optimised."""

    steps: int = Field(gt=0, le=1_000_000_000)
    batch: int = Field(256, gt=0, le=1_000_000)
    learning_rate: float = Field(3e-4, gt=0)
    betas: tuple[Momentum, Momentum] = (0.95, 0.999)
    weight_decay: float = Field(1e-4, ge=0)
    warmup: int = Field(100, ge=0, description="steps of linear warm-up before the cosine")
    ema: float = Field(0.999, ge=0, lt=1, description="decay of the averaged weights")
    clip: float = Field(1.0, gt=0, description="largest gradient norm")
    validate_every: int = Field(500, gt=0)
    save_every: int = Field(500, gt=0)
    keep: Literal["last", "best"] = Field("last", description="averaged weights kept: the last, or the best held out")


class TeacherRecipe(_Section):
    """The diffusion planner that is distilled."""

    optimizer: OptimizerRecipe = OptimizerRecipe(steps=10_000)
    advantage: float = Field(
        0.0,
        ge=0,
        description="as student.advantage, of what the teacher imitates: the critic is trained before it",
    )


class CriticRecipe(_Section):
    """The return-to-go ensemble, and what keeps it smooth a small step beside the data."""

    optimizer: OptimizerRecipe = OptimizerRecipe(steps=4_000, keep="best", validate_every=100)
    target: Literal["returns", "expectile", "policy"] = Field(
        "returns",
        description="worth of a chunk: what the data returned after it (the paper); or its reward and the value of "
        "where it led, which is an expectile over the data's chunks (implicit Q-learning) or that of a policy near the "
        "data that is learned beside the critic (TD3+BC); keep: last then",
    )
    expectile: float = Field(0.7, gt=0.5, lt=1, description="of target `expectile`: 0.5 is the mean, 1 the best")
    greed: float = Field(
        2.5, ge=0, description="of target `policy`: weight of Q / |Q| beside the distance to the data (TD3+BC's alpha)"
    )
    return_steps: int = Field(
        1_000, ge=0, description="steps on the returns before a target other than them bootstraps"
    )
    members: int = Field(3, gt=0, le=1_000)
    chunk_steps: int = Field(1, gt=0, description="actions of a chunk that the critic sees")
    chunk_stride: int = Field(1, gt=0, description="every how many-th of these it sees")
    widths: tuple[Width, ...] = (256, 256, 256)
    dropout: float = Field(0.1, ge=0, lt=1)
    command_noise: float = Field(0.0, ge=0, description="std of noise on normalised actions while training")
    gradient_penalty: float = Field(0.0, ge=0, description="weight of |dR/da|^2 at the data")
    quantile: float = Field(0.9, gt=0, lt=1, description="of the returns from a state: the ceiling of what is rewarded")


class StudentRecipe(_Section):
    """Weights of the distillation terms (eq. 9) and of what holds the student near the data."""

    optimizer: OptimizerRecipe = OptimizerRecipe(steps=6_000)
    ctm: float = Field(1.0, ge=0, description="alpha")
    dsm: float = Field(1.0, ge=0, description="beta")
    reward: float = Field(
        0.0,
        ge=0,
        description="sigma_r; 0 distils without the critic's gradient; of a list of weights a student is trained with "
        "each, and the one that returns most in a model of the data's dynamics is kept (`rcd choose`)",
    )
    reward_choices: tuple[Annotated[float, Field(ge=0)], ...] = Field(
        (),
        description="where a list given as `reward` is kept",
    )
    reward_scale: Literal["std", "paper", "shift"] = Field(
        "std",
        description="what a reward of 1 weighs: the return in its standard deviations; (RACTD's published weights) the "
        "return scaled to [-1, 1] by the data's least and largest, beside squared distances; or as much as moves an "
        "executed action by 1 standard deviation from the data, by the trained critic's slope there: one number for "
        "all data sets",
    )
    executed_share: float | None = Field(
        None,
        ge=0.001,
        le=1,
        description="share of CTM, DSM and trust region that the steps have which are executed (`execute`), since the "
        "critic's gradient pulls only these; null: every step alike",
    )
    trust_region: float = Field(0.0, ge=0, description="weight of the teacher's loss at the student's sample")
    pessimism: float = Field(1.0, ge=0, description="reward = mean - pessimism * std of the ensemble")
    ceiling: bool = Field(True, description="reward no chunk beyond what the best of the data got from the same state")
    projection: float = Field(
        0.0, ge=0, description="noise level of the teacher's denoising before a chunk is scored; 0 scores it as it is"
    )
    reward_ramp: int = Field(1_000, ge=0, description="steps over which the reward term grows to its weight")
    reward_sample: Literal["one_step", "denoised"] = Field(
        "one_step", description="the chunk that is scored: what the robot will execute, or (the paper) a denoised one"
    )
    dsm_landing: Literal["zero", "start"] = Field(
        "zero", description="DSM of the jump to 0 (RACTD eq. 8) or of the jump that stays (CTM, Kim et al. 2024)"
    )
    dsm_top: float = Field(
        0.5, ge=0, le=1, description="share of the DSM samples taken at sigma_max, where the one step starts"
    )
    ctm_share: float = Field(0.5, gt=0, le=1, description="share of the batch for CTM, the most expensive term")
    advantage: float = Field(
        0.0,
        ge=0,
        description="temperature (std of the return) of exp((R(s, a) - ceiling(s)) / temperature), a chunk's weight in "
        "CTM and DSM; 0 weighs all alike",
    )
    levels: int = Field(18, ge=2, le=10_000, description="noise levels of the distillation grid")
    huber: float = Field(1.0, gt=0, description="c of the pseudo-Huber distance: quadratic below, linear above")

    @model_validator(mode="before")
    @classmethod
    def _rewards(cls, content: object) -> object:
        """A list as `reward` are choices."""
        if isinstance(content, dict) and isinstance(content.get("reward"), (list, tuple)):
            if not content["reward"]:
                raise ValueError("reward is an empty list: name one weight, or several to choose from")
            return {**content, "reward": 0.0, "reward_choices": content["reward"]}
        return content

    @model_validator(mode="after")
    def _weighed(self) -> Self:
        if self.reward_scale == "shift" and not self.dsm and (self.reward or self.reward_choices):
            raise ValueError("reward_scale 'shift' weighs the reward against DSM, and dsm is 0: use 'std' or 'paper'")
        return self


class GoalRecipe(_Section):
    """Which goals training windows have, for tasks that have goals."""

    own: float = Field(
        0.5, ge=0, le=1, description="share with the goal that the episode came to; the rest: any later state of it"
    )


class Recipe(_Section):
    """A planner's whole making."""

    name: str
    task: str
    task_options: dict[str, object] = {}
    dataset: str
    observations: tuple[str, ...] = Field(min_length=1, description="observation channels the planner reads, each once")
    history: int = Field(1, gt=0, description="observations, control periods")
    horizon: int = Field(16, gt=0, description="steps of a chunk, control periods")
    execute: int = Field(8, gt=0, description="steps of a chunk executed before the next plan")
    discount: float = Field(0.99, gt=0, le=1)
    held_out: float = Field(0.1, ge=0, lt=1, description="share of the episodes held out for validation")
    imitated: float = Field(
        1.0,
        gt=0,
        le=1,
        description="share of the steps that teacher and student imitate, those of the episodes of highest return; the "
        "critic learns from all",
    )
    observation_noise: float = Field(
        0.0,
        ge=0,
        le=10,
        description="std of noise on the normalised observations that teacher and student learn from, so that they "
        "answer alike beside the data",
    )
    seed: int = Field(0, ge=0, le=LARGEST_SEED)
    notes: str = Field("", description="for the model card: how the data came to be, its licence")
    goals: GoalRecipe = GoalRecipe()
    noise: NoiseRecipe = NoiseRecipe()
    network: NetworkRecipe = ResidualMLPRecipe()
    teacher: TeacherRecipe = TeacherRecipe()
    critic: CriticRecipe = CriticRecipe()
    student: StudentRecipe = StudentRecipe()

    @property
    def stages(self) -> tuple[str, ...]:
        """What is trained, in this order."""
        return ("critic", "teacher", "student") if self.teacher.advantage else ("teacher", "critic", "student")

    def with_reward(self, weight: float) -> Recipe:
        """The same recipe with one weight of the reward and nothing to choose."""
        student = self.student.model_copy(update={"reward": weight, "reward_choices": ()})
        return self.model_copy(update={"student": student})

    @property
    def most_rewarded(self) -> Recipe:
        """With the largest weight that can be chosen; the recipe itself where nothing can."""
        choices = self.student.reward_choices
        return self.with_reward(max(choices)) if choices else self

    @field_validator("name")
    @classmethod
    def _is_folder_name(cls, name: str) -> str:
        if not name.strip() or "/" in name or name in (".", "..") or len(name.encode()) > 200:
            raise ValueError("must be the name of a folder: the output is runs/<name>")
        return name

    @field_validator("observations")
    @classmethod
    def _each_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"names '{twice[0]}' twice")
        return names
