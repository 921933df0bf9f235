"""What model ids reveal about their models."""

import pytest

from server_b.providers.bedrock.models.families import ThinkingKind, Version, claude_version, thinking_kind

ARN = "arn:aws:bedrock:us-east-1"


@pytest.mark.parametrize(
    ("model", "version", "kind"),
    [
        ("anthropic.claude-v2:1", (2, 0), ThinkingKind.NONE),
        ("anthropic.claude-instant-v1", (2, 0), ThinkingKind.NONE),
        ("anthropic.claude-3-haiku-20240307-v1:0", (3, 0), ThinkingKind.NONE),
        ("anthropic.claude-3-5-sonnet-20241022-v2:0", (3, 5), ThinkingKind.NONE),
        ("us.anthropic.claude-3-7-sonnet-20250219-v1:0", (3, 7), ThinkingKind.BUDGET),
        ("anthropic.claude-opus-4-20250514-v1:0", (4, 0), ThinkingKind.BUDGET),
        ("global.anthropic.claude-haiku-4-5-20251001-v1:0", (4, 5), ThinkingKind.BUDGET),
        (f"{ARN}::foundation-model/anthropic.claude-sonnet-4-6", (4, 6), ThinkingKind.BUDGET_OR_EFFORT),
        ("anthropic.claude-opus-4-6-v1", (4, 6), ThinkingKind.BUDGET_OR_EFFORT),
        ("anthropic.claude-opus-4-7", (4, 7), ThinkingKind.EFFORT),
        ("jp.anthropic.claude-sonnet-5-5", (5, 5), ThinkingKind.EFFORT),
        ("anthropic.claude-fable-5", (5, 0), ThinkingKind.EFFORT),
        ("anthropic.claude-mythos-preview", (99, 0), ThinkingKind.EFFORT),
        ("amazon.nova-pro-v1:0", None, ThinkingKind.NONE),
        (f"{ARN}:123456789012:application-inference-profile/ab12cd34ef56", None, ThinkingKind.NONE),
        ("", None, ThinkingKind.NONE),
    ],
)
def test_the_version_of_a_claude_says_how_it_thinks(model: str, version: Version | None, kind: ThinkingKind) -> None:
    assert (claude_version(model), thinking_kind(model)) == (version, kind)
