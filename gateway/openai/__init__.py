"""OpenAI's own HTTP interface in front of the relay: `/v1/chat/completions`, `/v1/responses`, `/v1/models`."""
