"""The HTTP side: the page, WHIP and WHEP, chat, the API and metrics."""
