"""The card of a bundle: what the policy is for, where it comes from, how well it does, where it ends."""

from __future__ import annotations

from typing import Any


def card(manifest: dict[str, Any], evaluation: dict[str, Any]) -> str:
    """Markdown text from the manifest's own fields and the evaluation that travels with the bundle."""
    return _CARD.format(
        name=manifest["name"],
        version=manifest["version"],
        training=_training(manifest["created_by"]["training"]),
        results=_results(evaluation),
        recorded=manifest["parity"]["recorded"],
        random=manifest["parity"]["random"],
    )


def _training(training: dict[str, Any]) -> str:
    if training.get("elsewhere"):
        digests = {f"SHA-256 of {name}": digest for name, digest in training["sha256"].items()}
        return _ELSEWHERE + _table("training", {key: training[key] for key in ("algorithm", "observations")} | digests)
    git = training.get("git") or {}
    rows = {
        "config": training.get("config"),
        "algorithm": training.get("algorithm"),
        "seed": training.get("seed"),
        "command": f"`{training.get('command')}`",
        "commit": git.get("commit"),
        "wall time": f"{training['wall_s']} s" if training.get("wall_s") is not None else None,
    }
    return _table("training", rows)


def _results(evaluation: dict[str, Any]) -> str:
    success = evaluation.get("success")
    if not success:
        return "Not evaluated on test seeds. Run `robocell evaluate` on this bundle before relying on it."
    times = evaluation.get("cycle_time_s") or {}
    suite = evaluation.get("suite")
    rows = {
        "suite": suite.get("name") if isinstance(suite, dict) else suite,
        "success": f"{success['rate']:.4f}, 95 % interval {success['low']:.4f} to {success['high']:.4f}",
        "episodes": success["n"],
        "cycle time, median / p95 (s)": f"{times.get('median')} / {times.get('p95')}",
        "parts per hour": evaluation.get("parts_per_hour"),
        "failures": evaluation.get("failures"),
        "command": f"`{evaluation.get('command')}`",
    }
    return _table("evaluation", rows)


def _table(title: str, rows: dict[str, Any]) -> str:
    lines = [f"| {title} | |", "|---|---|"]
    return "\n".join(
        lines + [f"| {name} | {'not known' if value is None else value} |" for name, value in rows.items()]
    )


_ELSEWHERE = """Trained elsewhere, not by `robocell train`: no training config, seed or command is known. That it was
trained in this cell is the word of whoever exported it. The training envelope in `contract.json` is what it met there
when it was exported.

"""

_CARD = """# {name} {version}

## Intended use

Pick one part from the table and place it in a tray slot, in the cell that `contract.json` describes: the robot, the
rates, the motion settings and the meaning of every number. `robocell run` refuses a cell that differs from it.

## Training

{training}

## Results

{results}

## Export

Greatest difference of an action between Stable-Baselines3 and ONNX Runtime: {recorded:.1e} on recorded and
{random:.1e} on random observations. `golden.npz` holds a part of them; they are replayed at every load.

## Limits

- Trained and evaluated in simulation only; nothing here was measured on a real arm.
- Outside the ranges it was trained on (part sizes, poses, sensor delays and noise) nothing is claimed.
- The safety kernel keeps joint limits; it is no safety-rated function and knows nothing of people or obstacles.
"""
