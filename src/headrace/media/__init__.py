"""Everything that touches PyAV: reading, encoding, multiplexing and decoding."""
