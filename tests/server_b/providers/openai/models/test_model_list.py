"""Lists of models, in every form in which servers write them."""

import pytest

from llm_relay.errors import ProviderAuth, ProviderProtocol
from server_b.providers.openai.failures.errors import error_of
from server_b.providers.openai.failures.failure import Failed
from server_b.providers.openai.models.model_list import models_from_wire

LISTS = {
    "OpenAI": b'{"object":"list","data":[{"id":"a"},{"id":"b"}]}',
    "Together": b'[{"id":"a"},{"id":"b"}]',
    "BOM": b'\xef\xbb\xbf[{"id":"a"},{"id":"b"}]',
    "models": b'{"models":[{"name":"a"},{"name":"b"}]}',
    "names": b'{"data":["a","b"]}',
    "bare names": b'["a","b"]',
    "Ollama": b'{"models":[{"name":"a","model":"a"},{"name":"b","model":"b"}]}',
    "empty data, then models": b'{"data":[],"models":[{"id":"a"},{"id":"b"}]}',
    "by name": b'{"data":{"a":{"owned_by":"x"},"b":{}}}',
    "watsonx": b'{"resources":[{"model_id":"a"},{"model_id":"b"}]}',
    "results": b'{"results":[{"model_name":"a"},{"model_name":"b"}]}',
    "a success beside the list": b'{"code":0,"msg":"fine","success":true,"errors":[],"data":[{"id":"a"},{"id":"b"}]}',
    "entries that are no models": b'{"data":[{"id":"a"},{"id":"b"},{"id":7},{},null,[],""]}',
}
NONE = [b'{"data":null}', b'{"object":"list","data":[]}', b"[]", b'{"models":null}', b"null"]
BAD = [b"", b"<html>", b"{", b'{"data":7}', b'{"data":{"a":1}}', b"7"]


@pytest.mark.parametrize("case", LISTS)
def test_a_list_in_any_form_is_understood(case: str) -> None:
    assert models_from_wire(LISTS[case]).keys() == {"a", "b"}


@pytest.mark.parametrize("body", NONE)
def test_a_server_may_list_no_models(body: bytes) -> None:
    assert models_from_wire(body) == {}


@pytest.mark.parametrize(
    "body",
    [
        b'{"error":{"message":"x","code":"invalid_api_key"}}',
        b'{"success":false,"errors":[{"code":10000,"message":"Authentication error"}],"result":null}',
    ],
)
def test_a_failure_instead_of_a_list_has_its_class(body: bytes) -> None:
    with pytest.raises(Failed) as failed:
        models_from_wire(body)
    assert type(error_of(failed.value.failure)) is ProviderAuth


@pytest.mark.parametrize("body", BAD)
def test_a_document_that_is_no_list_is_a_protocol_error(body: bytes) -> None:
    with pytest.raises(ProviderProtocol):
        models_from_wire(body)
