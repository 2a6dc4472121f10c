"""A vectorised environment with one process per core, each stepping its share of the environments in turn.

SB3's ``SubprocVecEnv`` has a process per environment; with steps of a millisecond, waking eight processes on two
cores takes as long as a good part of the physics. Here the calling process steps a share too, which it would only wait
for otherwise, and a step costs one message to and from each of the others.
"""

from __future__ import annotations

import pickle
import select
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

import cloudpickle
import gymnasium
import numpy as np
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn
from stable_baselines3.common.vec_env.util import dict_to_obs

from robocell_agents.workers import PATIENCE, ignore_interrupts, worker_context
from robocell_controller.errors import ProcessDied

Maker = Callable[[], gymnasium.Env[Any, Any]]
_WATCH = 0.5e-3  # s for which a process looks out for a message before it sleeps until that comes


class GroupedVecEnv(VecEnv):
    """``makers`` spread over ``workers`` processes, of which this is one; otherwise as SB3's own environments."""

    def __init__(self, makers: list[Maker], workers: int) -> None:
        self._groups = [list(group) for group in np.array_split(np.arange(len(makers)), workers) if len(group)]
        self._others = [_Other([makers[index] for index in group]) for group in self._groups[1:]]
        self._own = _Share([makers[index] for index in self._groups[0]])
        super().__init__(len(makers), self._own.observation_space, self._own.action_space)

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Seeds environment i with ``seed + i`` at its next reset."""
        seed = int(np.random.randint(2**31)) if seed is None else seed
        parts = [self._ask(number, "seed", seed + int(group[0])) for number, group in enumerate(self._groups)]
        return [each for part in parts for each in part]

    def reset(self) -> VecEnvObs:
        """First observations of all environments."""
        for other in self._others:
            other.ask("reset")
        observations: VecEnvObs = _stacked([self._own.reset(), *(other.answer() for other in self._others)])
        return observations

    def step_async(self, actions: np.ndarray) -> None:
        """Hands each process its actions."""
        first, *groups = self._groups
        for other, group in zip(self._others, groups, strict=True):
            other.ask("step", actions[group])
        self._own.step_async(actions[first])

    def step_wait(self) -> VecEnvStepReturn:
        """Observations, rewards, ends and infos of all environments."""
        results = [self._own.step_wait(), *(other.answer() for other in self._others)]
        observations, rewards, dones, infos = zip(*results, strict=True)
        return (
            _stacked(observations),
            np.concatenate(rewards),
            np.concatenate(dones),
            [info for part in infos for info in part],
        )

    def close(self) -> None:
        """Ends the environments and the other processes."""
        self._own.close()
        for other in self._others:
            other.close()
        self._others = []
        self._groups = self._groups[:1]  # closed too, which it says to all who go on

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """An attribute of the environments."""
        return self._by_index("get_attr", indices, attr_name)

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Sets an attribute of the environments."""
        self._by_index("set_attr", indices, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Calls a method of the environments."""
        return self._by_index("env_method", indices, method_name, *method_args, **method_kwargs)

    def env_is_wrapped(
        self, wrapper_class: type[gymnasium.Wrapper[Any, Any, Any, Any]], indices: Any = None
    ) -> list[bool]:
        """Whether the environments are wrapped by a class."""
        return self._by_index("env_is_wrapped", indices, wrapper_class)

    def _by_index(self, name: str, indices: VecEnvIndices, *arguments: Any, **keywords: Any) -> list[Any]:
        wanted = list(self._get_indices(indices))
        found: dict[int, Any] = {}
        for number, group in enumerate(self._groups):
            local = [index for index in group if index in wanted]
            if local:
                keywords["indices"] = [index - group[0] for index in local]
                results = self._ask(number, name, *arguments, **keywords)
                found.update(zip(local, results or [None] * len(local), strict=True))
        return [found[index] for index in wanted]

    def _ask(self, number: int, name: str, *arguments: Any, **keywords: Any) -> Any:
        if number == 0:
            return getattr(self._own, name)(*arguments, **keywords)
        other = self._others[number - 1]
        other.ask(name, *arguments, **keywords)
        return other.answer()


class _Other:
    """Another process with its share of the environments."""

    def __init__(self, makers: list[Maker]) -> None:
        context = worker_context()
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, cloudpickle.dumps(makers)), daemon=True)
        self._process.start()
        theirs.close()

    def ask(self, name: str, *arguments: Any, **keywords: Any) -> None:
        """Asks for a call of a method of its share; :meth:`answer` gives what comes of it."""
        try:
            _send(self._pipe, (name, arguments, keywords))
        except OSError as error:
            raise self._died() from error

    def answer(self) -> Any:
        """Waits for the answer; an error in the other process is raised here."""
        try:
            _look_out(self._pipe)
            result = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise self._died() from error
        if isinstance(result, Exception):
            raise result
        return result

    def close(self) -> None:
        """Ends the process, by force if it hangs."""
        self._pipe.close()
        self._process.join(PATIENCE)
        self._process.kill()
        self._process.join()

    def _died(self) -> ProcessDied:
        self._process.join(PATIENCE)
        return ProcessDied(f"process {self._process.pid} of the environments", self._process.exitcode)


class _Share(DummyVecEnv):
    """One process's environments. What they give is copied or pickled at once: no deep copies as in ``DummyVecEnv``."""

    def step_wait(self) -> VecEnvStepReturn:
        for index, env in enumerate(self.envs):
            observation, reward, terminated, truncated, info = env.step(self.actions[index])
            info["TimeLimit.truncated"] = truncated and not terminated
            if terminated or truncated:
                info["terminal_observation"] = observation
                observation, self.reset_infos[index] = env.reset()
            self._save_obs(index, observation)
            self.buf_rews[index], self.buf_dones[index], self.buf_infos[index] = reward, terminated or truncated, info
        return self._obs_from_buf(), self.buf_rews, self.buf_dones, self.buf_infos

    def _obs_from_buf(self) -> VecEnvObs:
        return dict_to_obs(self.observation_space, self.buf_obs)


def _work(pipe: Connection, packed: bytes) -> None:
    """A worker: calls the methods of its own environments until the pipe is closed; errors travel back."""
    ignore_interrupts()
    env: _Share | None = None
    try:
        while True:
            _look_out(pipe)
            name, arguments, keywords = pipe.recv()
            try:
                env = env or _Share(cloudpickle.loads(packed))
                _send(pipe, getattr(env, name)(*arguments, **keywords))
            except Exception as error:
                _send(pipe, error)
    except (EOFError, BrokenPipeError):
        if env:
            env.close()


def _send(pipe: Connection, message: Any) -> None:
    """Sends without the pickler of ``multiprocessing``, which takes longer to set up than most messages to pack."""
    pipe.send_bytes(pickle.dumps(message, pickle.HIGHEST_PROTOCOL))


def _look_out(pipe: Connection) -> None:
    """Waits awake for a moment: waking a process takes a core that has gone to sleep longer than most waits last."""
    poller = select.poll()
    poller.register(pipe, select.POLLIN)
    until = time.perf_counter() + _WATCH
    while not poller.poll(0) and time.perf_counter() < until:
        pass


def _stacked(observations: Sequence[Any]) -> Any:
    if isinstance(observations[0], dict):
        return {key: np.concatenate([part[key] for part in observations]) for key in observations[0]}
    return np.concatenate(observations)
