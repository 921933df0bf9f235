"""Reads and checks the PEM files that settings name."""

from __future__ import annotations

import ssl
from pathlib import Path


def read_pem(name: str, path: str) -> bytes:
    """Reads a PEM file. Raises ValueError, which names the setting `name`, if it cannot be read or contains no PEM."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        raise ValueError(f"{name}: cannot read {shown_path(path)}: {why}") from error
    if b"-----BEGIN " not in data:
        raise ValueError(f"{name}: {shown_path(path)} contains no PEM block (-----BEGIN …)")
    return data


def check_pair(cert_name: str, cert_file: str, key_name: str, key_file: str) -> None:
    """Raises ValueError, which names the settings, unless the files are a certificate and its own unencrypted key."""
    if b"ENCRYPTED" in read_pem(key_name, key_file):
        raise ValueError(f"{key_name}: {shown_path(key_file)} has a passphrase: give an unencrypted key")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert_file, key_file, password="")
    except OSError as error:  # ssl.SSLError too
        files = f"{shown_path(cert_file)} and {shown_path(key_file)}"
        raise ValueError(f"{cert_name} and {key_name}: {files} are not a certificate and its own key") from error


def check_authorities(name: str, path: str) -> None:
    """Raises ValueError, which names the setting, unless the file contains certificates."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except OSError as error:
        raise ValueError(f"{name}: {shown_path(path)} contains no certificate that can be read") from error


def shown_path(path: str) -> str:
    """Returns a path as errors and checks show it: absolute, with a note if it depends on the working folder."""
    absolute = Path(path).absolute()
    return str(absolute) if Path(path).is_absolute() else f"{absolute} (relative to the working folder)"
