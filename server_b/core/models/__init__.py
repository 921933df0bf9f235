"""Lists the provider's models, with their prices."""
