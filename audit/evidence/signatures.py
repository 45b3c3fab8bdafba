"""Signatures of finished runs, as model-signing makes them of ``run.json``, which holds the digests of all else.

A key or a certificate says offline whether a signature holds. Who made a keyless one only sigstore's services can say,
on the network; model-signing asks them by itself.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from audit.errors import UsageProblem, missing_extra
from audit.evidence.chain import Link
from audit.evidence.files import disk_problems
from audit.evidence.store import RUN_NAME
from audit.opening import LARGEST, read_regular
from audit.parsing import parse_json

try:
    from model_signing.verifying import Config
except ImportError as error:
    raise missing_extra(f"Signatures need model-signing: {error}.", "signing") from error

_LARGEST: Final = 2**20
"""Bytes of a signature, a key, or a list of certificates."""
_KEY: Final = "publicKey"
_CERTIFICATE: Final = "x509CertificateChain"


def check_signature(folder: Path, signature: Path, public_key: Path | None, certificates: Path | None) -> Link:
    """Tell whether a signature is of the ``run.json`` of a run, by this key or by who these certificates vouch for.

    Args:
        folder: The run; that its files are those of ``run.json`` the other links of its chain say.
        signature: As ``model_signing sign`` writes it.
        public_key: PEM of an elliptic curve (P-256, P-384 or P-521).
        certificates: PEM of those that vouch for the certificate in the signature; the time that counts is the one
            from which on that certificate was valid.

    Raises:
        UsageProblem: If a file is no key, no certificate or no signature, or the signature is of another kind.
        EnvironmentProblem: If model-signing is not installed, or a file cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="clip-audit-") as place:
        # the library opens what it is given by name, so it is given copies of regular files of a bounded size
        signed = _copied(signature, Path(place, "signature"))
        vouching = _copied(public_key or certificates or folder, Path(place, "vouching"))
        record = _copied(folder / RUN_NAME, Path(place, RUN_NAME), most=LARGEST)
        _check_kind(signature, signed, wanted=_CERTIFICATE if public_key is None else _KEY)
        with contextlib.redirect_stdout(sys.stderr):  # the library warns on stdout, where answers for programs go
            config = _config(public_key, certificates, vouching)
            return Link(
                name="signature",
                about=f"{signature} is of this {RUN_NAME}, by {public_key or certificates}",
                problem=_reason(config, record, signed),
            )


def _copied(path: Path, copy: Path, *, most: int = _LARGEST) -> Path:
    with disk_problems("Reading", path):
        data = read_regular(path, most=most)
    with disk_problems("Writing", copy):
        copy.write_bytes(data)
    return copy


def _check_kind(name: Path, copy: Path, *, wanted: str) -> None:
    """Refuse what is no signature, and one that cannot be checked by what was given."""
    try:
        bundle = parse_json(read_regular(copy, most=_LARGEST))
    except ValueError:
        bundle = None
    material = bundle.get("verificationMaterial") if isinstance(bundle, dict) else None
    if not isinstance(bundle, dict) or not isinstance(material, Mapping) or "dsseEnvelope" not in bundle:
        raise UsageProblem(
            f"{name} is no signature of model-signing.",
            remedy=f"Sign with: model_signing sign key RUN/{RUN_NAME} --private_key KEY --signature FILE",
        )
    if wanted in material:
        return
    remedies = {
        _KEY: "It was made with a key: give --public-key FILE.",
        _CERTIFICATE: "It was made with a certificate: give --certificate-chain FILE.",
    }
    keyless = (
        f"It is a keyless one, which needs the network: model_signing verify sigstore RUN/{RUN_NAME} --signature FILE "
        "--identity WHO --identity_provider URL"
    )
    raise UsageProblem(
        f"{name} cannot be checked by {'a public key' if wanted == _KEY else 'certificates'}.",
        remedy=next((remedy for kind, remedy in remedies.items() if kind in material), keyless),
    )


def _config(public_key: Path | None, certificates: Path | None, copy: Path) -> Config:
    try:
        if public_key is not None:
            return Config().use_elliptic_key_verifier(public_key=copy)
        return Config().use_certificate_verifier(certificate_chain=[copy])
    except Exception as error:
        raise UsageProblem(
            f"{public_key or certificates} holds no {'certificate' if public_key is None else 'public key'} that can "
            f"be used: {_told(error)}.",
            remedy="Give PEM: a public key of P-256, P-384 or P-521, or certificates.",
        ) from error


def _reason(config: Config, record: Path, signature: Path) -> str:
    """Return why a signature does not hold; empty where it does."""
    try:
        config.verify(record, signature)
    except Exception as error:  # noqa: BLE001  (the content is a stranger's; whatever goes wrong, it does not hold)
        if "Signature mismatch" in str(error):
            return f"the signature is of something else than this {RUN_NAME}"
        return f"it does not hold: {_told(error)}"
    return ""


def _told(error: Exception) -> str:
    """Return what a library said in a line; what is raised without words has a name that says it."""
    return " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
