"""What the bitstreams of video and sound say of themselves: units, sizes, rates. Pure."""
