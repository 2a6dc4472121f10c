from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
import yaml

from robocell_controller.bundle.bundle import SIZE_CAPS, load_bundle
from robocell_controller.bundle.manifest import MANIFEST, SIGNATURE
from robocell_controller.commands.cli import execute
from robocell_controller.errors import InputError
from robocell_controller.trust.anchors import load_anchors, remember_epoch
from robocell_controller.trust.home import VARIABLE
from robocell_controller.trust.keys import TrustedKey, load_ring, read_key, revoke, user_folder, write_key
from robocell_controller.trust.refusals import Code, RefusedError
from robocell_controller.trust.signing import DEVELOPMENT, ephemeral_key, load_signing_key, new_key, private_file

TODAY = date(2026, 6, 1)
MakeBundle = Callable[..., Path]


@pytest.fixture(autouse=True)
def fresh_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "home"))
    yield tmp_path / "home"


def known(name: str) -> TrustedKey:
    return next(key for key in load_ring().keys.values() if key.name == name)


def verified(capsys: pytest.CaptureFixture[str], bundle: Path) -> str | None:
    capsys.readouterr()
    code = execute(["verify", str(bundle), "--json"])
    report = json.loads(capsys.readouterr().out)
    assert report["accepted"] is (code == 0)
    assert code in (0, 2)
    return report.get("code")


def test_the_development_key_is_made_on_first_use_and_kept() -> None:
    first = load_signing_key(load_ring(), DEVELOPMENT, TODAY)
    second = load_signing_key(load_ring(), DEVELOPMENT, TODAY)
    assert first.public == second.public == known(DEVELOPMENT)
    assert first.public.kind == "development"
    assert private_file(DEVELOPMENT).stat().st_mode & 0o777 == 0o600


def test_no_other_key_is_made_by_itself() -> None:
    with pytest.raises(InputError, match=r"line\.pem: No such file .*expected a private key made by robocell keys new"):
        load_signing_key(load_ring(), "line", TODAY)


def test_a_private_key_that_others_can_read_is_refused() -> None:
    new_key("line", "release", TODAY)
    private_file("line").chmod(0o644)
    with pytest.raises(InputError, match="readable for others; expected mode 0600"):
        load_signing_key(load_ring(), "line", TODAY)


def test_a_key_is_never_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["keys", "new", "line"]) == 0
    before = private_file("line").read_bytes()
    assert execute(["keys", "new", "line"]) == 2
    assert "exists already" in capsys.readouterr().err
    assert private_file("line").read_bytes() == before


@pytest.mark.parametrize("name", ["../escape", "", "a/b", ".hidden"])
def test_a_name_that_is_no_file_name_is_refused(name: str, fresh_home: Path) -> None:
    assert execute(["keys", "new", name]) == 2
    assert not fresh_home.exists()


