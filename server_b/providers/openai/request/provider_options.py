"""The members of provider_options: which ones the endpoint accepts, and which ones may change a price."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from llm_relay.messages import Options
from server_b.providers.openai.provider_name import NAME
from server_b.providers.unused_options import PROVIDER_OPTIONS

_VENDORS_ALONE = frozenset({"verbosity", "prompt_cache_key", "prompt_cache_retention"})
"""Members of provider_options that only OpenAI's own endpoint accepts."""

_NEUTRAL = """
logit_bias verbosity prompt_cache_key prompt_cache_retention top_k min_p top_a typical_p tfs_z repetition_penalty
repeat_penalty repeat_last_n length_penalty mirostat mirostat_eta mirostat_tau dynatemp_range dynatemp_exponent
dry_multiplier dry_base dry_allowed_length xtc_probability xtc_threshold ignore_eos stop_token_ids bad_words
skip_special_tokens min_tokens grammar guided_json guided_regex guided_choice guided_grammar cache_prompt
"""
NEUTRAL_OPTIONS = frozenset(_NEUTRAL.split())
"""Members of provider_options that change neither prices nor the longest possible answer."""


def ignored_members(options: Options, *, is_vendor: bool) -> Iterator[str]:
    """Yields the members of provider_options that the endpoint does not accept, by the names that callers use."""
    if not is_vendor and NAME in options.provider_options:
        members = orjson.loads(options.provider_options[NAME])
        yield from (f"{PROVIDER_OPTIONS}.{NAME}.{name}" for name in members if name in _VENDORS_ALONE)


def own_options(options: Options, *, is_vendor: bool) -> Iterator[tuple[str, Any]]:
    """Yields the members of provider_options that the endpoint accepts."""
    for name, value in orjson.loads(options.provider_options.get(NAME, "{}")).items():
        if is_vendor or name not in _VENDORS_ALONE:
            yield name, value
