"""The model card: a checkpoint's README.md, written from its manifest."""

from __future__ import annotations

from typing import Any

from rcd_ros.planning.manifest import Manifest


def model_card(manifest: Manifest) -> str:
    """Markdown that says what a planner does, where it comes from and how it scored."""
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


def _table(rows: tuple[dict[str, Any], ...]) -> list[str]:
    """A Markdown table whose columns are the rows' plain values (nested ones stay in the manifest)."""
    keys = list(dict.fromkeys(k for row in rows for k, v in row.items() if not isinstance(v, (dict, list, tuple))))
    body = ("| " + " | ".join(_cell(row.get(key, "")) for key in keys) + " |" for row in rows)
    return ["| " + " | ".join(keys) + " |", "|" + "---|" * len(keys), *body]


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
