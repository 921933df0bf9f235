"""What the requests of both interfaces share."""
