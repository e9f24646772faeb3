"""Session descriptions, as browsers, OBS and FFmpeg write them for WHIP and WHEP."""
