"""A certificate authority for tests and trusted networks, which issues certificates for both ends of the relay."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

LOOPBACK = ("localhost", "127.0.0.1", "::1")
CLOCKS_DIFFER = timedelta(hours=1)
HOUR = timedelta(hours=1)
AUTHORITY_LIFE = timedelta(days=3650)

_CA_USAGE = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, on disk."""

    cert_file: str
    key_file: str


class Authority:
    """Issues certificates into a folder. If the folder has an authority already, its key is used."""

    def __init__(self, folder: Path, name: str) -> None:
        """Writes `name`.pem and `name`.key if they are missing."""
        self._folder = folder
        self._name = _name(name)
        self._cert, self._key_file = folder / f"{name}.pem", folder / f"{name}.key"
        if not (self._cert.exists() and self._key_file.exists()):
            _write(self._key_file, _pem(ec.generate_private_key(ec.SECP256R1())))
            _write(self._cert, self._self_signed())
        self._key = _load_key(self._key_file)

    @property
    def ca_file(self) -> str:
        """The certificate that clients need to trust this authority."""
        return str(self._cert)

    def issue(self, name: str, *, hosts: Iterable[str] = LOOPBACK, life: timedelta = HOUR) -> Pair:
        """Issues a certificate for `hosts`. A second one of the same name replaces the first on disk.

        `life` counts from now. If it is negative, the certificate has already expired.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
        certificate = _builder(_name(name), key, self._name, self._key, life).add_extension(names, critical=False)
        pair = Pair(str(self._folder / f"{name}.pem"), str(self._folder / f"{name}.key"))
        _write(Path(pair.key_file), _pem(key))
        _write(Path(pair.cert_file), certificate.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))
        return pair

    def _self_signed(self) -> bytes:
        key = _load_key(self._key_file)
        return (
            _builder(self._name, key, self._name, key, AUTHORITY_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_CA_USAGE, critical=True)
            .sign(key, hashes.SHA256())
            .public_bytes(Encoding.PEM)
        )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    life: timedelta,
) -> x509.CertificateBuilder:
    end = datetime.now(UTC) + life
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(datetime.now(UTC), end) - CLOCKS_DIFFER)
        .not_valid_after(end)
        # Python 3.13 refuses a chain without them (RFC 5280, 4.2.1).
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{path} is not a key of this command: give a folder that it has created, or a new one")  # noqa: TRY004
    return key


def _write(path: Path, data: bytes) -> None:
    """Writes a file that only its owner can read, in one step, because programs may be reading it."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
    new.replace(path)


SETTINGS = """\
# Server B
TLS_CERT_FILE={folder}/server.pem
TLS_KEY_FILE={folder}/server.key
# … and only for clients with a certificate of this authority
TLS_CLIENT_CA_FILE={folder}/ca.pem

# Server A and the gateway
SERVER_B_TLS=true
SERVER_B_CA_FILE={folder}/ca.pem
SERVER_B_CLIENT_CERT_FILE={folder}/client.pem
SERVER_B_CLIENT_KEY_FILE={folder}/client.key

# The gateway, and MCP over HTTP
HTTP_TLS_CERT_FILE={folder}/server.pem
HTTP_TLS_KEY_FILE={folder}/server.key
"""


def make_certificates(folder: Path, hosts: Sequence[str], life: timedelta) -> str:
    """Makes ca, server and client, each a .pem and a .key. Returns the lines for .env.

    A second call issues new certificates of the same authority. Raises OSError or ValueError.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = Authority(folder, "ca")
    authority.issue("server", hosts=dict.fromkeys((*LOOPBACK, *hosts)), life=life)
    authority.issue("client", hosts=("client",), life=life)
    return SETTINGS.format(folder=folder.resolve())
