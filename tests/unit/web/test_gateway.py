"""What stands between the HTTP side and the broker."""

from headrace.web.gateway import GatewayRefusal, PatchAnswer, SessionAnswer


def test_a_refusal_says_what_the_broker_says() -> None:
    error = GatewayRefusal(2404, "there is no such channel")
    assert (error.code, error.why, str(error)) == (2404, "there is no such channel", "there is no such channel")


def test_no_log_shows_what_opens_a_session() -> None:
    shown = repr(SessionAnswer("s3cret", "a=ice-pwd:s3cret", "tag")) + repr(PatchAnswer("a=ice-pwd:s3cret", "tag"))
    assert "s3cret" not in shown
