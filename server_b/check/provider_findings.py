"""Checks that a provider can be reached, accepts the key and has the default model, at no cost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection

from llm_relay.check.findings import Finding, failure, ok
from llm_relay.errors import ProviderAuth, ProviderUnavailable, RelayError
from server_b.check.openai_paths import completions_fault
from server_b.composition import create_provider
from server_b.providers.listing_timeout import LIST_TIMEOUT_S, list_models
from server_b.settings import ServerBSettings

SHOWN_MODELS = 6
_KEY_SETTINGS = {"openai": "OPENAI_API_KEY", "bedrock": "AWS_REGION and AWS credentials"}
_ADDRESS_SETTINGS = {"openai": "OPENAI_BASE_URL", "bedrock": "AWS_REGION or AWS_ENDPOINT_URL_BEDROCK_RUNTIME"}
_PROXY_SETTINGS = "HTTP_PROXY, HTTPS_PROXY and NO_PROXY"
_UNNAMED = {"openai_default_model": ""}


async def provider_finding(name: str, settings: ServerBSettings, *, within_s: float = LIST_TIMEOUT_S) -> Finding:
    """Returns whether a provider of the settings can be asked, within `within_s` seconds."""
    try:
        async with asyncio.timeout(within_s):
            match name:
                case "openai":
                    return await _openai_finding(settings)
                case "bedrock":
                    return await _bedrock_finding(settings)
                case _:
                    return await _other_finding(name, settings)
    except ValueError as error:  # a setting that only the provider itself checks
        return failure(str(error))
    except TimeoutError:
        return failure(f"AI_PROVIDER: {name} does not list its models within {within_s:g} s")
    except RelayError as error:
        return failure(_failure_text(name, error, settings))


async def _openai_finding(settings: ServerBSettings) -> Finding:
    # The provider adds its default model to the list; without a default, the list is the server's own.
    async with contextlib.AsyncExitStack() as stack:
        provider = create_provider("openai", settings.model_copy(update=_UNNAMED))
        stack.push_async_callback(provider.close)
        try:
            names = set((await list_models(provider)).models) - {""}
        except (ProviderAuth, ProviderUnavailable):
            raise
        except RelayError:
            if fault := await completions_fault(settings):
                return failure(fault)
            raise
    default = settings.openai_default_model
    if not names:
        fault = await completions_fault(settings)
        return failure(fault) if fault else ok(_answers("openai", default, "this server does not list its models"))
    if default not in names and f"{default}:latest" not in names:
        return failure(_missing_model("OPENAI_DEFAULT_MODEL", "openai", default, names))
    return ok(_answers("openai", default))


async def _bedrock_finding(settings: ServerBSettings) -> Finding:
    from server_b.providers.bedrock.models.model_ids import list_names
    from server_b.providers.bedrock.provider import BedrockProvider

    provider = create_provider("bedrock", settings)
    try:
        names = await provider.aws_models() if isinstance(provider, BedrockProvider) else ()
    finally:
        await provider.close()
    default = provider.default_model
    if not default.startswith("arn:") and default not in names and not set(list_names(default)) & set(names):
        return failure(_missing_model("BEDROCK_DEFAULT_MODEL", "bedrock", default, names))
    return ok(_answers("bedrock", default))


async def _other_finding(name: str, settings: ServerBSettings) -> Finding:
    provider = create_provider(name, settings)
    try:
        models = await list_models(provider)
    finally:
        await provider.close()
    return ok(_answers(name, models.default_model, models.note))


def _answers(name: str, default_model: str, note: str = "") -> str:
    return f"AI_PROVIDER: {name} answers, default model {default_model}{f' ({note})' if note else ''}"


def _missing_model(setting: str, name: str, default: str, names: Collection[str]) -> str:
    import difflib

    near = difflib.get_close_matches(default, names, n=SHOWN_MODELS, cutoff=0.4)
    shown = list(dict.fromkeys([*near, *sorted(names)]))[:SHOWN_MODELS]
    more = f" or another of its {len(names)} models" if len(names) > len(shown) else ""
    return f"{setting}: {name} has no model {default}: set it to {', '.join(shown)}{more}"


def _failure_text(name: str, error: RelayError, settings: ServerBSettings) -> str:
    said = error.message if error.message != error.default_message else ""
    why = "; ".join(filter(None, (said, error.operator_detail))) or error.default_message
    match error:
        case ProviderAuth():
            fix = f"set {_KEY_SETTINGS.get(name, 'AI_PROVIDER')} to what it accepts"
            return f"AI_PROVIDER: {name} refuses the key or the account ({error.reason}): {why}; {fix}"
        case ProviderUnavailable() if not error.may_have_worked:
            setting = _PROXY_SETTINGS if "the proxy" in why else _ADDRESS_SETTINGS.get(name, "AI_PROVIDER")
            if setting == "OPENAI_BASE_URL" and not settings.openai_base_url:
                setting = "this machine's internet access, or set HTTPS_PROXY"
            return f"AI_PROVIDER: {name} cannot be reached ({error.reason}): {why}; check {setting}"
        case _:
            return f"AI_PROVIDER: {name} fails ({error.reason}): {why}"
