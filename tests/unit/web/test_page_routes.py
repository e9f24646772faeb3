"""The pages and their files."""

import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from tests.support.web_client import ask

from headrace.web.page_routes import FOLDER, page_routes

PAGES = {"/": "directory", "/watch/1AAA99": "watch", "/produce": "produce", "/operate": "operate"}


@pytest.fixture
def app(tmp_path: Path) -> Starlette:
    (tmp_path / "pages").mkdir()
    (tmp_path / "assets" / "js").mkdir(parents=True)
    (tmp_path / "secret").write_text("not for everybody")
    (tmp_path / "assets" / "a.js").write_text("export {}")
    for name in PAGES.values():
        (tmp_path / "pages" / f"{name}.html").write_text(f'<title>{name}</title><script src="/assets/a.js">')
        (tmp_path / "assets" / "js" / f"{name}.js").write_text("")
    return Starlette(routes=page_routes(tmp_path))


def test_each_page_is_at_its_address_and_takes_nothing_from_elsewhere(app: Starlette) -> None:
    for path, name in PAGES.items():
        answer = ask(app, "GET", path)
        assert answer.status_code == 200
        assert answer.text.startswith(f"<title>{name}</title>")
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'; script-src 'self';" in policy
        assert "unsafe" not in policy
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_a_file_of_this_version_is_kept_for_good_and_one_of_another_asked_for_again(app: Starlette) -> None:
    found = re.search(r'"(/assets/(\w{16})/a\.js)"', ask(app, "GET", "/").text)
    assert found is not None
    now = ask(app, "GET", found[1])
    assert (now.text, now.headers["cache-control"]) == ("export {}", "public, max-age=31536000, immutable")
    before = ask(app, "GET", f"/assets/{'0' * 16}/a.js")
    assert (before.text, before.headers["cache-control"]) == ("export {}", "no-cache")
    missing = ask(app, "GET", f"/assets/{found[2]}/b.js")
    assert (missing.status_code, missing.headers.get("cache-control")) == (404, None)


def test_every_module_of_a_page_is_named_in_it_and_so_are_those_of_the_player_in_the_directory() -> None:
    app = Starlette(routes=page_routes())
    scripts = FOLDER / "assets" / "js"
    for path, name in PAGES.items():
        page = ask(app, "GET", path).text
        preloaded = re.findall(r'<link rel="modulepreload" href="/assets/\w{16}/js/([\w.]+)" />', page)
        assert preloaded[0] == f"{name}.js"
        assert len(preloaded) == len(set(preloaded))
        named = {
            one for script in preloaded for one in re.findall(r'"\./([\w.]+)"', (scripts / script).read_text())
        }
        assert set(preloaded) >= named
        assert {"api.js", "dom.js"} <= named
        assert ("whep_player.js" in preloaded) == (name in {"directory", "watch"})


def test_a_file_that_has_not_changed_is_not_sent_again(app: Starlette) -> None:
    first = ask(app, "GET", "/assets/a.js")
    assert first.headers["content-type"].startswith("text/javascript")
    assert first.headers["cache-control"] == "no-cache"
    again = ask(app, "GET", "/assets/a.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", ["../secret", "%2e%2e/secret", "..%2fsecret", "/etc/passwd", ""])
def test_nothing_beside_the_files_is_served(app: Starlette, path: str) -> None:
    answer = ask(app, "GET", f"/assets/{path}")
    assert answer.status_code in {404, 405}
    assert "everybody" not in answer.text
