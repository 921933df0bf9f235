"""What is known of models from their ids."""
