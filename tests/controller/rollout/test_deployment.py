from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import graphs
import numpy as np
import pytest

from robocell_controller.bundle.bundle import GOLDEN, POLICY
from robocell_controller.bundle.golden import Golden, parse_golden
from robocell_controller.bundle.onnx_policy import OnnxPolicy
from robocell_controller.cell.config import CellConfig
from robocell_controller.commands.cli import execute
from robocell_controller.errors import InputError
from robocell_controller.rollout.canary import Canary
from robocell_controller.rollout.deployment import Following, admitted, deploy
from robocell_controller.rollout.sequential import MOST_CYCLES
from robocell_controller.rollout.shadow import Shadowing
from robocell_controller.rollout.store import Store
from robocell_controller.rollout.table import rollout_rows
from robocell_controller.summary import PLACED, Cycle

MakeBundle = Callable[..., Path]
OBSERVATION = np.linspace(-0.5, 0.5, 33).astype(np.float32)
ACTION = OnnxPolicy(Path(POLICY), graphs.tiny()).act(OBSERVATION)  # of the bundle that is in use
GOOD, BAD = Cycle(PLACED, 1.7), Cycle("collision", 0.6)


def path(observation: Any = OBSERVATION, reason: str = "") -> Any:
    """The part of the control path that deployments use, at one fixed moment."""
    return SimpleNamespace(observation=lambda view: observation, preview=lambda action: SimpleNamespace(reason=reason))


@pytest.fixture
def other(make_bundle: MakeBundle, bundle_files: dict[str, bytes]) -> Path:
    """A bundle of the same name that acts the other way round."""

    def negate(model: Any) -> None:
        weights = model.graph.initializer[0]
        weights.raw_data = (-np.frombuffer(weights.raw_data, np.float32)).tobytes()

    graph = graphs.changed(bundle_files[POLICY], negate)
    observations = parse_golden(Path(GOLDEN), bundle_files[GOLDEN]).observations
    policy = OnnxPolicy(Path(POLICY), graph)
    golden = Golden(observations, np.array([policy.act(observation) for observation in observations]))
    return make_bundle("other", policy_onnx=graph, golden_npz=golden.to_bytes())


@pytest.fixture
def store(tmp_path: Path, bundle: Path, cell: CellConfig) -> Store:
    """With a first bundle in use."""
    store = Store(tmp_path / "store")
    store.promote(store.install(bundle, cell).bundle, cell)
    return store


@pytest.fixture
def following(store: Store, cell: CellConfig) -> Iterator[Following]:
    following = Following("tiny", cell, store)
    yield following
    following.close()


def test_a_promotion_takes_effect_between_cycles_and_a_roll_back_within_one(
    following: Following, store: Store, other: Path, cell: CellConfig
) -> None:
    store.promote(store.install(other, cell).bundle, cell)
    following.look()
    np.testing.assert_array_equal(following.act(path(), None), ACTION)  # type: ignore[arg-type]
    following.cycle_ended(GOOD)
    np.testing.assert_allclose(following.act(path(), None), -ACTION, atol=1e-6)  # type: ignore[arg-type]
    store.rollback("tiny", cell)
    following.look()
    following.cycle_ended(BAD)
    np.testing.assert_array_equal(following.act(path(), None), ACTION)  # type: ignore[arg-type]
    assert following.report(fault=False)["rollout"] == {"mode": "store", "swaps": 2}


def test_a_run_notices_a_promotion_by_itself(following: Following, store: Store, other: Path, cell: CellConfig) -> None:
    store.promote(store.install(other, cell).bundle, cell)
    end = time.monotonic() + 60.0
    while following.report(fault=False)["rollout"]["swaps"] == 0 and time.monotonic() < end:
        time.sleep(0.01)
        following.cycle_ended(GOOD)
    np.testing.assert_allclose(following.act(path(), None), -ACTION, atol=1e-6)  # type: ignore[arg-type]


