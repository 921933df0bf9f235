"""What is known about models from their ids."""
