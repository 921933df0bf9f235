"""Named providers, and a fallback made of them."""

from collections.abc import Sequence

from llm_relay.errors import ProviderUnavailable
from llm_relay.messages import Models
from server_b.core.limits import Limits, Patience
from server_b.core.relay import Relay
from server_b.providers.fallback import Fallback
from tests.support.scripted import ScriptedProvider, Step
from tests.support.serving import create_relay

ONCE = Limits(patience=Patience(attempts=1))


class Named(ScriptedProvider):
    """A scripted provider with its own name and default model."""

    def __init__(self, name: str, *scripts: Sequence[Step]) -> None:
        super().__init__(*scripts)
        self.name = name
        self.default_model = f"{name}-default"

    @property
    def asked(self) -> list[str | None]:
        """The models that it was called for."""
        return [one.prompt.model for one in self.tries]


class Unlisted(Named):
    """A provider whose models cannot be listed."""

    async def list_models(self) -> Models:
        raise ProviderUnavailable


def chain(*providers: Named, **models: str) -> Fallback:
    """Makes a fallback of these; `models` maps the requested model to the second provider's."""
    return Fallback(providers, {(providers[-1].name, asked): model for asked, model in models.items()})


def once(*providers: Named, **models: str) -> Relay:
    """Makes a relay that tries a chain of these once."""
    return create_relay(chain(*providers, **models), limits=ONCE)
