"""Sets up a process. Every program imports this module first, before grpc.

gRPC's C core writes its own lines to stderr, even between JSON lines. They report failed handshakes and lost
connections, which the statuses of calls report too. Set GRPC_VERBOSITY to see them.

Two things make the start faster. The garbage collector seldom runs before the event loop does, because the objects of
modules stay, and scanning them repeatedly takes time. Pydantic does not look for plugins among all installed packages;
set PYDANTIC_DISABLE_PLUGINS to an empty value if you need them.
"""

import gc
import os

from llm_relay.program.quiet_interrupt import end_quietly_on_interrupt
from llm_relay.program.standard_streams import open_missing_streams

end_quietly_on_interrupt()
# The core reads it once, when it is imported.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
gc.set_threshold(100_000)
open_missing_streams()
