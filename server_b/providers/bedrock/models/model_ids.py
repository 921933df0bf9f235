"""Short names of Bedrock's models, and what the models' ids say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

COMMERCIAL = "aws"
GLOBAL = "global"


@dataclass(frozen=True, slots=True)
class Model:
    """A model that has a short name."""

    id: str
    profiles: str
    """The areas of its inference profiles, separated by spaces: `eu` stands for `eu.` before the id."""
    at_home: str = ""
    """Prefixes of the regions that serve the id without a profile, separated by spaces."""


_EVERYWHERE = "us-east- us-west- eu- ap- ca- sa- me- il- af- mx-"
_US = "us-east-1 us-west-2"
_CLAUDE_3_SONNET = "us-east-1 us-west-2 us-east-2 eu- ap- ca- sa-"
_NOVA = "us-east-1 us-gov-west-1 eu-west-2 ap-southeast-2"

SHORT_NAMES: Mapping[str, Model] = {
    "opus": Model("anthropic.claude-3-opus-20240229-v1:0", "us us-gov", _EVERYWHERE),
    "opus-4": Model("anthropic.claude-opus-4-20250514-v1:0", "us"),
    "opus-4.1": Model("anthropic.claude-opus-4-1-20250805-v1:0", "us"),
    "opus-4.5": Model("anthropic.claude-opus-4-5-20251101-v1:0", "global us eu us-gov"),
    "opus-5.5": Model("anthropic.claude-opus-5-5", "global us eu jp au us-gov"),
    "sonnet": Model("anthropic.claude-3-5-sonnet-20240620-v1:0", "us eu apac us-gov", _CLAUDE_3_SONNET),
    "sonnet-v2": Model("anthropic.claude-3-5-sonnet-20241022-v2:0", "us eu apac us-gov", _US),
    "sonnet-3.7": Model("anthropic.claude-3-7-sonnet-20250219-v1:0", "us eu apac us-gov"),
    "sonnet-4": Model("anthropic.claude-sonnet-4-20250514-v1:0", "us eu apac us-gov"),
    "sonnet-4.5": Model("anthropic.claude-sonnet-4-5-20250929-v1:0", "global us eu jp au us-gov"),
    "sonnet-5.5": Model("anthropic.claude-sonnet-5-5", "global us eu jp au us-gov"),
    "haiku": Model("anthropic.claude-3-haiku-20240307-v1:0", "us eu apac us-gov", f"{_EVERYWHERE} us-gov-west-1"),
    "haiku-3.5": Model("anthropic.claude-3-5-haiku-20241022-v1:0", "us"),
    "haiku-4.5": Model("anthropic.claude-haiku-4-5-20251001-v1:0", "global us eu jp au us-gov"),
    "haiku-5.5": Model("anthropic.claude-haiku-5-5", "global us eu jp au us-gov"),
    "nova-micro": Model("amazon.nova-micro-v1:0", "us eu apac us-gov", _NOVA),
    "nova-lite": Model("amazon.nova-lite-v1:0", "us eu apac ca us-gov", f"{_NOVA} eu-north-1 ap-northeast-1"),
    "nova-pro": Model("amazon.nova-pro-v1:0", "us eu apac us-gov", _NOVA),
    "nova-premier": Model("amazon.nova-premier-v1:0", "us"),
    "llama": Model("meta.llama3-3-70b-instruct-v1:0", "us"),
    "llama-8b": Model("meta.llama3-8b-instruct-v1:0", "", f"{_EVERYWHERE} us-gov-"),
    "llama-70b": Model("meta.llama3-70b-instruct-v1:0", "", f"{_EVERYWHERE} us-gov-"),
    "llama-scout": Model("meta.llama4-scout-17b-instruct-v1:0", "us"),
    "llama-maverick": Model("meta.llama4-maverick-17b-instruct-v1:0", "us"),
    "mistral": Model("mistral.mistral-large-2402-v1:0", "", _EVERYWHERE),
    "mistral-7b": Model("mistral.mistral-7b-instruct-v0:2", "", _EVERYWHERE),
    "mistral-small": Model("mistral.mistral-small-2402-v1:0", "", _EVERYWHERE),
    "mixtral": Model("mistral.mixtral-8x7b-instruct-v0:1", "", _EVERYWHERE),
    "deepseek-r1": Model("deepseek.r1-v1:0", "us"),
    "claude-3-sonnet": Model("anthropic.claude-3-sonnet-20240229-v1:0", "us eu apac us-gov", _EVERYWHERE),
}
"""From the model cards: https://docs.aws.amazon.com/bedrock/latest/userguide/model-cards.html"""

