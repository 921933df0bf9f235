"""Collects the output of a response: finds the item that each event belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from server_b.providers.openai.answer.block_places import Blocks
from server_b.providers.openai.failures.errors import malformed
from server_b.providers.openai.responses.output_items import Call, Message, OutputItem, ReasoningItem
from server_b.providers.openai.responses.pieces import Pieces
from server_b.providers.parsing.call_ids import CallIds

ItemClass: TypeAlias = type[Message] | type[ReasoningItem] | type[Call]
_BY_TYPE: Mapping[str, ItemClass] = {"message": Message, "reasoning": ReasoningItem, "function_call": Call}
"""Items of other types belong to OpenAI's own tools, which are never requested."""


class Output:
    """The items so far.

    An event belongs to the item with its id, or else to the last item at its output_index, because some servers give
    each event another id, and others give all items the same index.
    """

    def __init__(self) -> None:
        self.pieces = Pieces()
        """The pieces so far."""
        self._blocks = Blocks()
        self._call_ids = CallIds()
        self._items: list[OutputItem] = []
        self._by_place: dict[tuple[ItemClass, object], OutputItem] = {}
        """The items by id, and by output_index."""

    def __bool__(self) -> bool:
        """Whether there is any item."""
        return bool(self._items)

    def has(self, kind: ItemClass) -> bool:
        """Tells whether an item of this kind has begun."""
        return any(type(item) is kind for item in self._items)

    def begin_item(self, event: Mapping[str, Any]) -> None:
        """Takes output_item.added."""
        item, kind = _item(event)
        if kind is not None:
            self._begin(kind, item.get("id"), event.get("output_index")).begin(item)

    def add_delta(self, kind: ItemClass, event: Mapping[str, Any]) -> None:
        """Takes more of an item."""
        delta = event.get("delta")
        if not isinstance(delta, str):
            raise malformed("a delta of a response is not text")
        if delta:
            self._find(kind, event.get("item_id"), event.get("output_index")).add_delta(event, delta)

    def add_whole(self, kind: ItemClass, event: Mapping[str, Any]) -> None:
        """Takes an event that has a part as a whole. The part counts only if there were no deltas of it."""
        self._find(kind, event.get("item_id"), event.get("output_index")).add_whole(event)

    def end_item(self, event: Mapping[str, Any]) -> None:
        """Takes output_item.done."""
        item, kind = _item(event)
        if kind is not None:
            self._find(kind, item.get("id"), event.get("output_index")).end(item)

    def take_items(self, items: object) -> None:
        """Takes the whole output, for content that no event had. The first message is the first that began, and so on.

        Ids and indices are ignored, because some servers send different ones at the end.
        """
        known = {kind: [item for item in self._items if type(item) is kind] for kind in _BY_TYPE.values()}
        if not (isinstance(items, list | None) or self._items):
            raise malformed("the output of a response is not a list")
        for index, item in enumerate(items if isinstance(items, list) else ()):
            fields, kind = _item({"item": item})
            if kind is not None:
                begun = known[kind]
                (begun.pop(0) if begun else self._begin(kind, fields.get("id"), index)).end(fields)

    def end(self) -> None:
        """Ends all items that have not ended. Raises ProviderProtocol for a call without a name."""
        for item in self._items:
            item.end({})
        self.pieces.end_block()

    def _find(self, kind: ItemClass, item_id: object, index: object) -> OutputItem:
        """Returns an item. Begins it if a server has left its beginning out."""
        by_id = self._by_place.get((kind, item_id)) if isinstance(item_id, str) else None
        if by_id is not None and not by_id.is_over:  # the usual case
            return by_id
        by_index = self._by_place.get((kind, index)) if isinstance(index, int) else None
        if by_id is not None and by_index is not by_id:
            by_id = None  # some servers give every item one id
        return by_id or by_index or self._begin(kind, item_id, index)

    def _begin(self, kind: ItemClass, item_id: object, index: object) -> OutputItem:
        item = kind(self.pieces, self._blocks, self._call_ids)
        self._items.append(item)
        for place in (item_id, index):
            if isinstance(place, str | int):
                self._by_place[kind, place] = item
        return item


def _item(event: Mapping[str, Any]) -> tuple[Mapping[str, Any], ItemClass | None]:
    item = event.get("item")
    if not isinstance(item, dict):
        raise malformed("an item of a response is not an object")
    kind = item.get("type")
    return item, _BY_TYPE.get(kind) if isinstance(kind, str) else None
