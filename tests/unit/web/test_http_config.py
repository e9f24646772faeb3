"""How the HTTP side is to be."""

from headrace.web.http_config import HttpConfig


def test_no_log_shows_the_admin_token() -> None:
    assert "s3cret" not in repr(HttpConfig(admin_token="s3cret"))
