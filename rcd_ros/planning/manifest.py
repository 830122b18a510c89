"""The manifest of a checkpoint: all about a planner but its weights, as YAML and as a model card for people."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

import yaml
from pydantic import Field, FiniteFloat, ValidationError, field_validator, model_validator
from typing_extensions import Self

from rcd_ros.errors import RcdError
from rcd_ros.planning.channels import Frozen
from rcd_ros.planning.spec import TaskSpec

FORMAT_VERSION = 2
"""2 states the critic in fields of its own; 1 left it to the copy of the recipe in `provenance`."""
DEEPEST = 100
"""Levels of nesting in YAML; files of this package have about five."""
Loader: type[yaml.CSafeLoader | yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The one in C, where PyYAML has it, takes a sixth of the time, which a planner that runs meanwhile waits for."""


def is_of_newer_format(text: str) -> bool:
    """Whether a manifest states a format that is newer than this version reads; its other fields are not checked."""
    stated = re.search(r"^format_version: *(\d+) *$", text, re.MULTILINE)
    return stated is not None and int(stated[1]) > FORMAT_VERSION


class NormalizerSpec(Frozen):
    """Means and standard deviations of observations and commands, physical units, in the task spec's order."""

    observation_mean: tuple[FiniteFloat, ...]
    observation_std: tuple[FiniteFloat, ...]
    command_mean: tuple[FiniteFloat, ...]
    command_std: tuple[FiniteFloat, ...]

    @model_validator(mode="after")
    def _usable(self) -> Self:
        for mean, std in (("observation_mean", "observation_std"), ("command_mean", "command_std")):
            if len(getattr(self, mean)) != len(getattr(self, std)):
                raise ValueError(f"{mean} and {std} differ in length")
            if any(value <= 0 for value in getattr(self, std)):
                raise ValueError(f"{std} holds a value that is not positive")
        return self


class NoiseGridSpec(Frozen):
    """The diffusion's noise levels (Karras et al. 2022, eq. 5).

    No field has a default: a network evaluated with another value than it was trained with plans something else.
    """

    sigma_data: float = Field(gt=0, description="standard deviation of the normalised actions")
    sigma_min: float = Field(gt=0)
    sigma_max: float = Field(gt=0)
    rho: float = Field(gt=0)
    levels: int = Field(ge=2)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.sigma_min >= self.sigma_max:
            raise ValueError(f"sigma_min {self.sigma_min} is not below sigma_max {self.sigma_max}")
        return self


class CriticSpec(Frozen):
    """The critic beside the planner: what its network is built from, and what its returns mean."""

    members: int = Field(ge=1, description="regressors in the ensemble")
    steps: int = Field(ge=1, description="actions of a chunk that it sees")
    stride: int = Field(ge=1, description="every how many-th of these it sees")
    widths: tuple[int, ...] = Field(description="of the hidden layers")
    dropout: float = Field(ge=0, lt=1)
    discount: float = Field(gt=0, le=1, description="of the returns-to-go that it predicts, per control period")

    def architecture(self) -> dict[str, Any]:
        """Arguments of `networks.critic.CriticEnsemble` beside the sizes of its inputs."""
        return self.model_dump(exclude={"discount"})


class Provenance(Frozen):
    """Where a planner comes from: enough to train it again."""

    dataset: str
    dataset_hash: str
    recipe: dict[str, Any]
    seed: int
    code_revision: str
    created: str = Field(description="UTC, ISO 8601")
    notes: str = Field(default="", description="for the model card: how the data came to be, its licence")
    versions: dict[str, str] = Field(default_factory=dict, description="versions of what it was trained with")


