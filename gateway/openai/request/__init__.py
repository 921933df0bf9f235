"""What is read of a request in the same way for both of OpenAI's interfaces."""
