"""The parts of prompts and answers as JSON."""
