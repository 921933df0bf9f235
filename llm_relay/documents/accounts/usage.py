"""Usage as JSON objects: the group's values, then its counts."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

# Before Python 3.12 pydantic cannot read typing.TypedDict.
from typing_extensions import TypedDict

from llm_relay.messages.accounts import Dimension, UsageGroup

TAG = "tag:"
SAME = {"door": Dimension.PROTOCOL.value}
NAMES = tuple(one.value for one in Dimension if one is not Dimension.TAG)


class UsageGroupDocument(TypedDict):
    """The total usage of a group of calls. The group's values are members too, such as `caller` or `tag:project`."""

    calls: int
    failed: int
    unknown_cost_calls: Annotated[
        int, Field(description="Calls whose cost is not known. nano_usd does not include them")
    ]
    joined: Annotated[int, Field(description="Requests that were answered from another call, and cost nothing")]
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    nano_usd: int
    charged_nano_usd: Annotated[int, Field(description="The amount charged to their budgets")]


class UsageGroupsDocument(TypedDict):
    """The total usage of each group of calls."""

    usage: list[UsageGroupDocument]


def usage_group_document(group: UsageGroup, tag_key: str = "") -> UsageGroupDocument:
    """Returns a group as an object. `tag_key` is the tag key that calls are grouped by, if any."""
    values = {f"tag:{tag_key}" if name == Dimension.TAG.value else name: value for name, value in group.group.items()}
    counts: UsageGroupDocument = {
        "calls": group.calls,
        "failed": group.failed,
        "unknown_cost_calls": group.unknown_cost_calls,
        "joined": group.joined,
        "input_tokens": group.input_tokens,
        "output_tokens": group.output_tokens,
        "cache_read_tokens": group.cache_read_tokens,
        "cache_write_tokens": group.cache_write_tokens,
        "reasoning_tokens": group.reasoning_tokens,
        "nano_usd": group.nano_usd,
        "charged_nano_usd": group.charged_nano_usd,
    }
    return {**values, **counts}  # type: ignore[typeddict-item]  # the values are members that the type does not name


def dimensions_from_text(text: str) -> tuple[tuple[Dimension, ...], str]:
    """Reads dimensions, such as `caller,day,tag:project`. Returns them, and the key of the tag.

    Raises ValueError, which lists the dimensions, for an unknown one.
    """
    by: dict[Dimension, None] = {}
    tag_key = ""
    for name in filter(None, (one.strip() for one in text.split(","))):
        if name.startswith(TAG) and name != TAG:
            if tag_key:
                raise ValueError("names more than one tag")
            tag_key = name.removeprefix(TAG)
            by[Dimension.TAG] = None
        elif (known := SAME.get(name, name)) in NAMES:
            by[Dimension(known)] = None
        else:
            raise ValueError(f"cannot group by {name[:40]!r}: write {', '.join(NAMES)} or {TAG}KEY, comma-separated")
    return tuple(by), tag_key
