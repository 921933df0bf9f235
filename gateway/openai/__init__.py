"""OpenAI's HTTP interface to the relay: `/v1/chat/completions`, `/v1/responses`, `/v1/models`."""
