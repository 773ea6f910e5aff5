"""From texts to tokens on disk: marks, the vocabulary, shards."""
