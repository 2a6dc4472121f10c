from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robocell_controller.bundle import bundle as bundle_module
from robocell_controller.bundle.bundle import CONTRACT, GOLDEN, MANIFEST, POLICY, SIZE_CAPS, load_bundle
from robocell_controller.bundle.golden import TOLERANCE, Golden, parse_golden
from robocell_controller.bundle.onnx_policy import OnnxPolicy
from robocell_controller.cell.config import CellConfig
from robocell_controller.errors import InputError
from robocell_controller.trust.canonical import json_bytes

MakeBundle = Callable[..., Path]
TinyGraph = Callable[..., bytes]


def refusal(folder: Path, cell: CellConfig | None = None) -> str:
    with pytest.raises(InputError) as error:
        load_bundle(folder, cell)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_whole_bundle_loads_and_acts_as_its_golden_pairs(bundle: Path, cell: CellConfig) -> None:
    loaded = load_bundle(bundle, cell)
    golden = parse_golden(bundle / GOLDEN, (bundle / GOLDEN).read_bytes())
    action = loaded.policy.act(golden.observations[3])
    assert action.dtype == np.float32
    np.testing.assert_allclose(action, golden.actions[3], atol=TOLERANCE)


def test_the_same_content_gives_the_same_bytes(make_bundle: MakeBundle) -> None:
    first, second = make_bundle("first"), make_bundle("second")
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in SIZE_CAPS)
    with zipfile.ZipFile(first / GOLDEN) as archive:  # a clock's time would differ only every other second
        assert {member.date_time[0] for member in archive.infolist()} == {1980}


@pytest.mark.parametrize("name", SIZE_CAPS)
def test_a_changed_byte_is_found_in_each_file(bundle: Path, name: str) -> None:
    content = (bundle / name).read_bytes()
    every = 1 if name == MANIFEST else max(1, len(content) // 40)
    for position in range(0, len(content), every):
        changed = bytearray(content)
        changed[position] ^= 1
        (bundle / name).write_bytes(changed)
        assert str(bundle) in refusal(bundle)


def test_a_change_names_the_file(bundle: Path) -> None:
    (bundle / POLICY).write_bytes((bundle / POLICY).read_bytes()[:-1] + b"x")
    assert refusal(bundle).startswith(f"{bundle / POLICY}: sha256")
    (bundle / POLICY).write_bytes(b"")
    assert refusal(bundle).startswith(f"{bundle / POLICY}: an empty file")


@pytest.mark.parametrize("name", SIZE_CAPS)
def test_a_missing_file_is_named(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    assert refusal(bundle).startswith(f"{bundle / name}: missing")


def test_a_stray_file_is_refused(bundle: Path) -> None:
    (bundle / "policy.pkl").write_bytes(b"")
    assert refusal(bundle).startswith(f"{bundle / 'policy.pkl'}: a stray file")


@pytest.mark.parametrize("name", SIZE_CAPS)
def test_a_link_is_refused_even_to_the_same_content(bundle: Path, tmp_path: Path, name: str) -> None:
    (bundle / name).rename(tmp_path / "elsewhere")
    (bundle / name).symlink_to(tmp_path / "elsewhere")
    assert refusal(bundle).startswith(f"{bundle / name}: a link;")


def test_a_file_over_its_cap_is_refused(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bundle_module.SIZE_CAPS, POLICY, 10)
    assert refusal(bundle) == f"{bundle / POLICY}: more than 10 bytes; expected at most 10 (E-SIZE-CAP)"


def test_no_folder_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none").startswith(f"{tmp_path / 'none'}: no such folder")


def changed_contract(files: dict[str, bytes], change: Callable[[dict[str, Any]], None]) -> bytes:
    content = json.loads(files[CONTRACT])
    change(content)
    return json_bytes(content)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda c: c["observation"][6].update(scale=0.2), "observation.6.scale: 0.2; expected 0.3"),
        (lambda c: c["observation"][0].update(name="x"), "observation.0.name: 'x'"),
        (lambda c: c["observation"].pop(), "observation: '32 entries'; expected '33 entries'"),
        (lambda c: c["action"].reverse(), "action.0: 'gripper'; expected 'tcp_dx'"),
        (lambda c: c.update(schema_version=3), "schema_version: 3"),
        (lambda c: c.update(more=1), "more: unknown key"),
        (lambda c: c.pop("robot"), "robot: missing"),
        (lambda c: c["rates"].update(policy_hz=7), "rates: "),
    ],
)
def test_another_contract_is_refused(
    make_bundle: MakeBundle, bundle_files: dict[str, bytes], change: Any, place: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as error:
        make_bundle(contract_json=changed_contract(bundle_files, change))
    assert f"{CONTRACT}: {place}" in str(error.value)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("key", "value", "place"),
    [
        ("motion", {"tcp_speed_m_s": 0.5}, "motion.tcp_speed_m_s: 1.0; expected 0.5, as this cell has it"),
        ("rates", {"physics_hz": 500}, "rates.physics_hz: "),
    ],
)
def test_another_cell_is_refused(bundle: Path, cell: CellConfig, key: str, value: dict[str, Any], place: str) -> None:
    changed = cell.model_copy(update={key: getattr(cell, key).model_copy(update=value)})
    assert f"{CONTRACT}: {place}" in refusal(bundle, changed)
    load_bundle(bundle)


