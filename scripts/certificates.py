"""Where tests find the authority of `relay certificates`; new ones import llm_relay.tls.authority."""

from llm_relay.tls.authority import Authority, Pair

__all__ = ["Authority", "Pair"]
