"""A pretrained model learns labelled tasks, text to text, beside the same model from fresh weights."""
