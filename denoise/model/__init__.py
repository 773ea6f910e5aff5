"""The encoder-decoder: T5 v1.1's shape with a choice of positions."""
