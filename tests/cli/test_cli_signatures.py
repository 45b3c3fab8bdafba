"""A signature of a run, made by model-signing itself with real keys, holds for that run and no other."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from audit.errors import ExitCode
from tests.kept_run import KEPT

DAY = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def pem(private) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_pem(private) -> bytes:
    return private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def certificate(subject: str, key, issuer: str, issuer_key, *, authority: bool) -> bytes:
    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    usage = {"digital_signature": not authority, "key_cert_sign": authority, "crl_sign": authority}
    others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    made = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(DAY)
        .not_valid_after(DAY + dt.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(**usage, **dict.fromkeys(others, False), encipher_only=False, decipher_only=False),
            critical=True,
        )
        .sign(issuer_key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


def sign(how: str, what: Path, signature: Path, *words: object) -> Path:
    command = [Path(sys.executable).parent / "model_signing", "sign", how, what, "--signature", signature, *words]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    return signature


@pytest.fixture(scope="module")
def signed(cli, tmp_path_factory) -> Path:
    """A run, a key, a certificate and who vouches for it, and the signatures that they make."""
    place = tmp_path_factory.mktemp("signed")
    run = shutil.copytree(KEPT, place / "run")
    assert cli("report", run).code == ExitCode.INCONCLUSIVE
    ours, other, root = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    for name, content in {
        "ours.key": pem(ours),
        "ours.pub": public_pem(ours),
        "other.pub": public_pem(other),
        "rsa.pub": public_pem(rsa.generate_private_key(65537, 2048)),
        "root.pem": certificate("root", root, "root", root, authority=True),
        "other-root.pem": certificate("root", other, "root", other, authority=True),
        "ours.pem": certificate("auditor", ours, "root", root, authority=False),
    }.items():
        place.joinpath(name).write_bytes(content)
    key = ("--private_key", place / "ours.key")
    sign("key", run / "run.json", place / "key.sig", *key)
    named = ("--signing_certificate", place / "ours.pem", "--certificate_chain", place / "root.pem")
    sign("certificate", run / "run.json", place / "cert.sig", *key, *named)
    place.joinpath("elsewhere.json").write_text("{}", encoding="utf-8")
    sign("key", place / "elsewhere.json", place / "elsewhere.sig", *key)
    return place


def verified(cli, place: Path, signature: str, *words: str, run: str = "run"):
    named = [word if word.startswith("--") else place / word for word in words]
    return cli("verify", place / run, "--signature", place / signature, *named, "--json")


@pytest.mark.parametrize(
    ("signature", "words"),
    [("key.sig", ("--public-key", "ours.pub")), ("cert.sig", ("--certificate-chain", "root.pem"))],
)
def test_a_signature_of_this_run_holds(cli, signed, signature, words):
    said = verified(cli, signed, signature, *words)
    assert (said.code, said.json["holds"]) == (ExitCode.OK, True), said.err
    assert said.json["links"][-1]["name"] == "signature"


@pytest.mark.parametrize(
    ("signature", "words"),
    [
        ("key.sig", ("--public-key", "other.pub")),
        ("elsewhere.sig", ("--public-key", "ours.pub")),
        ("cert.sig", ("--certificate-chain", "other-root.pem")),
    ],
)
def test_a_signature_by_another_or_of_something_else_is_a_broken_link(cli, signed, signature, words):
    said = verified(cli, signed, signature, *words)
    assert said.code == ExitCode.ENVIRONMENT
    assert [link["name"] for link in said.json["links"] if not link["holds"]] == ["signature"]


def test_a_copy_of_a_run_under_another_name_is_as_well_signed(cli, signed, tmp_path):
    shutil.copytree(signed / "run", signed / "renamed")
    said = verified(cli, signed, "key.sig", "--public-key", "ours.pub", run="renamed")
    assert said.code == ExitCode.OK


def test_a_run_that_was_written_anew_with_its_digests_is_not_what_was_signed(cli, signed, tmp_path):
    """What nothing but a signature shows: a folder that was changed, and its record with it."""
    run = shutil.copytree(signed / "run", tmp_path / "run")
    (run / "report.html").write_text("All is well.", encoding="utf-8")
    record = json.loads((run / "run.json").read_bytes())
    record["files"]["report.html"] = hashlib.sha256(b"All is well.").hexdigest()
    (run / "run.json").write_text(json.dumps(record), encoding="utf-8")
    assert cli("verify", run).code == ExitCode.OK
    said = cli("verify", run, "--signature", signed / "key.sig", "--public-key", signed / "ours.pub", "--json")
    assert said.code == ExitCode.ENVIRONMENT
    assert [link["name"] for link in said.json["links"] if not link["holds"]] == ["signature"]


def test_a_file_that_changed_is_told_beside_a_signature_that_holds(cli, signed, tmp_path):
    run = shutil.copytree(signed / "run", tmp_path / "run")
    with (run / "report.html").open("a", encoding="utf-8") as page:
        page.write(" ")
    said = cli("verify", run, "--signature", signed / "key.sig", "--public-key", signed / "ours.pub", "--json")
    assert said.code == ExitCode.ENVIRONMENT
    assert {link["name"]: link["holds"] for link in said.json["links"]}["signature"] is True
    assert {link["name"]: link["holds"] for link in said.json["links"]}["record"] is False


@pytest.mark.parametrize("change", ["sig", "payload"])
def test_a_signature_that_was_touched_does_not_hold(cli, signed, tmp_path, change):
    bundle = json.loads((signed / "key.sig").read_bytes())
    envelope = bundle["dsseEnvelope"]
    if change == "sig":
        envelope["signatures"][0]["sig"] = "AAAA" + envelope["signatures"][0]["sig"][4:]
    else:
        envelope["payload"] = json.loads((signed / "elsewhere.sig").read_bytes())["dsseEnvelope"]["payload"]
    touched = tmp_path / "touched.sig"
    touched.write_text(json.dumps(bundle), encoding="utf-8")
    said = cli("verify", signed / "run", "--signature", touched, "--public-key", signed / "ours.pub", "--json")
    assert said.code == ExitCode.ENVIRONMENT
    assert [link["name"] for link in said.json["links"] if not link["holds"]] == ["signature"]


@pytest.mark.parametrize(
    ("signature", "words", "told"),
    [
        ("key.sig", (), "--public-key"),
        ("key.sig", ("--public-key", "ours.pub", "--certificate-chain", "root.pem"), "one of"),
        ("not-there.sig", ("--public-key", "ours.pub"), "not-there.sig"),
        ("key.sig", ("--public-key", "not-there.pub"), "not-there.pub"),
        ("key.sig", ("--public-key", "root.pem"), "root.pem"),
        ("key.sig", ("--public-key", "rsa.pub"), "rsa.pub"),
        ("cert.sig", ("--certificate-chain", "ours.pub"), "ours.pub"),
        ("ours.pub", ("--public-key", "ours.pub"), "model_signing sign"),
        ("elsewhere.json", ("--public-key", "ours.pub"), "model_signing sign"),
        ("key.sig", ("--certificate-chain", "root.pem"), "--public-key"),
        ("cert.sig", ("--public-key", "ours.pub"), "--certificate-chain"),
        ("keyless.sig", ("--public-key", "ours.pub"), "network"),
    ],
)
def test_what_cannot_tell_whether_a_signature_holds_is_refused(cli, signed, signature, words, told):
    bundle = json.loads((signed / "cert.sig").read_bytes())
    bundle["verificationMaterial"] = {"certificate": {"rawBytes": ""}, "tlogEntries": [{}]}
    signed.joinpath("keyless.sig").write_text(json.dumps(bundle), encoding="utf-8")
    said = verified(cli, signed, signature, *words)
    assert said.code == ExitCode.USAGE
    assert told in said.complaint


def test_a_key_without_a_signature_is_refused(cli, signed):
    said = cli("verify", signed / "run", "--public-key", signed / "ours.pub")
    assert said.code == ExitCode.USAGE
    assert "--signature" in said.complaint


def test_without_model_signing_it_is_said_how_to_get_it(cli, signed, monkeypatch):
    monkeypatch.setitem(sys.modules, "model_signing.verifying", None)
    monkeypatch.delitem(sys.modules, "audit.evidence.signatures", raising=False)
    said = verified(cli, signed, "key.sig", "--public-key", "ours.pub")
    assert said.code == ExitCode.ENVIRONMENT
    assert "clip-audit[signing]" in said.complaint
