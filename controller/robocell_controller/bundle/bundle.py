"""The bundle: a policy with all it needs to be run and checked. Loading trusts nothing.

A folder with ``manifest.json`` (sha256 and size of every other file) · ``manifest.sig`` (who answers for it) ·
``policy.onnx`` · ``contract.json`` (what the numbers mean) · ``golden.npz`` (observations and their actions) ·
``evaluation.json`` · ``card.md`` · ``sbom.cdx.json`` (what it was made with).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from robocell_controller.bundle.envelope import Envelope
from robocell_controller.bundle.golden import check_golden, parse_golden
from robocell_controller.bundle.manifest import MANIFEST, SIGNATURE, Manifest, check_hashes, entry_of, read_manifest
from robocell_controller.bundle.onnx_policy import INTERFACE, OnnxPolicy
from robocell_controller.bundle.policy_contract import Contract, check_contract
from robocell_controller.cell.config import CellConfig
from robocell_controller.config import parse
from robocell_controller.errors import InputError
from robocell_controller.files import folder_beside, write_bytes
from robocell_controller.latency import Latencies
from robocell_controller.trust.anchors import Anchors, load_anchors
from robocell_controller.trust.canonical import read_canonical, read_object
from robocell_controller.trust.files import read_files
from robocell_controller.trust.keys import KeyRing, TrustedKey
from robocell_controller.trust.onnx_check import check_graph
from robocell_controller.trust.refusals import Code, RefusedError
from robocell_controller.trust.signing import SigningKey, verify

POLICY, CONTRACT, GOLDEN = "policy.onnx", "contract.json", "golden.npz"
EVALUATION, CARD, SBOM = "evaluation.json", "card.md", "sbom.cdx.json"
MEGABYTE = 2**20
SIZE_CAPS = {  # bytes
    MANIFEST: MEGABYTE // 4,
    SIGNATURE: MEGABYTE // 256,
    POLICY: 17 * MEGABYTE,
    CONTRACT: MEGABYTE // 4,
    GOLDEN: 4 * MEGABYTE,
    EVALUATION: 4 * MEGABYTE,
    CARD: MEGABYTE,
    SBOM: MEGABYTE,
}
LISTED = SIZE_CAPS.keys() - {MANIFEST, SIGNATURE}  # in the manifest
LATENCY_SHARE = 0.5  # of a controller tick, that the policy may take at the median


@dataclass(frozen=True, slots=True)
class Bundle:
    """A checked bundle.

    Attributes:
        policy: ready to act.
        contract: what its numbers mean.
        envelope: the observations that the policy has learned from.
        manifest: what it is called and where it comes from.
        key: who signed it.
        files: their content as it was checked.
        latencies: of the policy on this machine, in the replay of the golden pairs.
        timings_ms: what each check took.
    """

    policy: OnnxPolicy
    contract: Contract
    envelope: Envelope
    manifest: Manifest
    key: TrustedKey
    files: dict[str, bytes]
    latencies: Latencies
    timings_ms: dict[str, float]


def load_bundle(folder: Path, cell: CellConfig | None = None, anchors: Anchors | None = None) -> Bundle:
    """Reads and checks a bundle, each file once: what is checked is what runs. ONNX Runtime sees it last.

    Args:
        folder: the bundle.
        cell: the cell it is to drive, if it is to drive one.
        anchors: keys and epochs to trust; this installation's when left out.

    Raises:
        RefusedError: names the file, what was expected of it, and the reason's code.
    """
    anchors, watch = anchors or load_anchors(), _Watch()
    with watch("files"):
        content = read_files(folder, SIZE_CAPS, {SIGNATURE: Code.SIG_MISSING})
    with watch("signature"):
        signed = content[MANIFEST]
        key = verify(folder / SIGNATURE, content[SIGNATURE], signed, anchors.ring, anchors.today)
        manifest = read_manifest(folder / MANIFEST, signed, set(LISTED))
        anchors.check_epoch(folder / MANIFEST, manifest.name, manifest.epoch, key.kind)
    with watch("hashes"):
        check_hashes(folder, manifest, content)
    with watch("json"):
        contract = read_canonical(Contract, folder / CONTRACT, content[CONTRACT])
        for name in (EVALUATION, SBOM):
            read_object(folder / name, content[name])
    with watch("graph"):
        check_graph(folder / POLICY, content[POLICY], INTERFACE)
    with watch("contract"):
        check_contract(folder / CONTRACT, contract, cell)
    with watch("session"):
        policy = OnnxPolicy(folder / POLICY, content[POLICY])
    with watch("golden"):
        latencies = check_golden(folder / GOLDEN, parse_golden(folder / GOLDEN, content[GOLDEN]), policy)
        _check_latency(folder / POLICY, latencies, contract)
    learned = Envelope(contract.training_envelope.lower, contract.training_envelope.upper)
    return Bundle(policy, contract, learned, manifest, key, content, latencies, watch.timings_ms)


def write_bundle(folder: Path, files: dict[str, bytes], manifest: dict[str, Any], key: SigningKey) -> None:
    """Writes a signed bundle beside its place, loads it to check it, and renames it into place.

    Args:
        folder: the bundle; must not exist yet.
        files: content of every file but the manifest and its signature, by name.
        manifest: ``name``, ``version``, ``epoch``, ``created_by`` and ``parity``.
        key: signs it.

    Raises:
        InputError: ``folder`` exists or can't be written, or the bundle would not load.
        OSError: a fault of the machine, such as a full disk.
    """
    if folder.exists():
        raise InputError(folder, "exists already", "a new folder")
    with folder_beside(folder) as new:
        for name, data in signed_files(files, manifest, key).items():
            (new / name).write_bytes(data)
        load_bundle(new, anchors=Anchors(KeyRing({key.public.id: key.public})))


def signed_files(files: dict[str, bytes], manifest: dict[str, Any], key: SigningKey) -> dict[str, bytes]:
    """All files of a bundle: ``files``, the manifest that lists them, and its signature."""
    entries = {name: entry_of(data).model_dump() for name, data in files.items()}
    content = parse(Manifest, {**manifest, "files": entries}, MANIFEST).to_bytes()
    return {**files, MANIFEST: content, SIGNATURE: key.sign(content)}


def resign(folder: Path, key: SigningKey) -> Manifest:
    """Signs a bundle anew, after every check but that of its present signature, which may be missing.

    Raises:
        RefusedError: the bundle would not load.
    """
    caps = {name: cap for name, cap in SIZE_CAPS.items() if name != SIGNATURE or (folder / SIGNATURE).exists()}
    content = read_files(folder, caps, {})
    manifest = read_manifest(folder / MANIFEST, content[MANIFEST], set(LISTED))
    files = {name: content[name] for name in sorted(LISTED)}
    check_hashes(folder, manifest, files)
    with TemporaryDirectory() as scratch:
        signed = Path(scratch) / "signed"
        write_bundle(signed, files, manifest.model_dump(exclude={"files"}), key)
        write_bytes(folder / SIGNATURE, (signed / SIGNATURE).read_bytes())
    return manifest


def _check_latency(path: Path, latencies: Latencies, contract: Contract) -> None:
    """The median: a busy neighbour spoils a tail, and the loop counts that; a slow policy is slow always."""
    median, limit = latencies.quantile(0.5) / 1e6, LATENCY_SHARE * contract.rates.tick * 1e3
    if median > limit:
        found = f"{median:.2f} ms for an action, at the median"
        raise RefusedError(Code.TOO_SLOW, path, found, f"at most {limit:.2f} ms on this machine")


@dataclass(slots=True)
class _Watch:
    """Times the checks."""

    timings_ms: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        self.timings_ms[name] = round((time.perf_counter() - begin) * 1e3, 3)
