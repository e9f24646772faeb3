"""Between transport streams, access units and RTP. Pure."""
