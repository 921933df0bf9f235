"""What the routes of every interface read of a request: its body, headers, ids and deadline."""
