"""``make soak``: a broker for an hour, with subscribers that come and go, producers that die, and loss."""
