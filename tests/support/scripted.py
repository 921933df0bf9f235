"""A provider that follows a script, and records how it was called."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from llm_relay.errors import ProviderUnavailable, Unsupported
from llm_relay.messages import Accuracy, FinishReason, Models, Prompt, Usage
from server_b.providers.base import AskedModel, Ending, Opening, Piece, Text
from server_b.providers.costly_options import costly_options

Step: TypeAlias = Piece | Exception | asyncio.Event
"""A piece is sent, an error is raised, an event is waited for (an event that is never set is a hang)."""

MODEL = "scripted-model"
MOST_OUTPUT_TOKENS = 1000
USAGE = Usage(input_tokens=5, output_tokens=3, accuracy=Accuracy.EXACT)
OPENING = Opening(MODEL)
ENDING = Ending(FinishReason.STOP, USAGE)
HELLO: tuple[Step, ...] = (OPENING, Text("Hel"), Text("lo"), ENDING)

PATIENCE_S = 60.0
"""How long a test waits for what must happen."""


def away(*, retry_after_s: float | None = None) -> ProviderUnavailable:
    """Makes the error of a provider that cannot have worked on the request, so that it may be called again."""
    return ProviderUnavailable(retry_after_s=retry_after_s, may_have_worked=False)


class End(enum.Enum):
    """How one try ended."""

    RUNNING = "running"
    WHOLE = "whole"
    CUT = "cut"
    FAILED = "failed"
    ABORTED = "aborted"
    """Cancelled, or its generator closed, before the script was through."""


@dataclass(slots=True)
class Try:
    """One call of the provider."""

    prompt: Prompt
    whole: bool = False
    """Whether the caller reads the answer only at its end."""
    given: int = 0
    """Pieces that the caller has taken."""
    waiting: bool = False
    """Whether it is waiting for an event of the script."""
    end: End = End.RUNNING


class ScriptedProvider:
    """Plays one script per try and repeats the last one; without scripts, HELLO."""

    name = "scripted"
    default_model = MODEL
    endpoint = ""

    def __init__(self, *scripts: Sequence[Step]) -> None:
        self._scripts = scripts or (HELLO,)
        self._changed = asyncio.Event()
        self.tries: list[Try] = []
        self.most_at_once = 0
        self.unsupported: Unsupported | None = None
        """What it raises for every prompt before it is asked."""
        self.ignored: tuple[str, ...] = ()
        """The options that it says it ignores, whatever is asked."""
        self.closed = False

    @property
    def running(self) -> int:
        """How many tries are running."""
        return sum(one.end is End.RUNNING for one in self.tries)

    async def until(self, holds: Callable[[ScriptedProvider], bool]) -> None:
        """Waits until `holds` is true; raises TimeoutError after PATIENCE_S."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds(self):
                await self._changed.wait()

    async def until_waiting(self, tries: int = 1) -> None:
        """Waits until that many tries have begun and the last of them is waiting for an event of its script."""
        await self.until(lambda self: len(self.tries) >= tries and self.tries[tries - 1].waiting)

    async def until_ended(self, tries: int = 1) -> End:
        """Waits until that many tries have begun and the last of them has ended; returns how."""
        await self.until(lambda self: len(self.tries) >= tries and self.tries[tries - 1].end is not End.RUNNING)
        return self.tries[tries - 1].end

    def refuse_unsupported(self, prompt: Prompt) -> None:  # noqa: ARG002 - the protocol's signature
        if self.unsupported is not None:
            raise self.unsupported

    def ignored_options(self, prompt: Prompt) -> tuple[str, ...]:  # noqa: ARG002 - the protocol's signature
        return self.ignored

    async def asked_models(self, prompt: Prompt) -> tuple[AskedModel, ...]:
        asked = AskedModel(
            provider=self.name,
            model=prompt.model or MODEL,
            most_output_tokens=prompt.max_tokens or MOST_OUTPUT_TOKENS,
            costly_options=costly_options(prompt.options, "openai", frozenset()),
        )
        return (asked,)

    async def stream(self, prompt: Prompt, *, whole: bool = False) -> AsyncGenerator[Piece, None]:
        one, script = self._begin(prompt, whole=whole)
        end = End.ABORTED
        try:
            for step in script:
                if isinstance(step, Exception | asyncio.Event):
                    await self._pass(one, step)
                    continue
                end = End.WHOLE if isinstance(step, Ending) else end
                yield step
                one.given += 1
                self._tell()
            end = End.WHOLE if one.given and isinstance(script[-1], Ending) else End.CUT
        except Exception:
            end = End.FAILED
            raise
        finally:
            one.end = end
            self._tell()

    async def list_models(self) -> Models:
        return Models(provider=self.name, models=(self.default_model,), default_model=self.default_model)

    async def close(self) -> None:
        self.closed = True

    def _begin(self, prompt: Prompt, *, whole: bool) -> tuple[Try, Sequence[Step]]:
        script = self._scripts[min(len(self.tries), len(self._scripts) - 1)]
        one = Try(prompt, whole)
        self.tries.append(one)
        self.most_at_once = max(self.most_at_once, self.running)
        self._tell()
        return one, script

    async def _pass(self, one: Try, step: Exception | asyncio.Event) -> None:
        if isinstance(step, Exception):
            raise step
        one.waiting = True
        self._tell()
        await step.wait()
        one.waiting = False

    def _tell(self) -> None:
        self._changed.set()
        self._changed.clear()
