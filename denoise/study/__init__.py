"""Reads run folders and says what they show; needs no torch."""
