from __future__ import annotations

import numpy as np
import pytest
from hostile_policies import GENES, POLICIES, Deployed, guided, of_genes, patient, supervised_run, worst_genes


def test_a_policy_that_smashes_parts_gets_one_more_chance_and_then_the_program_acts() -> None:
    summary = supervised_run(Deployed(POLICIES["smashing"]()), 5)
    assert (summary.placed, summary.failures, summary.stopped) == (3, {"collision": 2}, None)


def test_the_family_of_the_search_has_the_guided_program_in_it() -> None:
    genes = np.array([*np.ones(5), *np.zeros(7)])
    assert len(genes) == GENES
    ours, its = supervised_run(of_genes(genes), 2), supervised_run(Deployed(guided()), 2)
    assert (ours.placed, ours.time_s) == (its.placed, its.time_s)


STOPPED_FOR_GOOD = {  # what such policies of the search's family once did to the machine
    "the arm near itself": [0.42, 1.69, 2.38, 1.17, 1.01, -1.43, 0.76, 1.74, -0.39, -0.7, 0.17, -0.61],
    "thrown back by a crash": [0.24, 2.42, 1.51, -1.31, -0.08, 0.01, -1.0, -0.88, 3.99, -1.44, -0.46, -1.44],
    "twisted under the folded arm": [-0.37, 0.1, 1.57, -0.51, 0.41, -1.26, -0.08, -0.79, 1.58, -0.16, -0.43, -2.44],
}


@pytest.mark.parametrize("name", STOPPED_FOR_GOOD)
def test_from_wherever_a_policy_leaves_the_arm_it_comes_home(name: str) -> None:
    summary = supervised_run(of_genes(np.array(STOPPED_FOR_GOOD[name])), 8)
    assert summary.stopped is None
    assert summary.placed >= 5


@pytest.mark.slow
@pytest.mark.parametrize("name", POLICIES)
def test_whatever_the_policy_most_parts_are_placed(name: str) -> None:
    summary = supervised_run(Deployed(POLICIES[name]()), 100)
    assert summary.stopped is None
    assert summary.placed >= 95


@pytest.mark.slow
def test_a_policy_that_knows_the_rules_smashes_few_parts() -> None:
    summary = supervised_run(patient(), 500)
    assert summary.stopped is None
    assert summary.placed >= 475


@pytest.mark.slow
def test_with_the_worst_policy_found_most_parts_are_placed() -> None:
    summary = supervised_run(of_genes(worst_genes(200, seed=1)), 100)
    assert summary.stopped is None
    assert summary.placed >= 95
