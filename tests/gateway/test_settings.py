"""What the gateway's settings accept; each bad one is named, with the fix."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from gateway.settings import GatewaySettings
from llm_relay.program.settings.program_settings import SettingsError
from llm_relay.tls.authority import Authority


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"http_port": "eight"}, "HTTP_PORT"),
        ({"http_port": "65536"}, "HTTP_PORT"),
        ({"drain_seconds": "-1"}, "DRAIN_SECONDS"),
        ({"drain_seconds": "nan"}, "DRAIN_SECONDS"),
        ({"server_b_tls": "true", "server_b_ca_file": "none.pem"}, "SERVER_B_CA_FILE"),
        ({"http_tls_cert_file": "none.pem"}, "HTTP_TLS_KEY_FILE"),
        ({"http_tls_cert_file": "none.pem", "http_tls_key_file": "none.pem"}, "HTTP_TLS_CERT_FILE"),
    ],
    ids=str,
)
def test_a_bad_setting_is_named_in_one_line(given: dict[str, str], name: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        GatewaySettings.read(**given)
    assert name in str(refusal.value)
    assert len(str(refusal.value).splitlines()) == 1


def test_a_pair_that_belongs_together_is_accepted(tmp_path: Path) -> None:
    pair = Authority(tmp_path, "authority").issue("gateway")
    settings = GatewaySettings.read(http_tls_cert_file=pair.cert_file, http_tls_key_file=pair.key_file)
    assert settings.serves_tls


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    cert_file, key_file = authority.issue("one").cert_file, authority.issue("two").key_file
    with pytest.raises(SettingsError, match="HTTP_TLS_KEY_FILE"):
        GatewaySettings.read(http_tls_cert_file=cert_file, http_tls_key_file=key_file)


def test_an_encrypted_key_is_refused_without_a_prompt(tmp_path: Path) -> None:
    pair = Authority(tmp_path, "authority").issue("gateway")
    key = load_pem_private_key(Path(pair.key_file).read_bytes(), None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    Path(pair.key_file).write_bytes(locked)
    with pytest.raises(SettingsError, match="unencrypted"):
        GatewaySettings.read(http_tls_cert_file=pair.cert_file, http_tls_key_file=pair.key_file)


def test_origins_are_read_as_a_list() -> None:
    settings = GatewaySettings.read(cors_origins="https://a.example/, https://b.example,")
    assert settings.origins == ("https://a.example", "https://b.example")
