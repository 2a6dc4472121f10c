from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from full_disk import largest_file

from robocell_controller.bundle.bundle import write_bundle
from robocell_controller.cell.config import CellConfig
from robocell_controller.commands.cli import execute
from robocell_controller.errors import InputError
from robocell_controller.rollout.log import Entry
from robocell_controller.rollout.log import torn as torn_bytes
from robocell_controller.rollout.store import Store
from robocell_controller.trust.home import VARIABLE
from robocell_controller.trust.refusals import Code, RefusedError
from robocell_controller.trust.signing import SigningKey

MakeBundle = Callable[..., Path]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def bundles(make_bundle: MakeBundle) -> list[Path]:
    return [make_bundle(f"bundle{i}", card_md=f"# {i}\n".encode()) for i in range(3)]


def refused(ask: Callable[[], object]) -> str:
    with pytest.raises(InputError) as error:
        ask()
    return str(error.value)


def test_promote_and_roll_back(store: Store, bundles: list[Path], cell: CellConfig) -> None:
    first, second, third = (store.install(bundle, cell).bundle for bundle in bundles)
    assert "nothing promoted" in refused(lambda: store.promoted("tiny"))
    for digest in (first, second, third):
        store.promote(digest, cell)
        assert store.promoted("tiny") == digest
    assert store.rollback("tiny", cell, {"verdict": "too slow"}).bundle == second
    store.promote(third, cell)
    assert [store.rollback("tiny", cell).bundle for _ in range(2)] == [second, first]
    assert "1 promotions in force" in refused(lambda: store.rollback("tiny", cell))
    assert [entry.event for entry in store.entries()] == 3 * ["install"] + 3 * ["promote"] + [
        *("rollback", "promote", "rollback", "rollback"),
    ]
    assert store.entries()[6].evidence == {"verdict": "too slow"}


def test_a_promotion_withdraws_lower_epochs_and_an_installation_does_not(
    store: Store, bundle_files: dict[str, bytes], signer: SigningKey, cell: CellConfig, tmp_path: Path
) -> None:
    digests = []
    for epoch in (1, 2):
        fields = {"name": "withdrawn", "version": "1", "epoch": epoch, "created_by": {}, "parity": {}}
        write_bundle(tmp_path / f"epoch{epoch}", bundle_files, fields, signer)
        digests.append(store.install(tmp_path / f"epoch{epoch}", cell).bundle)
    store.promote(digests[0], cell)
    store.promote(digests[1], cell)
    assert "E-EPOCH-OLD" in refused(lambda: store.rollback("withdrawn", cell))
    assert store.promoted("withdrawn") == digests[1]


def test_installing_twice_is_one_bundle(store: Store, bundles: list[Path], cell: CellConfig, tmp_path: Path) -> None:
    again = tmp_path / "again"
    shutil.copytree(bundles[0], again)
    assert store.install(bundles[0], cell) == store.install(again, cell)
    assert len(store.entries()) == len(store.installed()) == 1


def test_what_is_installed_is_what_was_checked_byte_by_byte(
    store: Store, bundles: list[Path], cell: CellConfig
) -> None:
    folder = store.path(store.install(bundles[0], cell).bundle)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        path.name: path.read_bytes() for path in bundles[0].iterdir()
    }


def test_a_refused_bundle_leaves_no_trace(store: Store, bundles: list[Path], cell: CellConfig) -> None:
    (bundles[0] / "card.md").write_text("# other\n")
    assert "E-HASH" in refused(lambda: store.install(bundles[0], cell))
    assert store.entries() == []
    assert not store.log.parent.exists()


def test_an_object_that_was_changed_in_the_store_is_refused(
    store: Store, bundles: list[Path], cell: CellConfig
) -> None:
    digest = store.install(bundles[0], cell).bundle
    (store.path(digest) / "policy.onnx").write_bytes(b"evil")
    assert "E-HASH" in refused(lambda: store.promote(digest, cell))


def change_line(lines: list[bytes]) -> list[bytes]:
    return [lines[0].replace(b'"install"', b'"promote"'), *lines[1:]]


LOG_ATTACKS: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "a changed line": change_line,
    "a line taken out": lambda lines: [*lines[:1], *lines[2:]],
    "a line twice": lambda lines: [*lines, lines[-1]],
    "lines in another order": lambda lines: lines[::-1],
    "a line without signature": lambda lines: [
        json.dumps({"entry": json.loads(lines[0])["entry"]}).encode() + b"\n",
        *lines[1:],
    ],
}


@pytest.mark.parametrize("kind", LOG_ATTACKS)
def test_a_log_that_was_tampered_with_is_refused(
    store: Store, bundles: list[Path], cell: CellConfig, kind: str
) -> None:
    for bundle in bundles:
        store.install(bundle, cell)
    store.log.write_bytes(b"".join(LOG_ATTACKS[kind](store.log.read_bytes().splitlines(keepends=True))))
    with pytest.raises(RefusedError) as error:
        store.entries()
    assert error.value.code is Code.STORE


def test_a_torn_line_never_happened_and_the_next_one_takes_its_place(
    store: Store, bundles: list[Path], cell: CellConfig
) -> None:
    store.promote(store.install(bundles[0], cell).bundle, cell)
    whole = store.log.read_bytes()
    second = store.install(bundles[1], cell).bundle
    store.promote(second, cell)
    torn = store.log.read_bytes()
    for length in range(len(whole), len(torn), 97):
        store.log.write_bytes(torn[:length])
        before = store.entries()
        assert torn_bytes(store.log) == len(torn[:length].rpartition(b"\n")[2])
        assert store.note("undecided", "tiny", second, {}).seq == len(before)
        assert store.entries()[:-1] == before