class Manifest(Frozen):
    """What `manifest.yaml` says. `task` holds only the channels that the planner observes."""

    format_version: int = FORMAT_VERSION
    task: TaskSpec
    history: int = Field(ge=1, description="observations the planner sees (n_obs_steps), the newest included")
    horizon: int = Field(ge=1, description="control periods in a planned chunk")
    execute: int = Field(ge=1, description="control periods executed before replanning (n_action_steps), by default")
    normalizer: NormalizerSpec
    noise: NoiseGridSpec
    network: dict[str, object] = Field(description="kind and arguments of the network")
    critic: CriticSpec | None = Field(default=None, description="of critic.safetensors; None where there is none")
    provenance: Provenance
    scores: tuple[dict[str, object], ...] = ()
    files: dict[str, str] = Field(default_factory=dict, description="file name -> SHA-256")

    @field_validator("files")
    @classmethod
    def _plain_names(cls, files: dict[str, str]) -> dict[str, str]:
        for name in files:
            if PurePosixPath(name).name != name:
                raise ValueError(f"'{name}' is not a plain file name")
        return files

    @model_validator(mode="after")
    def _fits_task(self) -> Self:
        if not self.task.observations:
            raise ValueError(f"task '{self.task.name}' observes nothing")
        observed, commanded = self.task.observation_size, self.task.command.size
        sizes = len(self.normalizer.observation_mean), len(self.normalizer.command_mean)
        if sizes != (observed, commanded):
            raise ValueError(
                f"the task has {observed} observed and {commanded} commanded values, the normalizer {sizes[0]} and "
                f"{sizes[1]}"
            )
        if self.execute > self.horizon:
            raise ValueError(f"execute {self.execute} is longer than the horizon {self.horizon}")
        return self

    def to_yaml(self) -> str:
        """The text of `manifest.yaml`."""
        text: str = yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, width=120, allow_unicode=True)
        return text

    @classmethod
    def from_yaml(cls, text: str, source: str) -> Manifest:
        """Read `manifest.yaml`; `source` is what to call it in an error.

        Raises:
            RcdError: no YAML, a newer format, or a field that is missing, unknown or wrong (it is named).
        """
        try:
            check_depth(text)
            fields = yaml.load(text, Loader)
        except (yaml.YAMLError, ValueError) as error:
            raise RcdError(f"{source} is not valid YAML ({' '.join(str(error).split())})") from error
        if not isinstance(fields, dict):
            raise RcdError(f"{source} is not a manifest: it holds no fields")
        version = fields.get("format_version")
        if isinstance(version, int) and version > FORMAT_VERSION:
            raise RcdError(
                f"{source} is of checkpoint format {version}, this rcd_ros reads up to {FORMAT_VERSION}: upgrade it"
            )
        if version not in (1, FORMAT_VERSION) or isinstance(version, bool):
            raise RcdError(f"{source}: format_version is {version!r}, expected 1 or {FORMAT_VERSION}")
        if version == 1:
            fields = _upgraded(fields)
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"]) or "manifest"
            raise RcdError(f"{source}: field '{field}': {first['msg'].removeprefix('Value error, ')}") from error


def _upgraded(fields: dict[str, Any]) -> dict[str, Any]:
    """A manifest of format 1 in the fields of the present one.

    Its critic is read from the recipe in `provenance`. Where the recipe does not state one of the critic's values,
    the manifest has no critic: the planner loads, and asking for the critic is refused.
    """
    upgraded = {**fields, "format_version": FORMAT_VERSION}
    try:
        recipe, files = fields["provenance"]["recipe"], fields["files"]
        if "critic.safetensors" in files:
            critic = recipe["critic"]
            upgraded["critic"] = {
                "members": critic["members"],
                "steps": min(critic["chunk_steps"], fields["horizon"]),
                "stride": critic.get("chunk_stride", 1),  # critics saw every command before they had a stride
                "widths": critic["widths"],
                "dropout": critic["dropout"],
                "discount": recipe["discount"],
            }
    except (KeyError, TypeError):
        pass
    return upgraded


def model_card(manifest: Manifest) -> str:
    """A checkpoint's README.md: Markdown that says what a planner does, where it comes from and how it scored."""
    task, command, provenance = manifest.task, manifest.task.command, manifest.provenance
    network = ", ".join(f"{key} {value}" for key, value in manifest.network.items())
    lines = [
        f"# One-step planner for `{task.name}`",
        "",
        f"Plans {manifest.horizon} control periods of {task.control_period:g} s from the last {manifest.history} "
        f"observation(s) in one network evaluation; executes {manifest.execute} by default.",
        "",
        "| observed | topic | values |",
        "|---|---|---|",
        *(f"| {c.name} ({c.kind}) | `{c.topic}` | {', '.join(c.joints)} |" for c in task.observations),
        "",
        *(
            f"Commands ({command.interface}) on `{c.topic}`, {c.message}: {', '.join(c.topic_names)}."
            for c in command.controllers
        ),
        "",
        "## Provenance",
        "",
        f"- data: `{provenance.dataset}` (hash `{provenance.dataset_hash}`)",
        f"- recipe: {provenance.recipe.get('name', 'see manifest.yaml')}, seed {provenance.seed}",
        f"- code: {provenance.code_revision}, created {provenance.created}",
        f"- network: {network}",
    ]
    if provenance.notes:
        lines += ["", provenance.notes]
    if manifest.scores:
        lines += ["", "## Measured scores", "", *_table(manifest.scores)]
    return "\n".join(lines) + "\n"


def _table(rows: tuple[dict[str, object], ...]) -> list[str]:
    """A Markdown table whose columns are the rows' plain values (nested ones stay in the manifest)."""
    keys = list(dict.fromkeys(k for row in rows for k, v in row.items() if not isinstance(v, (dict, list, tuple))))
    body = ("| " + " | ".join(_cell(row.get(key, "")) for key in keys) + " |" for row in rows)
    return ["| " + " | ".join(keys) + " |", "|" + "---|" * len(keys), *body]


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def check_depth(text: str) -> None:
    """Refuse a YAML text that is nested more than `DEEPEST` levels deep: libyaml's loader overflows the stack.

    Only its events are read; nothing is built.

    Raises:
        ValueError: it is.
        yaml.YAMLError: it is not YAML.
    """
    depth = 0
    for event in yaml.parse(text, Loader=Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise ValueError(f"it is nested more than {DEEPEST} levels deep")
