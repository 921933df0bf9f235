"""Imported first by every program, before grpc: sets up what a process must have from its first moment.

gRPC's C core writes lines of its own to stderr, among JSON too. They are about failed handshakes and lost connections,
which statuses tell as well. Set GRPC_VERBOSITY to have them.
"""

import os

from llm_relay.program.standard_streams import open_missing_streams

# The core reads it once, when it is imported.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
open_missing_streams()
