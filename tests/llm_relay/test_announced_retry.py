"""What a client announces about its timeout and retries, read from untrusted text."""

import pytest

from llm_relay.announced_retry import ClientRetry

DIGEST = "0123456789abcdef" * 4


@pytest.mark.parametrize("digest", ["", "a" * 63, "a" * 65, "g" * 64, f"{DIGEST}\n", "٣" * 64])
def test_without_a_valid_digest_nothing_is_known(digest: str) -> None:
    assert ClientRetry.read(digest, retry_count="1", read_timeout="2") is None
    assert ClientRetry.from_metadata((("relay-body-digest", digest), ("relay-retry-count", "1"))) is None


def test_a_digest_in_capitals_is_the_same_one() -> None:
    assert ClientRetry.read(DIGEST.upper()) == ClientRetry(DIGEST)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0", 0),
        ("1", 1),
        ("1000", 1000),
        ("1001", 0),
        ("-1", 0),
        ("1.0", 0),
        ("", 0),
        ("x", 0),
        ("٣", 0),
        ("9" * 99, 0),
    ],
)
def test_a_bad_retry_count_counts_as_no_announcement(text: str, count: int) -> None:
    assert ClientRetry.read(DIGEST, retry_count=text) == ClientRetry(DIGEST, count)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("1.5", 1.5), ("600", 600.0), ("1e-05", 1e-05), ("1E3", 1000.0)),
        *((bad, None) for bad in ("0", "-1", "inf", "nan", "1e999", "1_0", "", " 1", "e", "0x1", "1" * 33, "٣")),
    ],
)
def test_a_bad_timeout_is_unknown(text: str, seconds: float | None) -> None:
    assert ClientRetry.read(DIGEST, read_timeout=text) == ClientRetry(DIGEST, 0, seconds)


@pytest.mark.parametrize("retry", [ClientRetry(DIGEST), ClientRetry(DIGEST, 1000, 1.5), ClientRetry(DIGEST, 1, 1e-7)])
def test_what_is_sent_as_metadata_is_read_back(retry: ClientRetry) -> None:
    assert ClientRetry.from_metadata(retry.metadata) == retry


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("body_digest", ("A" * 64,)),
        ("retry_count", (DIGEST, 1001)),
        ("retry_count", (DIGEST, -1)),
        ("read_timeout_s", (DIGEST, 0, 0.0)),
        ("read_timeout_s", (DIGEST, 0, float("nan"))),
    ],
)
def test_a_program_that_gives_a_bad_value_gets_an_error_that_names_it(
    field: str, arguments: tuple[object, ...]
) -> None:
    with pytest.raises(ValueError, match=field):
        ClientRetry(*arguments)  # type: ignore[arg-type]
