"""Finds out why Server B cannot be reached: connects step by step, and names the fix for each failure."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass

from llm_relay.addresses import shown_address
from llm_relay.client.channel import Dial
from llm_relay.targets import socket_path, target_addresses

STEP_LIMIT_S = 5.0
"""Time limit for each step of a connection."""
GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
"""HTTP/2's preface and empty settings: a server answers with its own settings (RFC 9113, 3.4)."""
SETTINGS_FRAME = 4
FRAME_HEAD_BYTES = 9

# https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/
_EXPIRED, _NOT_YET_VALID, _NAME_DIFFERS = {10}, {9}, {62, 64}


class Unreachable(Exception):
    """A step of the connection failed. The text names the setting and the fix."""


@dataclass(frozen=True, slots=True)
class Place:
    """One address that a target names."""

    host: str
    port: int
    name: str
    """The name that gRPC looks for in the certificate: `localhost` for a Unix socket, the first host of several."""
    path: str = ""
    """The path of a Unix socket; empty for TCP."""

    def __str__(self) -> str:
        return self.path.replace("\0", "@") or shown_address(self.host, self.port)


def places(target: str) -> list[Place]:
    """Returns the addresses of a gRPC target; none if only gRPC can resolve it. Raises ValueError for a bad port."""
    path = socket_path(target)
    if path is not None:
        return [Place("", 0, "localhost", path)]
    addresses = target_addresses(target)
    return [Place(host, port, addresses[0][0]) for host, port in addresses]


async def probe(dial: Dial, place: Place) -> None:
    """Connects to one of the target's addresses as the channel does. Raises Unreachable if it cannot."""
    try:
        await (_probe_tls(dial, place) if dial.tls else _probe_plaintext(place))
    except socket.gaierror as error:
        raise Unreachable(f"SERVER_B_TARGET: the name {place.host} cannot be resolved ({error.strerror})") from error
    except TimeoutError as error:
        raise Unreachable(
            f"SERVER_B_TARGET: no answer from {place} in {STEP_LIMIT_S:g} s:"
            " check that the machine is up, that Server B runs, and that no firewall blocks it"
        ) from error
    except (ConnectionRefusedError, FileNotFoundError) as error:
        raise Unreachable(
            f"SERVER_B_TARGET: nothing listens at {place}: start Server B there with `relay server-b`,"
            " or set SERVER_B_TARGET to where it listens"
        ) from error
    except OSError as error:
        raise Unreachable(f"SERVER_B_TARGET: {place} cannot be reached ({_reason(error)})") from error


async def _probe_plaintext(place: Place) -> None:
    if await _greets(place, None):
        return
    if await _shakes_hands(place):
        raise Unreachable(f"SERVER_B_TLS: {place} speaks TLS, and this end speaks plaintext: set SERVER_B_TLS=true")
    raise _no_grpc(place)


async def _probe_tls(dial: Dial, place: Place) -> None:
    try:
        greets = await _greets(place, _context(dial))
    except ssl.SSLCertVerificationError as error:
        raise await _untrusted(dial, place, error) from error
    except (ssl.SSLError, ConnectionResetError) as error:
        raise await _no_tls(place, error) from error
    if not greets:
        raise Unreachable(_client_certificate_fault(dial, place))


def _context(dial: Dial) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=dial.ca_file or None)
    # Like gRPC, trust an intermediate, or the certificate itself, if the file contains it.
    context.verify_flags = ssl.VERIFY_X509_TRUSTED_FIRST | ssl.VERIFY_X509_PARTIAL_CHAIN
    context.set_alpn_protocols(["h2"])
    if dial.cert_file:
        context.load_cert_chain(dial.cert_file, dial.key_file, password="")
    return context


async def _untrusted(dial: Dial, place: Place, error: ssl.SSLCertVerificationError) -> Unreachable:
    whose = f"the certificate of {place}"
    if error.verify_code in _EXPIRED:
        return Unreachable(f"SERVER_B_TLS: {whose} has expired: renew TLS_CERT_FILE at Server B")
    if error.verify_code in _NOT_YET_VALID:
        return Unreachable(f"SERVER_B_TLS: {whose} is not valid yet: check the clocks of both machines")
    if error.verify_code in _NAME_DIFFERS:
        names = ", ".join(await _names(dial, place)) or "no name"
        return Unreachable(
            f"SERVER_B_TARGET: {whose} is for {names}, not for {place.name}: set SERVER_B_TARGET"
            f" to one of its names, or give Server B a certificate that is also for {place.name}"
        )
    return Unreachable(
        f"SERVER_B_CA_FILE: {whose} is not from a trusted authority ({error.verify_message}):"
        " set SERVER_B_CA_FILE to the authority's file"
    )


async def _names(dial: Dial, place: Place) -> tuple[str, ...]:
    context = _context(dial)
    context.check_hostname = False
    async with _connection(place, context) as (_, writer):
        shown = writer.get_extra_info("peercert")
    return tuple(name for _, name in shown.get("subjectAltName", ()))


async def _no_tls(place: Place, error: OSError) -> Unreachable:
    with contextlib.suppress(OSError):
        if await _greets(place, None):
            return Unreachable(
                f"SERVER_B_TLS: {place} speaks plaintext, and this end speaks TLS: set TLS_CERT_FILE and TLS_KEY_FILE"
                " at Server B, or SERVER_B_TLS=false here"
            )
    return Unreachable(f"SERVER_B_TLS: TLS with {place} fails ({_reason(error)}): another program may use the port")


def _client_certificate_fault(dial: Dial, place: Place) -> str:
    if dial.cert_file:
        return (
            f"SERVER_B_CLIENT_CERT_FILE: {place} refuses this certificate: it must be from an authority in"
            " TLS_CLIENT_CA_FILE at Server B, and be valid now"
        )
    return (
        f"SERVER_B_CLIENT_CERT_FILE: {place} accepts only clients with a certificate: set SERVER_B_CLIENT_CERT_FILE"
        " and SERVER_B_CLIENT_KEY_FILE"
    )


async def _greets(place: Place, context: ssl.SSLContext | None) -> bool:
    """Returns whether a server answers HTTP/2's preface instead of closing the connection.

    Raises OSError if it cannot connect, Unreachable if the answer is not HTTP/2.
    """
    async with _connection(place, context) as (reader, writer):
        writer.write(GREETING)
        try:
            async with asyncio.timeout(STEP_LIMIT_S):
                head = await reader.readexactly(FRAME_HEAD_BYTES)
        except TimeoutError:
            raise
        except (OSError, asyncio.IncompleteReadError):  # closed, perhaps with a TLS alert
            return False
    if head[3] != SETTINGS_FRAME:
        raise _no_grpc(place)
    return True


def _no_grpc(place: Place) -> Unreachable:
    return Unreachable(f"SERVER_B_TARGET: {place} is not a gRPC server: another program may use the port")


async def _shakes_hands(place: Place) -> bool:
    """Returns whether a server speaks TLS, without checking its certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    try:
        async with _connection(place, context):
            return True
    except OSError:
        return False


@contextlib.asynccontextmanager
async def _connection(
    place: Place, context: ssl.SSLContext | None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    name = place.name if context else None
    async with asyncio.timeout(STEP_LIMIT_S):
        if place.path:
            reader, writer = await asyncio.open_unix_connection(place.path, ssl=context, server_hostname=name)
        else:
            reader, writer = await asyncio.open_connection(place.host, place.port, ssl=context, server_hostname=name)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


def _reason(error: OSError) -> str:
    reason = getattr(error, "reason", None) or error.strerror or type(error).__name__
    return str(reason).replace("_", " ").lower()
