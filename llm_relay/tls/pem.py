"""PEM files that settings name: reads and checks them."""

from __future__ import annotations

import ssl
from pathlib import Path


def read_pem(name: str, path: str) -> bytes:
    """Reads a PEM file; raises ValueError naming the setting `name` if it cannot be read or holds no PEM."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"{name}: cannot read {path} ({error.strerror})") from error
    if b"-----BEGIN " not in data:
        raise ValueError(f"{name}: {path} holds no PEM block (-----BEGIN …)")
    return data


def check_pair(cert_name: str, cert_file: str, key_name: str, key_file: str) -> None:
    """Raises ValueError naming both settings unless the files are a certificate and its own key, unencrypted."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert_file, key_file, password="")
    except OSError as error:  # ssl.SSLError too
        raise ValueError(f"{cert_name} and {key_name}: are not a certificate and its own key, unencrypted") from error


def check_authorities(name: str, path: str) -> None:
    """Raises ValueError naming the setting unless the file holds certificates."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except OSError as error:
        raise ValueError(f"{name}: {path} holds no certificate that can be read") from error
