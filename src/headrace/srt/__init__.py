"""The Secure Reliable Transport protocol (HSv5, live mode) without input or output. Pure."""
