"""Health, models and configuration as JSON."""

from datetime import UTC, datetime
from typing import Any

import pytest

from llm_relay.documents import config_document, health_document, models_document, unhealthy_document
from llm_relay.errors import ServerBUnavailable
from llm_relay.messages import Models, State, Status

NOW = datetime(2026, 11, 22, 13, 14, 15, 123_456, tzinfo=UTC)


def status(**given: Any) -> Status:
    usual: dict[str, Any] = {
        "server": "Server B",
        "version": "0.1.0",
        "state": State.HEALTHY,
        "provider": "mock",
        "provider_configured": True,
        "provider_state": State.UNSPECIFIED,
        "provider_error": "",
        "calls_processed": 0,
        "default_model": "m",
        "default_temperature": 0.0,
        "default_max_tokens": 1,
        "observed_at": NOW,
    }
    return Status(**{**usual, **given})


def test_health_names_the_providers_last_failure_only_if_there_is_one() -> None:
    assert health_document(status())["ai"] == {"configured": True, "status": "unspecified"}
    degraded = status(state=State.DEGRADED, provider_state=State.DEGRADED, provider_error="PROVIDER_AUTH")
    document = health_document(degraded)
    assert document["status"] == "degraded"
    assert document["ai"] == {"configured": True, "status": "degraded", "error": "PROVIDER_AUTH"}


@pytest.mark.parametrize("state", [State.UNSPECIFIED, State.DEGRADED])
def test_only_a_healthy_state_is_reported_as_healthy(state: State) -> None:
    assert health_document(status(state=state))["status"] == "degraded"
    assert health_document(status())["status"] == "healthy"


def test_an_unreachable_server_is_unhealthy() -> None:
    document = unhealthy_document(ServerBUnavailable("Server B cannot be reached at b:1"))
    assert document["status"] == "unhealthy"
    assert document["error"] == "Server B cannot be reached at b:1"


def test_an_absent_note_on_the_models_is_left_out() -> None:
    models = Models(provider="mock", models=("a",), default_model="a")
    assert models_document(models) == {"provider": "mock", "models": ["a"], "default": "a"}


def test_the_configuration_has_the_documented_shape() -> None:
    assert config_document(status()) == {"provider": "mock", "defaultModel": "m", "temperature": 0.0, "maxTokens": 1}
