"""What the answers of both interfaces share."""
