"""What to paste into encoders, so that they publish with a key."""


def publishing_lines(broker: str, channel_id: str, key: str, passphrase: str | None = None) -> list[str]:
    """Return lines for OBS, FFmpeg and ``headrace produce``.

    Args:
        broker: Where encoders find the broker, ``HOST:PORT``.
        channel_id: The channel that the key opens.
        key: A stream key, which finds its channel by itself.
        passphrase: Of the channel's encryption, None for a channel without.
    """
    secret = f"&passphrase={passphrase}&pbkeylen=32" if passphrase else ""
    variables = f"STREAM_KEY={key}" + (f" PASSPHRASE={passphrase}" if passphrase else "")
    url = f"srt://{broker}?streamid={key}{secret}"
    return [
        "OBS       Settings > Stream > Service: Custom...",
        f"          Server:     {url}",
        "          Stream Key: (leave it empty)",
        f'FFmpeg    ffmpeg -re -i FILE -c copy -f mpegts "{url}&pkt_size=1316"',
        f"headrace  {variables} headrace produce {channel_id} --broker {broker}",
    ]
