"""MPEG transport streams: packets, tables, elementary streams and Timed ID3 metadata. Pure."""
