"""Validates Converse requests against AWS's own service model, from the installed botocore."""

import base64
import json
import re
from typing import Any

import botocore.session
from botocore.model import Shape
from botocore.serialize import create_serializer
from botocore.validate import ParamValidator

_OPERATION = botocore.session.get_session().get_service_model("bedrock-runtime").operation_model("Converse")


def assert_valid(body: dict[str, Any]) -> None:
    """Raises AssertionError unless AWS accepts this body, and boto3 would send the same one."""
    given = {"modelId": "m", **body}
    report = ParamValidator().validate(given, _OPERATION.input_shape)
    assert not report.has_errors(), report.generate_report()
    _assert_words(given, _OPERATION.input_shape, "")
    sent = create_serializer("rest-json").serialize_to_request(_with_bytes(given), _OPERATION)
    assert json.loads(sent["body"]) == body


def _assert_words(value: Any, shape: Shape, place: str) -> None:
    """Checks what the validator does not: enum values, patterns, and unions of one member."""
    if shape.type_name == "structure" and not getattr(shape, "is_document_type", False):
        assert not getattr(shape, "is_tagged_union", False) or len(value) == 1, place
        for name, member in value.items():
            _assert_words(member, shape.members[name], f"{place}.{name}")
    elif shape.type_name == "list":
        for index, member in enumerate(value):
            _assert_words(member, shape.member, f"{place}[{index}]")
    elif shape.type_name == "map":
        for name, member in value.items():
            _assert_words(name, shape.key, f"{place}.{name}")
            _assert_words(member, shape.value, f"{place}.{name}")
    elif shape.type_name == "string":
        assert not shape.enum or value in shape.enum, (place, value)
        pattern, most = shape.metadata.get("pattern"), shape.metadata.get("max")
        assert pattern is None or re.search(rf"\A(?:{pattern})\Z", value), (place, value)
        assert most is None or len(value) <= most, (place, value)


def _with_bytes(value: Any) -> Any:
    """Decodes the base64 in a body: boto3 wants bytes, and encodes them itself."""
    if isinstance(value, list):
        return [_with_bytes(one) for one in value]
    if not isinstance(value, dict):
        return value
    blobs = ("bytes", "redactedContent")
    return {
        name: base64.b64decode(one) if name in blobs and isinstance(one, str) else _with_bytes(one)
        for name, one in value.items()
    }
