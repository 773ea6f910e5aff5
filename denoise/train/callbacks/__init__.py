"""What happens around the steps of a run: a watch over the loss, lines of metrics, checkpoints, requests to stop."""
