"""Offers by WHEP over HTTP, each from its viewer's own address: the broker limits how many come from one.

Source: draft-ietf-wish-whep, 4.2.
"""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import Final

from headrace.bench.loopback_port import LoadError

START_SECONDS: Final = 60.0
"""Until a broker that has just been started serves HTTP."""
ANSWER_SECONDS: Final = 60.0
"""A broker that has just been started takes connections before it answers, on a busy machine many seconds."""
THREADS: Final = 4
_AGAIN_SECONDS: Final = 0.05


class WhepPosts:
    """Sends offers for one channel, some at a time, beside what the caller does.

    Args:
        http_port: On the loopback interface.
        channel_id: What to watch.
    """

    def __init__(self, http_port: int, channel_id: str) -> None:
        self._http_port = http_port
        self._path = f"/whep/{channel_id}"
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="whep")

    def send(self, offer: str, host: str) -> "Future[str]":
        """Send an offer from an address of the loopback interface; the result is the answer, or a `LoadError`."""
        return self._threads.submit(self._send, offer, host)

    def _send(self, offer: str, host: str) -> str:
        give_up_at = time.monotonic() + START_SECONDS
        while True:
            try:
                return self._send_once(offer, host)
            except ConnectionRefusedError:
                if time.monotonic() > give_up_at:
                    raise LoadError(f"nobody serves HTTP on port {self._http_port}") from None
                time.sleep(_AGAIN_SECONDS)
            except (OSError, HTTPException) as error:
                raise LoadError(f"an offer was not answered: {error!r}") from None

    def _send_once(self, offer: str, host: str) -> str:
        connection = HTTPConnection("127.0.0.1", self._http_port, timeout=ANSWER_SECONDS, source_address=(host, 0))
        with closing(connection):
            connection.request("POST", self._path, offer.encode(), {"Content-Type": "application/sdp"})
            response = connection.getresponse()
            text = response.read().decode(errors="replace")
        if response.status != HTTPStatus.CREATED:
            raise LoadError(f"an offer was refused: {response.status} {text}")
        return text

    def close(self) -> None:
        """Send no more."""
        self._threads.shutdown(cancel_futures=True)