def test_sign_verify_revoke(capsys: pytest.CaptureFixture[str], bundle: Path) -> None:
    assert verified(capsys, bundle) == "E-SIG-UNKNOWN-KEY"  # another home made it
    assert execute(["keys", "new", "line"]) == 0
    assert execute(["sign", str(bundle), "--key", "line"]) == 0
    assert verified(capsys, bundle) is None
    assert execute(["keys", "revoke", "line", "--reason", "lost laptop"]) == 0
    assert verified(capsys, bundle) == "E-SIG-REVOKED-KEY"
    assert execute(["run", str(bundle)]) == 2  # what verify refuses, run refuses
    assert "revoked on" in capsys.readouterr().err
    assert execute(["sign", str(bundle), "--key", "line"]) == 2
    assert "its public half is revoked" in capsys.readouterr().err
    assert execute(["keys", "list", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert (rows["line"]["state"], rows["line"]["reason"]) == ("revoked", "lost laptop")
    assert "public_key" not in rows["line"]


def test_scripts_are_told_in_json(capsys: pytest.CaptureFixture[str], bundle: Path) -> None:
    told = []
    for command in (["keys", "new", "line"], ["sign", str(bundle), "--key", "line"], ["keys", "revoke", "line"]):
        assert execute([*command, "--json"]) == 0
        told.append(json.loads(capsys.readouterr().out))
    made, signed, revoked = told
    assert Path(made["private_file"]).is_file() and Path(made["public_file"]).is_file()
    assert signed["name"] == "tiny"
    assert made["id"] == signed["key"]["id"] == revoked["id"]
    assert revoked["revoked"]


def test_a_release_signature_leaves_no_private_key(
    capsys: pytest.CaptureFixture[str], bundle: Path, fresh_home: Path, tmp_path: Path
) -> None:
    assert execute(["sign", str(bundle), "--release", str(tmp_path / "keys")]) == 0
    assert not fresh_home.exists()
    (file,) = (tmp_path / "keys").iterdir()
    assert "PRIVATE" not in file.read_text()
    assert verified(capsys, bundle) == "E-SIG-UNKNOWN-KEY"
    write_key(user_folder(), read_key(file))  # what copying the file does
    assert verified(capsys, bundle) is None


def test_signing_checks_the_bundle_first(capsys: pytest.CaptureFixture[str], bundle: Path) -> None:
    (bundle / "card.md").write_text("# other\n")
    before = (bundle / SIGNATURE).read_bytes()
    assert execute(["sign", str(bundle)]) == 2
    assert "E-HASH" in capsys.readouterr().err
    assert (bundle / SIGNATURE).read_bytes() == before
    assert {path.name for path in bundle.parent.iterdir()} == {"bundle", "home"}
    assert {path.name for path in bundle.iterdir()} == set(SIZE_CAPS)


def test_a_revocation_anywhere_counts_and_the_earlier_expiry() -> None:
    key = ephemeral_key("line", "release", TODAY).public
    write_key(user_folder(), key)
    write_key(user_folder(), key.model_copy(update={"name": "again", "expires": date(2026, 7, 1)}))
    revoke(key.id, "", TODAY)
    merged = load_ring().keys[key.id]
    assert (merged.revoked, merged.expires) == (TODAY, date(2026, 7, 1))


def test_a_revocation_never_overwrites_another_key_of_the_same_name() -> None:
    shipped, own = (ephemeral_key("line", "release", TODAY).public for _ in range(2))
    write_key(user_folder(), own)
    write_key(user_folder(), shipped.model_copy(update={"name": "other"}))
    (user_folder() / "other.yaml").write_text((user_folder() / "other.yaml").read_text().replace("other", "line"))
    revoke(shipped.id, "", TODAY)
    keys = load_ring().keys
    assert (keys[shipped.id].revoked, keys[own.id].revoked) == (TODAY, None)


def test_a_trusted_key_is_a_file_that_people_can_read_and_edit() -> None:
    path = write_key(user_folder(), ephemeral_key("line", "release", TODAY).public)
    content = yaml.safe_load(path.read_text())
    assert content["expires"] == date(2028, 6, 1)
    path.write_text(path.read_text().replace("revoked: null", "revoked: 2026-05-05"))
    assert known("line").revoked == date(2026, 5, 5)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("id: ", "id: 0", "id: "),
        ("kind: release", "kind: root", "kind: 'root'"),
        ("PUBLIC KEY", "PUBLIC", "public_key: "),
        ("name: line", "nam: line", "nam: unknown key"),
    ],
)
def test_a_damaged_key_file_is_named(old: str, new: str, message: str) -> None:
    path = write_key(user_folder(), ephemeral_key("line", "release", TODAY).public)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputError) as error:
        load_ring()
    assert f"{path}: {message}" in str(error.value)


def test_a_key_under_another_keys_id_is_refused() -> None:
    first, second = (ephemeral_key(name, "release", TODAY).public for name in ("first", "second"))
    path = write_key(user_folder(), first.model_copy(update={"id": second.id}))
    with pytest.raises(InputError, match=f"id: {second.id}; expected {first.id}"):
        read_key(path)


def test_epochs_only_grow(bundle: Path, fresh_home: Path) -> None:
    remember_epoch("tiny", 4, "release")
    remember_epoch("tiny", 2, "release")
    remember_epoch("other", 9, "release")
    remember_epoch("tiny", 1, "development")
    epochs = load_anchors().epochs
    assert epochs.release == {"tiny": 4, "other": 9}
    assert epochs.development == {"tiny": 1}
    (fresh_home / "epochs.json").write_text("{}")
    with pytest.raises(RefusedError) as error:  # a damaged memory is not taken for an empty one
        load_anchors()
    assert error.value.code is Code.JSON_ENCODING


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here")
def test_openssl_agrees_with_the_signature(make_bundle: MakeBundle, tmp_path: Path) -> None:
    """Other languages can check a bundle with what they have."""
    key = new_key("line", "release", TODAY)
    bundle = make_bundle()
    assert execute(["sign", str(bundle), "--key", "line"]) == 0
    load_bundle(bundle)
    (tmp_path / "public.pem").write_text(key.public.public_key)
    (tmp_path / "raw.sig").write_bytes(bytes.fromhex(json.loads((bundle / SIGNATURE).read_text())["signature"]))
    options = ["-verify", "-pubin", "-inkey", "public.pem", "-rawin", "-sigfile", "raw.sig", "-in"]
    command = ["openssl", "pkeyutl", *options, bundle / MANIFEST]
    assert b"Verified Successfully" in subprocess.check_output(command, cwd=tmp_path)
