"""A trained model is judged by what it can do, not by its own loss."""
