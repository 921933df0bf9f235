"""The boto3 session and its clients; whatever is wrong with their settings is known at the start."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, InvalidRegionError, ProfileNotFound

from server_b.providers.bedrock.line import make_cuttable

NO_RETRIES = {"total_max_attempts": 1, "mode": "standard"}
CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 3600
"""A model may think long, and the Relay knows how long a call may take; this ends what nobody watches."""
LIST_TIMEOUT_S = 5


def create_session(
    *, access_key_id: str, secret_access_key: str, session_token: str, profile: str, region: str
) -> boto3.Session:
    """Makes a session that has credentials, blank arguments left to boto3: environment, profile, role, instance.

    Looks for an instance's role where there is nothing else, which takes a few seconds at most. Raises ValueError
    that names the variable and the mend.
    """
    keys = (access_key_id, secret_access_key, session_token or None) if access_key_id else (None, None, None)
    with _settings_errors(profile, region):
        core = botocore.session.Session(profile=profile or None)
        session = boto3.Session(*keys, region_name=region, botocore_session=core)
        # Bedrock's own API keys are no credentials in boto3's sense.
        if session.get_credentials() is None and core.get_auth_token(signing_name="bedrock") is None:
            raise ValueError(
                "AWS_ACCESS_KEY_ID: no AWS credentials were found; set it and AWS_SECRET_ACCESS_KEY,"
                " or AWS_PROFILE, or run where a role is given"
            )
    return session


def create_runtime(session: boto3.Session, *, endpoint_url: str, concurrency: int) -> Any:
    """Makes the client that converses; its calls must run in Threads. Raises ValueError like create_session."""
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        max_pool_connections=concurrency,
        retries=NO_RETRIES,
        tcp_keepalive=True,
    )
    return _create_client(session, "bedrock-runtime", endpoint_url, config)


def create_catalogue(session: boto3.Session, *, endpoint_url: str) -> Any:
    """Makes the client that lists models; its calls must run in Threads. Raises ValueError like create_session.

    Where the runtime has an endpoint of its own, the models are asked of that endpoint too, never of AWS itself.
    """
    config = Config(connect_timeout=LIST_TIMEOUT_S, read_timeout=LIST_TIMEOUT_S, retries=NO_RETRIES)
    return _create_client(session, "bedrock", endpoint_url, config)


def _create_client(session: boto3.Session, service: str, endpoint_url: str, config: Config) -> Any:
    with _settings_errors(session.profile_name, session.region_name):
        try:
            client = session.client(service, endpoint_url=endpoint_url or None, config=config)
        except InvalidRegionError:
            raise
        except ValueError as error:
            raise ValueError(
                "AWS_ENDPOINT_URL_BEDROCK_RUNTIME: is no URL; write https://HOST or http://HOST:PORT"
            ) from error
    make_cuttable(client)
    return client


@contextlib.contextmanager
def _settings_errors(profile: str, region: str) -> Iterator[None]:
    try:
        yield
    except ProfileNotFound as error:
        raise ValueError(
            f"AWS_PROFILE: there is no profile {profile!r} in ~/.aws/config or ~/.aws/credentials"
        ) from error
    except InvalidRegionError as error:
        raise ValueError(f"AWS_REGION: {region!r} is no region; write one such as us-east-1") from error
    except BotoCoreError as error:
        raise ValueError(
            f"AWS_PROFILE: boto3 cannot start with this account ({type(error).__name__});"
            " check ~/.aws, AWS_ACCESS_KEY_ID and AWS_PROFILE"
        ) from error
