"""Channels, their producers and their subscribers: it decides and never sends. Pure."""
