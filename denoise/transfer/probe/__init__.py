"""When a model learns what: linear probes on the frozen encoder states of a run's checkpoints."""
