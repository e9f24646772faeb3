"""The broker's socket pumps."""
