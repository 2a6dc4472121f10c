"""Every kind of tampering that we could think of, each refused with the code of its own reason."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import graphs
import numpy as np
import pytest

from robocell_controller.bundle.bundle import (
    CARD,
    CONTRACT,
    EVALUATION,
    GOLDEN,
    LISTED,
    POLICY,
    SBOM,
    SIZE_CAPS,
    load_bundle,
    signed_files,
)
from robocell_controller.bundle.golden import Golden, parse_golden
from robocell_controller.bundle.manifest import MANIFEST, SIGNATURE
from robocell_controller.cell.config import CellConfig
from robocell_controller.trust.anchors import Anchors, Epochs
from robocell_controller.trust.canonical import json_bytes
from robocell_controller.trust.keys import KeyRing
from robocell_controller.trust.refusals import Code, RefusedError
from robocell_controller.trust.signing import SigningKey, ephemeral_key

FIELDS = {"name": "tiny", "version": "1", "epoch": 5, "created_by": {}, "parity": {"random": 0.0}}
TODAY = date(2026, 6, 1)


@dataclass
class Attack:
    """A bundle in the making: contents may be changed before they are signed, files after that."""

    folder: Path
    contents: dict[str, bytes]
    key: SigningKey
    cell: CellConfig
    fields: dict[str, Any] = field(default_factory=lambda: dict(FIELDS))
    anchors: Anchors = field(init=False)

    def __post_init__(self) -> None:
        self.anchors = Anchors(KeyRing({self.key.public.id: self.key.public}), today=TODAY)

    def write(self) -> None:
        self.folder.mkdir()
        for name, content in signed_files(self.contents, self.fields, self.key).items():
            (self.folder / name).write_bytes(content)

    def put(self, name: str, content: bytes) -> None:
        (self.folder / name).write_bytes(content)

    def edit(self, name: str, change: Callable[[bytes], bytes]) -> None:
        self.put(name, change((self.folder / name).read_bytes()))

    def put_signed_manifest(self, content: bytes) -> None:
        self.put(MANIFEST, content)
        self.put(SIGNATURE, self.key.sign(content))

    def edit_json(self, name: str, change: Callable[[Any], object]) -> None:
        """Before signing."""
        content = json.loads(self.contents[name])
        change(content)
        self.contents[name] = json_bytes(content)

    def edit_manifest(self, change: Callable[[Any], object]) -> None:
        """After signing, and signed again."""
        content = json.loads((self.folder / MANIFEST).read_bytes())
        change(content)
        self.put_signed_manifest(json_bytes(content))

    def code(self) -> Code | None:
        try:
            load_bundle(self.folder, self.cell, self.anchors)
        except RefusedError as error:
            assert "\n" not in str(error)
            assert str(error).endswith(f"({error.code.value})")
            return error.code
        return None


@pytest.fixture
def attack(tmp_path: Path, bundle_files: dict[str, bytes], cell: CellConfig) -> Attack:
    return Attack(tmp_path / "bundle", dict(bundle_files), ephemeral_key("line", "release", TODAY), cell)


def test_the_untouched_bundle_is_let_in(attack: Attack) -> None:
    attack.write()
    assert attack.code() is None


# What an attacker without the key can do to the folder.


def swap_for_link(a: Attack) -> None:
    (a.folder / CARD).rename(a.folder.parent / "elsewhere")
    (a.folder / CARD).symlink_to(a.folder.parent / "elsewhere")


def swap_for_pipe(a: Attack) -> None:
    (a.folder / CARD).unlink()
    os.mkfifo(a.folder / CARD)


def swap_for_folder(a: Attack) -> None:
    (a.folder / CARD).unlink()
    (a.folder / CARD).mkdir()


def sparse(a: Attack) -> None:
    """Terabytes that take no room on the disk."""
    os.truncate(a.folder / GOLDEN, 2**40)


def second_signature(a: Attack) -> None:
    a.edit(SIGNATURE, lambda data: data + data)


def signature_list(a: Attack) -> None:
    a.edit(SIGNATURE, lambda data: json_bytes([json.loads(data)] * 2))


def other_key(a: Attack) -> None:
    a.put(SIGNATURE, ephemeral_key("other", "release", TODAY).sign((a.folder / MANIFEST).read_bytes()))


def other_key_under_the_known_name(a: Attack) -> None:
    forged = json.loads(ephemeral_key("other", "release", TODAY).sign((a.folder / MANIFEST).read_bytes()))
    a.put(SIGNATURE, json_bytes({**forged, "key": a.key.public.id}))


def signature_of_another_bundle(a: Attack) -> None:
    a.put(SIGNATURE, a.key.sign(b"something else"))


def flip_signature(a: Attack) -> None:
    signed = json.loads((a.folder / SIGNATURE).read_bytes())
    raw = bytes.fromhex(signed["signature"])
    a.put(SIGNATURE, json_bytes({**signed, "signature": (bytes([raw[0] ^ 1]) + raw[1:]).hex()}))


def flipped(name: str) -> Callable[[Attack], None]:
    def flip(data: bytes) -> bytes:
        return data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :]

    return lambda a: a.edit(name, flip)


OUTSIDE: dict[str, tuple[Code, Callable[[Attack], object]]] = {
    "no folder": (Code.FOLDER, lambda a: shutil.rmtree(a.folder)),
    "a file in place of the folder": (Code.FOLDER, lambda a: (shutil.rmtree(a.folder), a.folder.write_text("x"))),
    "a file over its cap": (Code.SIZE_CAP, lambda a: a.put(CARD, bytes(SIZE_CAPS[CARD] + 1))),
    "a sparse file": (Code.SIZE_CAP, sparse),
    "a link": (Code.FILE_LINK, swap_for_link),
    "a pipe": (Code.FILE_KIND, swap_for_pipe),
    "a folder in place of a file": (Code.FILE_KIND, swap_for_folder),
    "an extra file": (Code.FILE_STRAY, lambda a: a.put("policy.pkl", b"x")),
    "a hidden file": (Code.FILE_STRAY, lambda a: a.put(".hidden", b"x")),
    "a second file but for its case": (Code.FILE_DUPLICATE, lambda a: a.put("Policy.ONNX", b"x")),
    "a missing file": (Code.FILE_MISSING, lambda a: (a.folder / EVALUATION).unlink()),
    "an empty file": (Code.FILE_EMPTY, lambda a: a.put(POLICY, b"")),
    "unsigned": (Code.SIG_MISSING, lambda a: (a.folder / SIGNATURE).unlink()),
    "a signature that is none": (Code.SIG_FORMAT, lambda a: a.put(SIGNATURE, b"signed, the boss\n")),
    "another algorithm": (Code.SIG_FORMAT, lambda a: a.edit(SIGNATURE, lambda d: d.replace(b"ed25519", b"none"))),
    "a signature in other bytes": (Code.SIG_FORMAT, lambda a: a.edit(SIGNATURE, lambda d: d + b" ")),
    "two signatures": (Code.SIG_SEVERAL, second_signature),
    "a list of signatures": (Code.SIG_SEVERAL, signature_list),
    "an unknown key": (Code.SIG_UNKNOWN_KEY, other_key),
    "a forged signature": (Code.SIG_WRONG, other_key_under_the_known_name),
    "the signature of something else": (Code.SIG_WRONG, signature_of_another_bundle),
    "a flipped bit in the signature": (Code.SIG_WRONG, flip_signature),
    "a flipped bit in the manifest": (Code.SIG_WRONG, flipped(MANIFEST)),
    "a manifest in other bytes": (Code.SIG_WRONG, lambda a: a.edit(MANIFEST, lambda d: d + b"\n")),
    **{f"a flipped bit in {name}": (Code.HASH_CONTENT, flipped(name)) for name in sorted(LISTED)},
    "a longer file": (Code.HASH_SIZE, lambda a: a.edit(CARD, lambda d: d + b"more")),
}


@pytest.mark.parametrize("kind", OUTSIDE)
def test_tampering_without_the_key_is_refused(attack: Attack, kind: str) -> None:
    code, tamper = OUTSIDE[kind]
    attack.write()
    tamper(attack)
    assert attack.code() is code


def revoke(a: Attack) -> None:
    a.anchors = ring(a, revoked=TODAY, reason="lost laptop")


def expire(a: Attack) -> None:
    a.anchors = replace(a.anchors, today=a.key.public.expires + timedelta(days=1))


def ring(a: Attack, **changes: Any) -> Anchors:
    key = a.key.public.model_copy(update=changes)
    return Anchors(KeyRing({key.id: key}), today=TODAY)


def see_a_newer_epoch(a: Attack) -> None:
    a.anchors = replace(a.anchors, epochs=Epochs(release={"tiny": 6}))


STATES = {
    "a revoked key": (Code.SIG_REVOKED_KEY, revoke),
    "an expired key": (Code.SIG_EXPIRED_KEY, expire),
    "an old epoch": (Code.EPOCH_OLD, see_a_newer_epoch),
}


@pytest.mark.parametrize("kind", STATES)
def test_what_was_trusted_once_is_refused(attack: Attack, kind: str) -> None:
    code, change = STATES[kind]
    attack.write()
    assert attack.code() is None
    change(attack)
    assert attack.code() is code


def test_the_revocations_reason_is_told(attack: Attack) -> None:
    attack.write()
    revoke(attack)
    with pytest.raises(RefusedError, match="revoked on 2026-06-01: lost laptop"):
        load_bundle(attack.folder, attack.cell, attack.anchors)


def test_a_development_bundles_epoch_does_not_push_out_released_ones(attack: Attack) -> None:
    attack.write()
    attack.anchors = replace(attack.anchors, epochs=Epochs(development={"tiny": 99}))
    assert attack.code() is None


# What a signer can do, or whoever has a trusted key: the contents are signed as they are.


def reorder(content: bytes) -> bytes:
    return (json.dumps(dict(reversed(json.loads(content).items())), indent=2) + "\n").encode()


def twice(content: bytes) -> bytes:
    return content.replace(b'"name"', b'"name": "first",\n  "name"')


MANIFESTS: dict[str, tuple[Code, Callable[[Attack], object]]] = {
    "not JSON": (Code.JSON_SYNTAX, lambda a: a.put_signed_manifest(b"{")),
    "not UTF-8": (Code.JSON_SYNTAX, lambda a: a.put_signed_manifest(b'{"name": "\xff"}')),
    "not a number": (Code.JSON_SYNTAX, lambda a: a.put_signed_manifest(b'{"parity": {"random": NaN}}')),
    "nested too deeply": (Code.JSON_SYNTAX, lambda a: a.put_signed_manifest(b"[" * 100_000)),
    "a list": (Code.JSON_SCHEMA, lambda a: a.put_signed_manifest(b"[]")),
    "another version of the format": (
        Code.JSON_SCHEMA,
        lambda a: a.edit_manifest(lambda m: m.update(schema_version=3)),
    ),
    "an unknown key": (Code.JSON_SCHEMA, lambda a: a.edit_manifest(lambda m: m.update(run_me="x"))),
    "an epoch of 0": (Code.JSON_SCHEMA, lambda a: a.edit_manifest(lambda m: m.update(epoch=0))),
    "a key twice": (
        Code.JSON_DUPLICATE_KEY,
        lambda a: a.put_signed_manifest(twice((a.folder / MANIFEST).read_bytes())),
    ),
    "reordered": (Code.JSON_ENCODING, lambda a: a.put_signed_manifest(reorder((a.folder / MANIFEST).read_bytes()))),
    "with a byte order mark": (
        Code.JSON_SYNTAX,
        lambda a: a.put_signed_manifest(b"\xef\xbb\xbf" + (a.folder / MANIFEST).read_bytes()),
    ),
    "a file in another folder": (
        Code.MANIFEST_TRAVERSAL,
        lambda a: a.edit_manifest(lambda m: m["files"].update({"../../etc/passwd": m["files"][CARD]})),
    ),
    "an absolute path": (
        Code.MANIFEST_TRAVERSAL,
        lambda a: a.edit_manifest(lambda m: m["files"].update({"/etc/passwd": m["files"][CARD]})),
    ),
    "a file that is not there": (
        Code.MANIFEST_FILES,
        lambda a: a.edit_manifest(lambda m: m["files"].update(more=m["files"][CARD])),
    ),
    "a file left out": (Code.MANIFEST_FILES, lambda a: a.edit_manifest(lambda m: m["files"].pop(POLICY))),
}


@pytest.mark.parametrize("kind", MANIFESTS)
def test_a_malformed_manifest_is_refused_although_it_is_signed(attack: Attack, kind: str) -> None:
    code, change = MANIFESTS[kind]
    attack.write()
    change(attack)
    assert attack.code() is code


GRAPHS: dict[str, tuple[Code, graphs.Change]] = {
    "external data": (Code.ONNX_EXTERNAL_DATA, graphs.external_data),
    "a custom domain": (Code.ONNX_DOMAIN, graphs.custom_domain),
    "a custom operator": (Code.ONNX_DOMAIN, graphs.custom_operator),
    "an operator off the list": (Code.ONNX_OPERATOR, graphs.operator("Loop")),
    "a function": (Code.ONNX_FUNCTION, graphs.function),
    "a subgraph": (Code.ONNX_SUBGRAPH, graphs.subgraph),
    "a tensor as attribute": (Code.ONNX_ATTRIBUTE, graphs.tensor_attribute),
    "an infinite attribute": (Code.ONNX_ATTRIBUTE, graphs.infinite_attribute),
    "metadata": (Code.ONNX_METADATA, graphs.metadata),
    "another operator set": (Code.ONNX_VERSION, graphs.opset),
    "weights of another type": (Code.ONNX_DTYPE, graphs.double_weights),
    "a NaN weight": (Code.ONNX_NOT_FINITE, graphs.nan_weight),
    "a huge tensor": (Code.ONNX_SIZE, graphs.huge_tensor),
    "many nodes": (Code.ONNX_SIZE, graphs.many_nodes),
    "a tensor without its data": (Code.ONNX_TENSOR, graphs.short_tensor),
    "an input from nowhere": (Code.ONNX_CHECKER, graphs.unknown_input),
    "another interface": (Code.ONNX_INTERFACE, graphs.other_interface),
    "values that explode": (Code.ONNX_SHAPE, graphs.exploding_shape),
    "a graph that fails when it runs": (Code.ONNX_RUNTIME, graphs.clip_by_a_matrix),
}


@pytest.mark.parametrize("kind", GRAPHS)
def test_a_hostile_graph_is_refused_although_it_is_signed(attack: Attack, kind: str) -> None:
    code, change = GRAPHS[kind]
    attack.contents[POLICY] = graphs.changed(attack.contents[POLICY], change)
    attack.write()
    assert attack.code() is code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda content: b"\xff" * 100, Code.ONNX_PARSE),
        (graphs.unknown_field, Code.ONNX_ENCODING),
        (graphs.padded_number, Code.ONNX_ENCODING),
    ],
    ids=["no model", "an unknown field", "a padded number"],
)
def test_stowaways_in_the_graphs_bytes_are_refused(
    attack: Attack, change: Callable[[bytes], bytes], code: Code
) -> None:
    attack.contents[POLICY] = change(attack.contents[POLICY])
    attack.write()
    assert attack.code() is code


def test_a_policy_too_slow_for_this_machine_is_refused(attack: Attack) -> None:
    attack.contents[POLICY] = graphs.changed(attack.contents[POLICY], graphs.slow)
    golden = parse_golden(Path(GOLDEN), attack.contents[GOLDEN])
    attack.contents[GOLDEN] = Golden(golden.observations[:3], golden.actions[:3]).to_bytes()
    attack.write()
    assert attack.code() is Code.TOO_SLOW


CONTRACTS: dict[str, tuple[Code, Callable[[Any], object]]] = {
    "another robot": (Code.CONTRACT_ROBOT, lambda c: c.update(robot="ur5")),
    "another arm of the same name": (Code.CONTRACT_ROBOT, lambda c: c.update(robot_kinematics_sha256="0" * 64)),
    "another period": (Code.CONTRACT_RATES, lambda c: c["rates"].update(policy_hz=125)),
    "other frames": (Code.CONTRACT_FRAMES, lambda c: c["frames"].update(action="tcp")),
    "other motion": (Code.CONTRACT_MOTION, lambda c: c["motion"].update(tcp_speed_m_s=5.0)),
    "another unit": (Code.CONTRACT_OBSERVATION, lambda c: c["observation"][0].update(unit="mm")),
    "another order of actions": (Code.CONTRACT_ACTION, lambda c: c["action"].reverse()),
    "a wider velocity": (Code.CONTRACT_WIDER, lambda c: widen(c, "joint_velocity_rad_s", 1.01)),
    "a wider reach": (Code.CONTRACT_WIDER, lambda c: widen(c, "joint_position_lower_rad", 1.01)),
    "a missing section": (Code.JSON_SCHEMA, lambda c: c.pop("safety_envelope")),
    "an envelope with infinity": (
        Code.JSON_SCHEMA,
        lambda c: c["safety_envelope"].update(joint_jerk_rad_s3=["Infinity"]),
    ),
}


def widen(contract: Any, key: str, factor: float) -> None:
    values = contract["safety_envelope"][key]
    values[0] *= factor


@pytest.mark.parametrize("kind", CONTRACTS)
def test_a_contract_that_does_not_fit_is_refused_although_it_is_signed(attack: Attack, kind: str) -> None:
    code, change = CONTRACTS[kind]
    attack.edit_json(CONTRACT, change)
    attack.write()
    assert attack.code() is code


def test_a_narrower_safety_envelope_is_let_in(attack: Attack) -> None:
    attack.edit_json(CONTRACT, lambda c: widen(c, "joint_velocity_rad_s", 0.9))
    attack.write()
    assert attack.code() is None


def archive(members: dict[str, bytes], kind: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", kind) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return stream.getvalue()


def array(values: Any, allow_pickle: bool = False) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asarray(values), allow_pickle=allow_pickle)
    return stream.getvalue()


OBSERVATIONS, ACTIONS = array(np.zeros((3, 33), np.float32)), array(np.zeros((3, 5), np.float32))
PAIRS = {"observations.npy": OBSERVATIONS, "actions.npy": ACTIONS}
OBJECTS = array(np.full((3, 33), None), allow_pickle=True)
GOLDENS: dict[str, tuple[Code, bytes]] = {
    "no archive": (Code.GOLDEN_ARCHIVE, b"no zip"),
    "a zip bomb": (Code.GOLDEN_COMPRESSED, archive({"observations.npy": bytes(10**7)}, zipfile.ZIP_DEFLATED)),
    "a pickle member": (Code.GOLDEN_MEMBERS, archive({**PAIRS, "evil.pkl": pickle.dumps(print)})),
    "a member in another folder": (Code.GOLDEN_MEMBERS, archive({"../actions.npy": ACTIONS})),
    "an array of objects": (Code.GOLDEN_OBJECTS, archive({**PAIRS, "observations.npy": OBJECTS})),
    "a pickle in place of an array": (Code.GOLDEN_ARRAYS, archive({**PAIRS, "actions.npy": pickle.dumps(print)})),
    "an array larger than its data": (Code.GOLDEN_ARRAYS, archive({**PAIRS, "actions.npy": ACTIONS[:-4]})),
    "NaN in an observation": (
        Code.GOLDEN_NOT_FINITE,
        archive({**PAIRS, "observations.npy": array(np.full((3, 33), np.nan, np.float32))}),
    ),
    "zipped by another tool": (Code.GOLDEN_ENCODING, archive(PAIRS)),
}


@pytest.mark.parametrize("kind", GOLDENS)
def test_hostile_golden_pairs_are_refused_although_they_are_signed(attack: Attack, kind: str) -> None:
    code, attack.contents[GOLDEN] = GOLDENS[kind]
    attack.write()
    assert attack.code() is code


def test_another_policys_golden_pairs_are_refused(attack: Attack) -> None:
    golden = parse_golden(Path(GOLDEN), attack.contents[GOLDEN])
    attack.contents[GOLDEN] = Golden(golden.observations, golden.actions[::-1]).to_bytes()
    attack.write()
    assert attack.code() is Code.GOLDEN_MISMATCH


@pytest.mark.parametrize("name", [EVALUATION, SBOM])
def test_the_other_json_files_are_read_strictly(attack: Attack, name: str) -> None:
    attack.contents[name] = b'{"a": 1, "a": 2}'
    attack.write()
    assert attack.code() is Code.JSON_DUPLICATE_KEY


def test_every_code_but_those_of_broken_machines_has_its_attack() -> None:
    tried = {code for table in (OUTSIDE, STATES, MANIFESTS, GRAPHS, CONTRACTS, GOLDENS) for code, _ in table.values()}
    alone = {Code.ONNX_PARSE, Code.ONNX_ENCODING, Code.GOLDEN_MISMATCH, Code.TOO_SLOW}
    assert len(tried | alone) >= 30
    assert set(Code) - tried - alone == {Code.FILE_UNREADABLE, Code.STORE}


def test_every_code_is_documented_once_in_its_place() -> None:
    page = (Path(__file__).parents[3] / "docs" / "bundles.md").read_text(encoding="utf-8")
    table = page[page.index("## What is checked") : page.index("**No pickle.**")]
    assert [code.value for code in Code if table.count(f"`{code.value}`") != 1] == []
