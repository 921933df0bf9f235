"""Imported before grpc by the programs: its C core writes lines of its own to stderr, amid JSON too.

They are of failed handshakes and lost connections, which statuses tell as well. Whoever sets GRPC_VERBOSITY has them.
"""

import os

# The core reads it once, when it is imported.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
