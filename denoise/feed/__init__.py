"""Windows of a token store, corrupted and stacked into batches."""
