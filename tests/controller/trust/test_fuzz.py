"""Mutated bundles by the thousand: refused with a code, or harmless; never a crash, a hang or a full memory.

A few hundred in the fast tests; ``make fuzz-bundle`` tries a hundred thousand.
"""

from __future__ import annotations

import resource
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import graphs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from robocell_controller.bundle import LISTED, POLICY, SIZE_CAPS, load_bundle, signed_files
from robocell_controller.cell import CellConfig
from robocell_controller.trust.anchors import Anchors
from robocell_controller.trust.keys import KeyRing
from robocell_controller.trust.onnx_check import OPERATORS
from robocell_controller.trust.refusals import RefusedError
from robocell_controller.trust.signing import SigningKey, ephemeral_key

FEW, MANY = 150, 34_000  # examples of each of the three tests
MEMORY = 512 * 2**20  # bytes
HANG = 10.0  # s of computing, a thousand times an honest load
FIELDS = {"name": "tiny", "version": "1", "epoch": 5, "created_by": {}, "parity": {}}
NUMBERS = st.sampled_from([0, 1, 2, 127, 128, 255])
SIZES = st.sampled_from([-1, 0, 1, 2, 5, 32, 33, 34, 1000, 2**16, 2**22, 2**31, 2**62])


@dataclass(frozen=True)
class Range:
    """Where mutated bundles are loaded."""

    folder: Path
    contents: dict[str, bytes]
    key: SigningKey
    cell: CellConfig

    def let_in(self, files: dict[str, bytes]) -> bool:
        """Loads a bundle of these files; anything but a refusal with a code fails the test."""
        for name, content in files.items():
            (self.folder / name).write_bytes(content)
        anchors = Anchors(KeyRing({self.key.public.id: self.key.public}), today=date(2026, 6, 1))
        begin = time.process_time()
        try:
            load_bundle(self.folder, self.cell, anchors)
        except RefusedError as error:
            assert "\n" not in str(error)
            assert len(str(error)) < 2000
            return False
        finally:
            assert time.process_time() - begin < HANG
        return True


@pytest.fixture(scope="module")
def shooting(bundle_files: dict[str, bytes], cell: CellConfig) -> Iterator[Range]:
    folder = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    yield Range(folder, bundle_files, ephemeral_key("line", "release", date(2026, 1, 1)), cell)
    shutil.rmtree(folder)


def mutated(data: st.DataObject, content: bytes) -> bytes:
    """One to four changes of bytes: set, cut out, doubled, put in, cut off."""
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        length = data.draw(st.integers(0, 16))
        kind = data.draw(st.integers(0, 4))
        piece = bytes([data.draw(NUMBERS)]) * length
        before, after = content[:start], content[start + length :]
        middle = content[start : start + length]
        content = (before + piece + after, before + after, before + 2 * middle + after, before + piece, before)[kind]
        content = content + after if kind == 3 else content
    return content


def change_graph(data: st.DataObject, model: Any) -> None:
    """One change of meaning: a shape, an operator, an input, an attribute, a weight, a node more."""
    graph, kind = model.graph, data.draw(st.integers(0, 7))
    node = graph.node[data.draw(st.integers(0, len(graph.node) - 1))]
    weights = graph.initializer[data.draw(st.integers(0, len(graph.initializer) - 1))]
    names = [*(each.name for each in graph.initializer), *(name for each in graph.node for name in each.output)]
    if kind == 0:
        weights.dims[:] = data.draw(st.lists(SIZES, max_size=5))
    elif kind == 1:
        node.op_type = data.draw(st.sampled_from([*sorted(OPERATORS), "Loop", "Tile", ""]))
    elif kind == 2:
        node.input[:] = data.draw(st.lists(st.sampled_from([*names, "observation", ""]), max_size=4))
    elif kind == 3:
        name = data.draw(st.sampled_from(["axis", "alpha", "transB", "epsilon"]))
        value = data.draw(st.one_of(st.floats(), st.integers(-(2**63), 2**63 - 1)))
        node.attribute.append(graphs.helper.make_attribute(name, value))
    elif kind == 4:
        weights.raw_data = mutated(data, weights.raw_data)
    elif kind == 5:
        weights.data_type = data.draw(st.integers(0, 30))
    elif kind == 6:
        graph.output[0].type.tensor_type.shape.dim[0].dim_value = data.draw(SIZES)
    else:
        operator = data.draw(st.sampled_from(sorted(OPERATORS)))
        inputs = data.draw(st.lists(st.sampled_from([*names, "observation"]), min_size=1, max_size=3))
        graph.node.insert(0, graphs.helper.make_node(operator, inputs, [f"more{len(graph.node)}"]))


def check_files(shooting: Range, data: st.DataObject) -> None:
    """An attacker without the key changes files: let in is only what is unchanged."""
    files = signed_files(shooting.contents, FIELDS, shooting.key)
    name = data.draw(st.sampled_from(sorted(SIZE_CAPS)))
    changed = {**files, name: mutated(data, files[name])}
    assert shooting.let_in(changed) is (changed == files)


def check_contents(shooting: Range, data: st.DataObject) -> None:
    """What is signed may be as odd as it likes."""
    name = data.draw(st.sampled_from(sorted(LISTED)))
    contents = {**shooting.contents, name: mutated(data, shooting.contents[name])}
    shooting.let_in(signed_files(contents, FIELDS, shooting.key))


def check_graphs(shooting: Range, data: st.DataObject) -> None:
    """Graphs that are well encoded and signed, and mean something else."""

    def change(model: Any) -> None:
        for _ in range(data.draw(st.integers(1, 3))):
            change_graph(data, model)

    contents = {**shooting.contents, POLICY: graphs.changed(shooting.contents[POLICY], change)}
    shooting.let_in(signed_files(contents, FIELDS, shooting.key))


CHECKS = [check_files, check_contents, check_graphs]


def fuzz(check: Any, shooting: Range, examples: int) -> None:
    @settings(
        max_examples=examples,
        deadline=None,  # wall time says little on a busy machine; see let_in
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def run(data: st.DataObject) -> None:
        check(shooting, data)

    run()


@pytest.mark.parametrize("check", CHECKS)
def test_mutated_bundles_are_refused(shooting: Range, check: Any) -> None:
    fuzz(check, shooting, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS)
def test_a_hundred_thousand_mutated_bundles_are_refused_in_bounded_memory(shooting: Range, check: Any) -> None:
    fuzz(check, shooting, MANY)
    assert 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < MEMORY