def test_a_store_that_breaks_under_way_changes_nothing(
    following: Following, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    store.log.write_bytes(b"{}\n")
    following.look()
    following.cycle_ended(GOOD)
    np.testing.assert_array_equal(following.act(path(), None), ACTION)  # type: ignore[arg-type]
    assert "robocell: " in capsys.readouterr().err


def test_a_name_without_promotion_is_refused(cell: CellConfig) -> None:
    with pytest.raises(InputError, match="store:nothing: nothing promoted"):
        deploy("store:nothing", cell)


def test_the_shadow_is_listened_to_and_never_obeyed(bundle: Path, other: Path, cell: CellConfig) -> None:
    active = deploy(str(bundle), cell)
    shadowing = Shadowing(active, admitted(other, cell))
    action = shadowing.act(path(), None)  # type: ignore[arg-type]
    np.testing.assert_array_equal(action, active.act(path(), None))  # type: ignore[arg-type]
    shadowing.act(path(np.full(33, 2.9, np.float32), "joint jerk"), None)  # type: ignore[arg-type]
    told = shadowing.report(fault=False)["rollout"]
    assert told["decisions"] == 2
    assert told["would_be_interventions"] == {"joint jerk": 1}
    assert told["out_of_envelope_rate"] == 0.5
    assert told["action_divergence"]["tcp_dx"]["max"] >= 2 * abs(action[0]) - 1e-5
    assert told["latency_us"]["p50"] > 0.0


def play(canary: Canary, candidate_rate: float, cell_cycles: int) -> list[bool]:
    """Cycles of a cell in which only the candidate fails; whose turn it was, True for the candidate's."""
    stream, turns = np.random.default_rng(3), list[bool]()
    for _ in range(cell_cycles):
        turns.append(np.allclose(canary.act(path(), None), -ACTION))  # type: ignore[arg-type]
        bad = turns[-1] and stream.random() >= candidate_rate
        canary.cycle_ended(BAD if bad else Cycle(PLACED, stream.normal(1.7, 0.1)))
    canary.close()
    return turns


@pytest.fixture
def canary(store: Store, other: Path, cell: CellConfig) -> Canary:
    return Canary("store:tiny", other, cell, store, seed=0)


def test_an_equal_candidate_is_promoted_with_its_evidence(canary: Canary, store: Store) -> None:
    turns = play(canary, 1.0, 300)
    last = store.entries()[-1]
    assert last.event == "promote"
    assert last.bundle == store.promoted("tiny") == last.evidence["candidate"]["bundle"]
    assert last.evidence["verdict"] == "accept"
    decided = 2 * last.evidence["active"]["success"]["n"]
    assert sum(turns[:decided]) == decided // 2  # as many turns each
    assert turns[:decided] not in ([False, True] * (decided // 2), [True, False] * (decided // 2))
    assert all(turns[decided:])  # the winner goes on
    assert canary.report(fault=False)["rollout"]["verdict"] == "accept"


def test_a_worse_candidate_is_stopped_and_acts_no_more(canary: Canary, store: Store) -> None:
    before = store.promoted("tiny")
    turns = play(canary, 0.6, 300)
    assert store.entries()[-1].event == "reject"
    assert store.promoted("tiny") == before
    assert sum(turns) < 60
    assert not any(turns[-100:])


def test_the_screen_tells_of_a_candidate_without_a_good_cycle(canary: Canary) -> None:
    play(canary, 0.0, 60)
    summary: Any = SimpleNamespace(**canary.report(fault=False))
    rows = {name.split()[0]: value for name, value in rollout_rows(summary)}
    assert rows["canary"] == "reject"
    assert rows["candidate"].startswith("0.0 % of") and rows["candidate"].endswith(", no good cycle")
    assert "median cycle" in rows["active"]


def test_a_canary_that_is_cut_short_promotes_nothing(canary: Canary, store: Store) -> None:
    before = store.promoted("tiny")
    play(canary, 1.0, 6)
    assert canary.report(fault=False)["rollout"]["verdict"] == "undecided"
    assert store.entries()[-1].event == "undecided"
    assert store.promoted("tiny") == before
    assert MOST_CYCLES > 6


def test_a_candidate_in_whose_turn_the_loop_has_to_stop_is_rejected(canary: Canary, store: Store) -> None:
    while np.allclose(canary.act(path(), None), ACTION):  # type: ignore[arg-type]
        canary.cycle_ended(GOOD)
    assert canary.report(fault=True)["rollout"]["verdict"] == "reject"
    assert store.entries()[-1].event == "reject"


def test_a_canary_needs_a_policy_that_can_be_rolled_back(bundle: Path, other: Path, cell: CellConfig) -> None:
    with pytest.raises(InputError, match="expected store:NAME"):
        Canary(str(bundle), other, cell, Store(), 0)


def test_a_policy_is_no_canary_of_itself(store: Store, bundle: Path, cell: CellConfig) -> None:
    with pytest.raises(InputError, match="what store:tiny runs already"):
        Canary("store:tiny", bundle, cell, store, 0)


def test_a_run_with_a_shadow_says_so_and_who_signed(
    capsys: pytest.CaptureFixture[str], bundle: Path, other: Path, cell: CellConfig, tmp_path: Path
) -> None:
    file = tmp_path / "cell.yaml"
    file.write_text(json.dumps({**cell.model_dump(), "cycle_time_limit_s": 0.4}))
    arguments = ["run", str(bundle), "--cell", str(file), "--parts", "1", "--shadow", str(other)]
    assert execute([*arguments, "--json"]) == 0
    captured = capsys.readouterr()
    figures = json.loads(captured.out)
    assert figures["rollout"]["decisions"] == 10
    assert figures["signed_by"]["kind"] == "development"
    assert captured.err.count("signed with a DEVELOPMENT key") == 2  # the candidate's too
    assert execute(arguments) == 0
    assert "DEVELOPMENT key" in " ".join(capsys.readouterr().out.split())
    assert execute([*arguments, "--canary", str(other)]) == 2
