"""Loss, optimizer, schedule and the loop that uses them."""
