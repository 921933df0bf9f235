"""Imported first by every program, before grpc: sets up what a process must have from its first moment.

gRPC's C core writes lines of its own to stderr, among JSON too. They are about failed handshakes and lost connections,
which statuses tell as well. Set GRPC_VERBOSITY to have them.

Two things make a start quicker. The garbage collector seldom runs before the event loop does: what modules make stays,
and scanning it again and again took a tenth of the start. Pydantic does not look for plugins among all installed
packages; set PYDANTIC_DISABLE_PLUGINS to an empty value if you need them.
"""

import gc
import os

from llm_relay.program.standard_streams import open_missing_streams

# The core reads it once, when it is imported.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
gc.set_threshold(1_000_000)
open_missing_streams()
