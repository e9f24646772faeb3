"""Sockets, batches of datagrams, segmentation offload, clock and entropy. Knows no protocol."""
