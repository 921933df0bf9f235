"""Decodes bytes within a JSON document: `data:` URLs (RFC 2397) and base64."""

from __future__ import annotations

import base64
import binascii

from gateway.openai.errors import BadParam
from llm_relay.messages import Image


def bytes_of_data_url(url: str, place: str) -> tuple[str, bytes]:
    """Returns the media type and the bytes of a base64 `data:` URL. Raises BadParam that names `place`."""
    head, comma, text = url.removeprefix("data:").partition(",")
    media_type, _, encoding = head.partition(";")
    if not url.startswith("data:") or not comma or not media_type or "base64" not in encoding.split(";"):
        raise BadParam(place, f"{place}: must be a data: URL with a media type and base64")
    try:
        return media_type, base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadParam(place, f"{place}: is not valid base64") from error


def image_of_url(url: str, detail: str, place: str) -> Image:
    """Returns the image of a URL: the bytes of a `data:` URL, or else a reference that the provider fetches."""
    if url.startswith("data:"):
        media_type, data = bytes_of_data_url(url, place)
        return Image(media_type=media_type, data=data, detail=detail)
    return Image(url=url, detail=detail)


def given_bytes(text: str | None, place: str) -> bytes:
    """Decodes base64 from an earlier answer. Raises BadParam that names `place`."""
    try:
        return base64.b64decode(text or "", validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadParam(place, f"{place}: must be the unchanged base64 of the answer") from error
