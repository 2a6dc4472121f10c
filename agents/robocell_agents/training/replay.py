"""Demonstrations as prior data: the transitions of a program in an off-policy algorithm's replay buffer."""

from __future__ import annotations

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from robocell_agents.acting.demonstrations import Transitions


def fill_replay_buffer(model: BaseAlgorithm, data: Transitions) -> None:
    """Adds the transitions in rows of ``n_envs``, as the buffer wants them; on-policy models are left alone.

    Actions are in [-1, 1], which is also the buffer's own scale. A rest of less than a row is left out.
    """
    if not isinstance(model, OffPolicyAlgorithm):
        return
    assert model.replay_buffer is not None
    width = model.n_envs
    for start in range(0, len(data) - width + 1, width):
        row = slice(start, start + width)
        ended = data.terminated[row] | data.truncated[row]
        infos = [{"TimeLimit.truncated": bool(flag)} for flag in data.truncated[row]]
        model.replay_buffer.add(
            data.observations[row],
            data.next_observations[row],
            data.actions[row],
            data.rewards[row],
            ended,
            infos,
        )
