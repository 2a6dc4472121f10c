"""Settings of learning algorithms: what a config may hand to a constructor of Stable-Baselines3 or SBX, and its bounds.

A test holds them to the constructors: each of their arguments is a setting here with the same default, or ours.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le
from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from robocell_agents.seeds import RANGE
from robocell_controller.config import Config

MOST = 10**9  # of anything that is counted: more is a slip of the keyboard
_BUFFER = "robocell chooses the buffer"
_SHAPE = "hidden, log_std, privileged_critic and unseen say it"
# Arguments of the constructors that no config gives, and why.
OURS = {
    "policy": "robocell chooses it by the algorithm",
    "env": "cell, also and changes say it",
    "seed": "the option --seed says it",
    "device": "robocell trains on the CPU",
    "tensorboard_log": "it lies in the run folder",
    "policy_kwargs": _SHAPE,
    "verbose": "robocell reports by itself",
    "rollout_buffer_class": _BUFFER,
    "rollout_buffer_kwargs": _BUFFER,
    "replay_buffer_class": _BUFFER,
    "replay_buffer_kwargs": _BUFFER,
    "optimize_memory_usage": "episodes that run out of time are told from those that end, which it can't do",
    "action_noise": "log_std says how it explores",
    "use_sde": "log_std says how it explores",
    "sde_sample_freq": "log_std says how it explores",
    "use_sde_at_warmup": "log_std says how it explores",
    "_init_setup_model": "robocell needs the whole model",
}


def _rate(value: Any) -> Any:
    first, last = value if isinstance(value, list) and len(value) == 2 else (value, 0.0)
    numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (first, last))
    if not (numbers and 0.0 < first <= 1.0 and 0.0 <= last <= 1.0):
        raise ValueError("a number over 0 and up to 1, or the first and the last one")
    return [float(first), float(last)] if isinstance(value, list) else float(first)


def _entropy(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("auto"):
        return _learned(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= MOST:
        raise ValueError("auto, auto_ and a number over 0 that it begins with, or a fixed number")
    return float(value)


def _learned(value: str) -> str:
    _, mark, begin = value.partition("_")
    try:
        known = value == "auto" or (bool(mark) and 0.0 < float(begin) <= MOST)
    except ValueError:
        known = False
    if not known:
        raise ValueError("auto, or auto_ and a number over 0 that it begins with")
    return value


def _target(value: Any) -> Any:
    if value == "auto":
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MOST:
        raise ValueError("auto or a number")
    return float(value)


def _period(value: int) -> int:
    if value == 0 or value < -1:
        raise ValueError("a number over 0, or -1")
    return value


Count = Annotated[int, Gt(0), Le(MOST)]
Episodes = Annotated[int, Gt(0), Le(RANGE)]  # as many as there are seeds
SeedRange = Literal["tuning", "validation", "test"]
CountOrZero = Annotated[int, Ge(0), Le(MOST)]
Positive = Annotated[float, Gt(0), Le(MOST)]
Share = Annotated[float, Ge(0), Le(1)]
PositiveShare = Annotated[float, Gt(0), Le(1)]
NotNegative = Annotated[float, Ge(0), Le(MOST)]
Batch = Annotated[int, Ge(2), Le(1_000_000)]
Buffer = Annotated[int, Gt(0), Le(10_000_000)]  # transitions; some gigabytes
Rate = Annotated[Any, BeforeValidator(_rate)]
Every = Annotated[int, Le(MOST), AfterValidator(_period)]


class _Settings(Config):
    """What all algorithms share."""

    learning_rate: Rate = 0.0003
    gamma: PositiveShare = 0.99
    stats_window_size: Count = 100

    @model_validator(mode="before")
    @classmethod
    def _known(cls, content: dict[str, Any]) -> dict[str, Any]:
        """Names what is no setting, and who says it instead."""
        for key in content.keys() - cls.model_fields.keys():
            expected = f"no such setting: {OURS[key]}" if key in OURS else f"one of {', '.join(cls.model_fields)}"
            kind = PydanticCustomError("unknown_setting", "{expected}", {"expected": expected})
            raise ValidationError.from_exception_data(
                cls.__name__, [InitErrorDetails(type=kind, loc=(key,), input=content[key])]
            )
        return content


class PpoSettings(_Settings):
    """PPO of Stable-Baselines3."""

    n_steps: Annotated[int, Gt(0), Le(1_000_000)] = 2048
    batch_size: Batch = 64
    n_epochs: Count = 10
    gae_lambda: Share = 0.95
    clip_range: PositiveShare = 0.2
    clip_range_vf: Positive | None = None
    normalize_advantage: bool = True
    ent_coef: NotNegative = 0.0
    vf_coef: NotNegative = 0.5
    max_grad_norm: Positive = 0.5
    use_sde: bool = False
    sde_sample_freq: Every = -1
    target_kl: Positive | None = None


class _OffPolicySettings(_Settings):
    buffer_size: Buffer = 1_000_000
    learning_starts: CountOrZero = 100
    batch_size: Batch = 256
    tau: PositiveShare = 0.005
    train_freq: Count = 1
    gradient_steps: Every = 1
    ent_coef: Annotated[Any, BeforeValidator(_entropy)] = "auto"
    target_entropy: Annotated[Any, BeforeValidator(_target)] = "auto"


class HindsightSettings(_OffPolicySettings):
    """SAC of Stable-Baselines3 with hindsight."""

    target_update_interval: Count = 1


class SacSettings(HindsightSettings):
    """SAC of Stable-Baselines3."""

    n_steps: Annotated[int, Gt(0), Le(1000)] = 1


class SbxSacSettings(_OffPolicySettings):
    """SAC of SBX."""

    n_steps: Annotated[int, Gt(0), Le(1000)] = 1
    qf_learning_rate: PositiveShare | None = None
    policy_delay: Count = 1
    param_resets: list[Count] | None = None


class PeerSacSettings(HindsightSettings):
    """SAC with hindsight, as others train it."""

    policy_kwargs: dict[str, Any] = Field(default_factory=dict)


class PeerTqcSettings(PeerSacSettings):
    """TQC of SB3-Contrib with hindsight, as others train it."""

    top_quantiles_to_drop_per_net: CountOrZero = 2


class HindsightReplay(Config):
    """Arguments of the replay buffer that makes up goals."""

    n_sampled_goal: Annotated[int, Gt(0), Le(1000)] = 4
    goal_selection_strategy: Literal["future", "final", "episode"] = "future"
    copy_info_dict: bool = False


SETTINGS: dict[str, type[_Settings]] = {
    "ppo": PpoSettings,
    "sac": SacSettings,
    "sac_her": HindsightSettings,
    "sbx_sac": SbxSacSettings,
}
PEER_SETTINGS: dict[str, type[_Settings]] = {"sac": PeerSacSettings, "tqc": PeerTqcSettings}


def given(schema: type[Config], content: dict[str, Any]) -> dict[str, Any]:
    """The checked settings, those alone that are given: the others are the constructor's.

    Raises:
        ValidationError: as a pydantic validator may let it pass.
    """
    return schema.model_validate(content).model_dump(exclude_unset=True)
