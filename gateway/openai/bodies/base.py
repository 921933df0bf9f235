"""The base of the objects in OpenAI's request bodies."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Shape(BaseModel):
    """An object of a request. `model_extra` contains its unknown members, which are reported to the caller."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, protected_namespaces=(), defer_build=True)
