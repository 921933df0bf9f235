"""The AWS account: the credentials, region and endpoints that boto3's session finds. Read once, at the start."""

from __future__ import annotations

import contextlib
import os
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.exceptions import BotoCoreError, InvalidRegionError, ProfileNotFound, UnknownRegionError
from botocore.utils import get_token_from_environment, validate_region_name

from server_b.providers.bedrock.account.credentials import Credentials
from server_b.providers.bedrock.account.signing import SIGNING_NAME, BearerSigner, Signer, SigV4Signer
from server_b.providers.bedrock.models.model_ids import COMMERCIAL

ENDPOINT_SETTING = "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What is needed to ask Bedrock on behalf of an AWS account."""

    region: str
    partition: str
    """The group of regions that `region` belongs to: aws, aws-us-gov, aws-cn and so on."""
    runtime_url: str
    """URL at which models are asked."""
    control_url: str
    """URL at which models and inference profiles are listed."""
    signer: Signer
    tls: ssl.SSLContext | None
    """The trusted certificates; None: those that the system trusts."""


def open_account(
    *,
    access_key_id: str,
    secret_access_key: str,
    session_token: str,
    profile: str,
    region: str,
    endpoint_url: str,
) -> Account:
    """Finds the account. boto3 finds the values of blank arguments: from environment, profile, role or instance.

    If there is nothing else, it looks for an instance's role, for a few seconds at most. If the runtime has a
    configured endpoint, models are listed there too, never at AWS. Raises ValueError that names the variable and the
    fix.
    """
    keys = (access_key_id, secret_access_key, session_token or None) if access_key_id else (None, None, None)
    with _settings_errors(profile, region):
        validate_region_name(region)
        core = botocore.session.Session(profile=profile or None)
        session = boto3.Session(*keys, region_name=region, botocore_session=core)
        return Account(
            region=region,
            partition=_partition(session, region),
            runtime_url=_checked(endpoint_url) or _endpoint("bedrock-runtime", profile, region),
            control_url=_checked(endpoint_url) or _endpoint("bedrock", profile, region),
            signer=_signer(session, region),
            tls=_trusted(core.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE", "")),
        )


def _signer(session: boto3.Session, region: str) -> Signer:
    # As in boto3, a Bedrock API key takes precedence over all other credentials.
    if api_key := get_token_from_environment(SIGNING_NAME):
        return BearerSigner(api_key)
    found = session.get_credentials()
    if found is None:
        raise ValueError(
            "AWS_ACCESS_KEY_ID: no AWS credentials were found; set it and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE,"
            " or run on a machine that has a role"
        )
    return SigV4Signer(Credentials(found), region)


def _trusted(ca_bundle: str) -> ssl.SSLContext | None:
    """Returns a context that trusts the certificates of a file or folder, if one is named, as boto3 does."""
    if not ca_bundle:
        return None
    path = Path(ca_bundle).expanduser()
    try:
        return ssl.create_default_context(
            cafile=None if path.is_dir() else path, capath=path if path.is_dir() else None
        )
    except OSError as error:  # ssl.SSLError is one too
        reason = error.strerror or "it has no certificates"
        raise ValueError(f"AWS_CA_BUNDLE: cannot read {path.absolute()}: {reason.lower()}") from error


def _partition(session: boto3.Session, region: str) -> str:
    try:
        return str(session.get_partition_for_region(region))
    except UnknownRegionError:  # a region newer than this boto3, or of an emulator
        return COMMERCIAL


def _endpoint(service: str, profile: str, region: str) -> str:
    """Returns the URL that boto3 would ask, which the environment and ~/.aws/config can change.

    Only a boto3 client knows it. The client is made in a session of its own, so that the service's description, which
    takes several megabytes, is freed with it.
    """
    core = botocore.session.Session(profile=profile or None)
    session = boto3.Session("unused", "unused", region_name=region, botocore_session=core)
    client = session.client(service)
    client.close()
    return str(client.meta.endpoint_url).rstrip("/")


def _checked(url: str) -> str:
    if url and not _is_url(url):
        raise ValueError(f"{ENDPOINT_SETTING}: is not a URL; write https://HOST or http://HOST:PORT")
    return url.rstrip("/")


def _is_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and has_port and bool(parts.hostname) and " " not in url


@contextlib.contextmanager
def _settings_errors(profile: str, region: str) -> Iterator[None]:
    try:
        yield
    except ProfileNotFound as error:
        raise ValueError(
            f"AWS_PROFILE: there is no profile {profile!r} in ~/.aws/config or ~/.aws/credentials"
        ) from error
    except InvalidRegionError as error:
        raise ValueError(f"AWS_REGION: {region!r} is not a region; write one such as us-east-1") from error
    except BotoCoreError as error:
        raise ValueError(
            f"AWS_PROFILE: boto3 cannot start with this account ({type(error).__name__});"
            " check ~/.aws, AWS_ACCESS_KEY_ID and AWS_PROFILE"
        ) from error
