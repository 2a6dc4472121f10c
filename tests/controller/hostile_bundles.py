"""Mutated bundles by the thousand: each must be refused with a code, or be harmless.

python tests/controller/hostile_bundles.py 34000     # of each of three kinds; prints the figures as JSON
"""

from __future__ import annotations

import json
import resource
import shutil
import sys
import tempfile
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import graphs
import numpy as np
from hypothesis import HealthCheck, assume, given, seed, settings
from hypothesis import strategies as st
from tiny_bundle import tiny_files

from robocell_agents import provenance
from robocell_controller.bundle.bundle import LISTED, POLICY, SIZE_CAPS, load_bundle, signed_files
from robocell_controller.cell.config import CellConfig
from robocell_controller.config import load
from robocell_controller.trust.anchors import Anchors
from robocell_controller.trust.keys import KeyRing
from robocell_controller.trust.onnx_check import OPERATORS
from robocell_controller.trust.refusals import RefusedError
from robocell_controller.trust.signing import SigningKey, ephemeral_key

MEMORY_MIB = 512
HANG_S = 10.0  # of computing, a thousand times an honest load
_TODAY = date(2026, 1, 1)
_LET_IN = "let in"
_FIELDS = {"name": "tiny", "version": "1", "epoch": 5, "created_by": {}, "parity": {}}
_NUMBERS = st.sampled_from([0, 1, 2, 127, 128, 255])
_SIZES = st.sampled_from([-1, 0, 1, 2, 5, 32, 33, 34, 1000, 2**16, 2**22, 2**31, 2**62])

Check = Callable[["Range", st.DataObject], None]


@dataclass(frozen=True)
class Tally:
    """What became of the bundles."""

    ends: Counter[str] = field(default_factory=Counter)  # by code, "let in" among them
    cost_s: array[float] = field(default_factory=lambda: array("d"))

    def as_json(self) -> dict[str, Any]:
        """Loads, those that were let in, refusals by code, and the computing time of a load (ms)."""
        cost_ms = 1e3 * np.array(self.cost_s)
        ends = dict(self.ends.most_common())
        return {
            "loads": len(self.cost_s),
            "let_in": ends.pop(_LET_IN, 0),
            "refused": ends,
            "load_ms": {"p50": np.median(cost_ms), "p99": np.percentile(cost_ms, 99), "max": cost_ms.max()},
        }


@dataclass(frozen=True)
class Range:
    """Where mutated bundles are loaded."""

    folder: Path
    contents: dict[str, bytes]
    key: SigningKey
    cell: CellConfig
    tally: Tally = field(default_factory=Tally)

    def let_in(self, files: dict[str, bytes]) -> bool:
        """Loads a bundle of these files; anything but a refusal with a code fails."""
        for name, content in files.items():
            (self.folder / name).write_bytes(content)
        anchors = Anchors(KeyRing({self.key.public.id: self.key.public}), today=_TODAY)
        end, begin = _LET_IN, time.process_time()
        try:
            load_bundle(self.folder, self.cell, anchors)
        except RefusedError as error:
            end = error.code.value
            assert "\n" not in str(error)
            assert len(str(error)) < 2000
        self.tally.cost_s.append(time.process_time() - begin)
        self.tally.ends[end] += 1
        assert self.tally.cost_s[-1] < HANG_S
        return end == _LET_IN


@contextmanager
def shooting_range() -> Iterator[Range]:
    """A tiny bundle in memory, where there is a file system of memory."""
    cell = load(CellConfig, "cells", "pick_place")
    folder = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    try:
        yield Range(folder, tiny_files(cell), ephemeral_key("line", "release", _TODAY), cell)
    finally:
        shutil.rmtree(folder)


def mutated(data: st.DataObject, content: bytes) -> bytes:
    """One to four changes of bytes: set, cut out, doubled, put in, cut off."""
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        length = data.draw(st.integers(0, 16))
        kind = data.draw(st.integers(0, 4))
        piece = bytes([data.draw(_NUMBERS)]) * length
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
        weights.dims[:] = data.draw(st.lists(_SIZES, max_size=5))
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
        graph.output[0].type.tensor_type.shape.dim[0].dim_value = data.draw(_SIZES)
    else:
        operator = data.draw(st.sampled_from(sorted(OPERATORS)))
        inputs = data.draw(st.lists(st.sampled_from([*names, "observation"]), min_size=1, max_size=3))
        graph.node.insert(0, graphs.helper.make_node(operator, inputs, [f"more{len(graph.node)}"]))


def check_files(shooting: Range, data: st.DataObject) -> None:
    """An attacker without the key changes a file: nothing is let in."""
    files = signed_files(shooting.contents, _FIELDS, shooting.key)
    name = data.draw(st.sampled_from(sorted(SIZE_CAPS)))
    changed = mutated(data, files[name])
    assume(changed != files[name])
    assert not shooting.let_in({**files, name: changed})


def check_contents(shooting: Range, data: st.DataObject) -> None:
    """What is signed may be as odd as it likes: a card says what it says."""
    name = data.draw(st.sampled_from(sorted(LISTED)))
    contents = {**shooting.contents, name: mutated(data, shooting.contents[name])}
    shooting.let_in(signed_files(contents, _FIELDS, shooting.key))


def check_graphs(shooting: Range, data: st.DataObject) -> None:
    """Graphs that are well encoded and signed, and mean something else."""

    def change(model: Any) -> None:
        for _ in range(data.draw(st.integers(1, 3))):
            change_graph(data, model)

    contents = {**shooting.contents, POLICY: graphs.changed(shooting.contents[POLICY], change)}
    shooting.let_in(signed_files(contents, _FIELDS, shooting.key))


CHECKS = (check_files, check_contents, check_graphs)


def fuzz(check: Check, shooting: Range, examples: int, start: int) -> None:
    """Loads ``examples`` bundles of one kind, drawn from the seed ``start``."""

    @settings(
        max_examples=examples,
        deadline=None,  # wall time says little on a busy machine; see let_in
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @seed(start)
    @given(data=st.data())
    def run(data: st.DataObject) -> None:
        check(shooting, data)

    run()


def campaign(examples: int, start: int) -> dict[str, Any]:
    """All three kinds, one after another, and the most memory that this process has held (MiB)."""
    kinds = {}
    for check in CHECKS:
        with shooting_range() as shooting:
            fuzz(check, shooting, examples, start)
            kinds[check.__name__.removeprefix("check_")] = shooting.tally.as_json()
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seed": start, "kinds": kinds, "peak_memory_mib": peak_mib, "asked_memory_mib": MEMORY_MIB}


if __name__ == "__main__":
    command = f"python tests/controller/hostile_bundles.py {sys.argv[1]}"
    result = {**provenance.record(), "command": command, **campaign(int(sys.argv[1]), start=0)}
    print(json.dumps(result, indent=2))
    sys.exit(result["peak_memory_mib"] > MEMORY_MIB)
