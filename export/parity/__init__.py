"""The proof that a file answers as the model does."""
