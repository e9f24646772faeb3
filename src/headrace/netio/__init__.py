"""Sockets, batches, segmentation offload, clock and entropy. Knows no protocol."""