OLDER_NAMES: Mapping[str, str] = {
    "claude-3.5-sonnet-v2": "sonnet-v2",
    "claude-3.5-sonnet": "sonnet",
    "claude-3.5-haiku": "haiku-3.5",
    "claude-3-haiku": "haiku",
    "claude-3-opus": "opus",
}
"""The HTTP version had these short names."""

AREAS: tuple[tuple[str, str], ...] = (
    ("us-gov-", "us-gov"),
    ("us-", "us"),
    ("ca-", "ca us"),
    ("eu-", "eu"),
    ("il-", "eu"),
    ("ap-northeast-1", "jp apac"),
    ("ap-northeast-3", "jp apac"),
    ("ap-southeast-2", "au apac"),
    ("ap-southeast-4", "au apac"),
    ("ap-southeast-6", "au apac"),
    ("ap-south-", "in apac"),
    ("ap-", "apac"),
    ("me-", "apac"),
    ("sa-", "sa us"),
    ("", "us"),
)
"""The areas of a region's inference profiles, the narrowest first, by a prefix of the region; the first match counts.

https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html
"""

# In the other partitions (China, the ISO regions, the European Sovereign Cloud) there are no inference profiles.
_PARTITIONS_WITH_PROFILES = frozenset({COMMERCIAL, "aws-us-gov"})
_PROFILE_ID = re.compile(r"(?:global|us-gov|us|eu|apac|jp|au|ca|sa|in)\.(?=[a-z0-9-]+\.)")
_ID = re.compile(r"[a-z0-9.:-]+")
_ARN = re.compile(r"arn:[a-z0-9-]+:bedrock:(?P<region>[a-z0-9-]*):\d*:(?P<kind>[a-z-]+)/(?P<id>.+)")


def resolve(name: str, region: str, partition: str = COMMERCIAL) -> str:
    """Returns the id that a short name stands for in this region; an id or an ARN stands for itself."""
    model = SHORT_NAMES.get(OLDER_NAMES.get(name, name))
    return _id_in(model, region, partition) if model else name


def _id_in(model: Model, region: str, partition: str) -> str:
    if partition not in _PARTITIONS_WITH_PROFILES or region.startswith(tuple(model.at_home.split())):
        return model.id
    profiles, areas = model.profiles.split(), _areas(region)
    if GLOBAL in profiles and partition == COMMERCIAL:
        return f"{GLOBAL}.{model.id}"
    # If no profile is known, the widest area's is the likeliest: Bedrock may have added it since.
    return f"{next((area for area in areas if area in profiles), areas[-1])}.{model.id}"


def _areas(region: str) -> list[str]:
    return next(areas for start, areas in AREAS if region.startswith(start)).split()


def profile_in_area(model: str, region: str) -> str:
    """Returns the id that the inference profile of this model would have in the region's area."""
    return f"{_areas(region)[-1]}.{_PROFILE_ID.sub('', model, count=1) if _ID.fullmatch(model) else 'MODEL-ID'}"


def listed(region: str, partition: str, found: Iterable[str] = ()) -> tuple[str, ...]:
    """Returns the short names, their ids in this region, and the `found` ids, each once."""
    names = (*SHORT_NAMES, *OLDER_NAMES)
    ids = (resolve(name, region, partition) for name in names)
    return tuple(dict.fromkeys((*names, *ids, *found)))


def is_application_profile(model: str) -> bool:
    """Tells whether this is the ARN of an account's own inference profile, which does not name its model."""
    arn = _ARN.fullmatch(model)
    return arn is not None and arn["kind"] == "application-inference-profile"


def list_names(model: str) -> tuple[str, ...]:
    """Returns the names that a price list may have for a model, the likeliest first; none if an ARN does not name it.

    A profile of one area costs as much as the model itself, a global one less, and one of GovCloud more.
    """
    arn = _ARN.fullmatch(model)
    if not model:
        return ()
    if arn is not None:
        return list_names(arn["id"]) if arn["kind"] in ("foundation-model", "inference-profile") else ()
    area = _PROFILE_ID.match(model)
    if area is None or area[0] in ("global.", "us-gov."):
        return (model,)
    return model, model.removeprefix(area[0])


def foundation_id(model: str) -> str:
    """Returns the id of the model itself from a profile's id, or from an ARN that contains it."""
    arn = _ARN.fullmatch(model)
    return _PROFILE_ID.sub("", arn["id"] if arn else model, count=1)


def profiled_model(arns: Iterable[str]) -> str:
    """Returns the id of a profile's model from the ARNs of the model in each region.

    The ARN of a globally served model names no region.
    """
    found = [arn for arn in map(_ARN.fullmatch, arns) if arn is not None and arn["kind"] == "foundation-model"]
    if not found:
        return ""
    is_global = any(not arn["region"] for arn in found)
    return f"{GLOBAL}.{found[0]['id']}" if is_global else found[0]["id"]
