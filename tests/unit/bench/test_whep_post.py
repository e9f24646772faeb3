"""Offers over HTTP, to a server that is not ours."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from headrace.bench import whep_post
from headrace.bench.loopback_port import LoadError
from headrace.bench.stage import free_port
from headrace.bench.whep_post import WhepPosts


class Answering(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        offer = self.rfile.read(int(self.headers["Content-Length"]))
        said = f"{self.client_address[0]} {self.path} {self.headers['Content-Type']} {offer.decode()}"
        self.send_response(403 if offer == b"bad" else 201)
        self.end_headers()
        self.wfile.write(said.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_each_offer_comes_from_its_own_address(port: int) -> None:
    posts = WhepPosts(port, "GAMES")
    answers = [posts.send(f"offer {number}", f"127.16.0.{number}") for number in (3, 4)]
    assert [answer.result(10) for answer in answers] == [
        f"127.16.0.{number} /whep/GAMES application/sdp offer {number}" for number in (3, 4)
    ]
    posts.close()


def test_a_refusal_is_an_error_that_says_what_was_answered(port: int) -> None:
    posts = WhepPosts(port, "GAMES")
    with pytest.raises(LoadError, match=r"403 127\.16\.0\.1"):
        posts.send("bad", "127.16.0.1").result(10)
    posts.close()


def test_who_is_not_there_yet_is_tried_again_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whep_post, "START_SECONDS", 0.1)
    posts = WhepPosts(free_port(socket.SOCK_STREAM), "GAMES")
    with pytest.raises(LoadError, match="nobody serves HTTP"):
        posts.send("offer", "127.0.0.1").result(10)
    posts.close()
