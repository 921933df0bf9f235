"""Stand-ins for OpenAI and Bedrock: their own protocols over real sockets, with scripted answers and faults."""

from tests.standins.bedrock import BedrockStandIn
from tests.standins.exchange import Outcome, Received
from tests.standins.openai import OpenAIStandIn
from tests.standins.script import Call, Fault, FaultKind, Script, Usage
from tests.standins.server import StandIn

__all__ = [
    "BedrockStandIn",
    "Call",
    "Fault",
    "FaultKind",
    "OpenAIStandIn",
    "Outcome",
    "Received",
    "Script",
    "StandIn",
    "Usage",
]