def test_the_history_says_where_its_log_breaks_off(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bundle: Path
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "home"))
    assert execute(["sign", str(bundle)]) == 0
    assert execute(["policy", "install", str(bundle)]) == 0
    with Store().log.open("a") as log:
        log.write('{"entry": {"se')
    capsys.readouterr()
    assert execute(["policy", "history", "--json"]) == 0
    said = capsys.readouterr()
    assert [entry["event"] for entry in json.loads(said.out)] == ["install"]
    assert f"{Store().log}: breaks off: 14 bytes of an event that never happened" in said.err


def test_a_store_that_finds_no_room_is_as_it_was(store: Store, bundles: list[Path], cell: CellConfig) -> None:
    first = store.install(bundles[0], cell).bundle
    before = store.log.read_bytes()
    with largest_file(len(before) + 20), pytest.raises(OSError, match="File too large"):
        store.install(bundles[1], cell)
    with largest_file(len(before) + 20), pytest.raises(OSError, match="File too large"):
        store.note("undecided", "tiny", first, {})
    assert store.log.read_bytes() == before
    assert [path.name for path in store.path(first).parent.iterdir()] == [first]


def test_the_commands(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bundle: Path
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "home"))
    assert execute(["sign", str(bundle)]) == 0
    assert execute(["policy", "install", str(bundle)]) == 0
    assert execute(["policy", "promote", "tiny"]) == 0
    assert execute(["policy", "list"]) == 0
    assert execute(["verify", str(bundle)]) == 0
    assert capsys.readouterr().out.count("DEVELOPMENT key") == 5  # on every screen
    assert execute(["policy", "rollback", "tiny"]) == 2
    capsys.readouterr()
    assert execute(["policy", "list", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["name"], row["promoted"], row["key_kind"]) == ("tiny", True, "development")
    assert execute(["policy", "history", "--json"]) == 0
    assert [entry["event"] for entry in json.loads(capsys.readouterr().out)] == ["install", "promote"]
    for command in (["install", str(bundle)], ["promote", "tiny"]):
        assert execute(["policy", *command, "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["event"], told["bundle"], told["key_kind"]) == (command[0], row["digest"], "development")
    assert execute(["policy", "promote", "nothing"]) == 2
    assert "no such bundles in the store; expected one of: tiny (" in capsys.readouterr().err


# A kill at any moment leaves the old state or the new one.


KINDS = ("install", "promote", "rollback")


class Kills:
    """Forks, lets the child change a store, and kills it some time later."""

    def __init__(self, folder: Path, bundles: list[Path], cell: CellConfig) -> None:
        self.store, self.bundles, self.cell = Store(folder), bundles, cell
        for bundle in bundles[:2]:
            self.store.promote(self.store.install(bundle, cell).bundle, cell)
        self.took = dict.fromkeys(KINDS, 0.05)  # s; follows what a change takes, as the kills tell
        self.cut = self.done = 0

    def change(self, kind: str) -> None:
        if kind == "install":
            self.store.install(self.bundles[2], self.cell)
        elif kind == "promote":
            self.store.promote(self.store.installed()[-1].digest, self.cell)
        else:
            self.store.rollback("tiny", self.cell)

    def one(self, kind: str, share: float) -> None:
        before = self.store.entries()
        child = os.fork()
        if child == 0:
            self.change(kind)
            os._exit(0)
        time.sleep(share * self.took[kind])
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        cut = os.WIFSIGNALED(status)
        assert cut or os.waitstatus_to_exitcode(status) == 0
        self.cut, self.done = self.cut + cut, self.done + (not cut)
        self.took[kind] *= 1.2 if cut else 1 / 1.2
        self.check(before, self.store.entries())

    def check(self, before: list[Entry], after: list[Entry]) -> None:
        """Old or new, and what is in use can be used."""
        assert after[: len(before)] == before
        assert len(after) - len(before) in (0, 1)
        self.store.promote(self.store.promoted("tiny"), self.cell)  # loads it, and writes

    def reset(self) -> None:
        """Back to two bundles and two promotions, so that every change has something to do."""
        for entry in self.store.installed()[2:]:
            shutil.rmtree(self.store.path(entry.digest))
        self.store.log.write_bytes(b"".join(self.store.log.read_bytes().splitlines(keepends=True)[:4]))


def kill(folder: Path, bundles: list[Path], cell: CellConfig, times: int) -> Kills:
    kills, stream = Kills(folder, bundles, cell), random.Random(0)
    for number in range(times):
        kind = KINDS[number % len(KINDS)]
        if kind == "install":
            kills.reset()
        kills.one(kind, stream.uniform(0.0, 1.5))
    return kills


def test_a_kill_leaves_the_old_state_or_the_new(tmp_path: Path, bundles: list[Path], cell: CellConfig) -> None:
    kills = kill(tmp_path / "store", bundles, cell, 15)
    assert kills.cut + kills.done == 15
    assert kills.cut > 0


@pytest.mark.slow
def test_five_hundred_kills_break_no_store(tmp_path: Path, bundles: list[Path], cell: CellConfig) -> None:
    kills = kill(tmp_path / "store", bundles, cell, 500)
    print(f"{kills.cut} cut short, {kills.done} done before the kill")
    assert min(kills.cut, kills.done) > 50
