"""Estimates of a prompt's tokens, by the rules that the vendors publish."""

import struct
import zlib

import pytest

from llm_relay.messages import (
    Document,
    Image,
    Options,
    Prompt,
    TextPart,
    Tool,
)
from server_b.core.token_estimates.image_size import Size, image_size
from server_b.core.token_estimates.image_tokens import image_tokens
from server_b.core.token_estimates.prompt_tokens import prompt_tokens


def png(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


def jpeg(width: int, height: int) -> bytes:
    comment = b"\xff\xfe" + struct.pack(">H", 6) + b"text"
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 17, 8, height, width, 3) + bytes(9)
    return b"\xff\xd8" + comment + frame


def webp(kind: bytes, body: bytes) -> bytes:
    return b"RIFF" + bytes(4) + b"WEBP" + kind + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(
    "data",
    [
        png(640, 480),
        jpeg(640, 480),
        b"GIF89a" + struct.pack("<HH", 640, 480),
        webp(b"VP8X", bytes(4) + (639).to_bytes(3, "little") + (479).to_bytes(3, "little")),
        webp(b"VP8 ", b"\x00\x00\x00\x9d\x01\x2a" + struct.pack("<HH", 640, 480)),
        webp(b"VP8L", b"\x2f" + struct.pack("<I", 639 | 479 << 14)),
    ],
)
def test_the_size_of_an_image_is_read_from_its_header(data: bytes) -> None:
    assert image_size(data) == Size(640, 480)


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"text", png(0, 5), webp(b"VP8X", b"")])
def test_a_file_without_a_size_has_none(data: bytes) -> None:
    assert image_size(data) is None


@pytest.mark.parametrize(
    ("data", "detail", "provider", "tokens"),
    [
        (png(1024, 1024), "high", "openai", 765),  # the vendor's own examples
        (png(2048, 4096), "high", "openai", 1105),
        (png(4096, 8192), "low", "openai", 85),
        (png(200, 200), "", "bedrock", 54),
        (png(1000, 1000), "", "bedrock", 1334),
        (png(8000, 8000), "", "bedrock", 1600),
        (b"?", "", "openai", 765),
    ],
)
def test_an_image_has_the_tokens_of_the_vendors_rules(data: bytes, detail: str, provider: str, tokens: int) -> None:
    assert image_tokens(Image(media_type="image/png", data=data, detail=detail), provider) == tokens


def test_images_documents_and_tools_are_counted() -> None:
    text = prompt_tokens(Prompt(message="Hello"), "openai")
    image = Image(media_type="image/png", data=png(1024, 1024))
    document = Document(media_type="application/pdf", name="a.pdf", data=b"/Type /Pages /Type /Page /Type /Page")
    with_parts = Prompt(message="Hello", parts=(image, document, TextPart(text="and more")))
    assert prompt_tokens(with_parts, "openai") == text + 765 + 2 * 1500 + 2
    tool = Tool(name="weather", description="Tells the weather", input_schema_json='{"type": "object"}')
    assert prompt_tokens(Prompt(message="Hello", options=Options(tools=(tool,))), "openai") > text + 5