def golden_off_by(files: dict[str, bytes], offset: float) -> bytes:
    golden = parse_golden(Path(GOLDEN), files[GOLDEN])
    actions = golden.actions.copy()
    actions[7, 2] += np.float32(offset)
    return Golden(golden.observations, actions).to_bytes()


def test_golden_pairs_are_replayed(make_bundle: MakeBundle, bundle_files: dict[str, bytes]) -> None:
    make_bundle("near", golden_npz=golden_off_by(bundle_files, 0.5 * TOLERANCE))
    with pytest.raises(InputError, match=r"golden.npz: row 7: the policy's action differs by 2\.0e-05"):
        make_bundle("far", golden_npz=golden_off_by(bundle_files, 2 * TOLERANCE))


def saved(save: Any = np.savez, **arrays: Any) -> bytes:
    stream = io.BytesIO()
    save(stream, **arrays)
    return stream.getvalue()


def zeros(rows: int, columns: int, kind: Any = np.float32) -> Any:
    return np.zeros((rows, columns), kind)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no zip",
        saved(observations=zeros(3, 33)),
        saved(observations=zeros(3, 33), actions=zeros(2, 5)),
        saved(observations=zeros(3, 32), actions=zeros(3, 5)),
        saved(observations=zeros(3, 33, np.float64), actions=zeros(3, 5)),
        saved(observations=zeros(0, 33), actions=zeros(0, 5)),
        saved(observations=np.full((3, 33), np.nan, np.float32), actions=zeros(3, 5)),
        saved(observations=np.array([[object()] * 33]), actions=zeros(1, 5)),
        saved(np.savez_compressed, observations=zeros(3, 33), actions=zeros(3, 5)),
    ],
)
def test_malformed_golden_pairs_are_refused(content: bytes) -> None:
    with pytest.raises(InputError, match=r"^golden\.npz: .*expected"):
        parse_golden(Path("golden.npz"), content)


@pytest.mark.parametrize("shape", [None, (32, 5), (33, 4)])
def test_another_graph_is_refused(tiny_graph: TinyGraph, shape: tuple[int, int] | None) -> None:
    content = tiny_graph(*shape) if shape else b"not a graph"
    with pytest.raises(InputError, match=r"^p\.onnx: .*expected one graph 'observation'"):
        OnnxPolicy(Path("p.onnx"), content)


@pytest.mark.parametrize(
    ("observation", "message"),
    [
        (np.zeros(32, np.float32), r"observation: shape \[32\]; expected shape \[33\]"),
        (np.zeros((1, 33), np.float32), r"observation: shape \[1, 33\]"),
        (np.zeros(33), "observation: float64; expected an array of float32"),
        ([0.0] * 33, "observation: list; expected"),
        (np.where(np.arange(33) == 4, np.nan, 0.0).astype(np.float32), r"observation\[4\]: nan; expected finite"),
        (np.where(np.arange(33) == 9, -np.inf, 0.0).astype(np.float32), r"observation\[9\]: -inf"),
    ],
)
def test_a_malformed_observation_is_refused(tiny_graph: TinyGraph, observation: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        OnnxPolicy(Path("p.onnx"), tiny_graph()).act(observation)


def test_a_bundle_is_never_overwritten(make_bundle: MakeBundle, bundle: Path) -> None:
    before = (bundle / MANIFEST).read_bytes()
    with pytest.raises(InputError, match="exists already"):
        make_bundle(card_md=b"# other\n")
    assert (bundle / MANIFEST).read_bytes() == before
    load_bundle(bundle)
