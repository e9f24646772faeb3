import asyncio
import errno
import gc
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import structlog

from headrace.cli.serve import ListenError, _run, _tell_admin_token, _tell_first_key, serve
from headrace.hub.limits import DEFAULT_LIMITS, Limits
from headrace.service.admission_hook import HookConfig, HookError
from headrace.service.broker import BrokerConfig
from headrace.service.rtc_config import RtcConfig
from headrace.service.token_key_file import TokenKeyFileError


def refused(listen: str) -> str:
    with pytest.raises(ListenError) as raised:
        serve(listen=listen)
    return str(raised.value)


def test_a_taken_port_says_what_may_have_it_and_what_to_do() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{udp.getsockname()[1]}"
        assert refused(listen) == (
            f"cannot listen on UDP {listen}: Address already in use: another broker may be running there: end it, "
            "or choose another address with --listen HOST:PORT"
        )


@pytest.mark.parametrize("listen", ["192.0.2.1:8890", "name.invalid:8890"])
def test_an_address_that_is_not_ours_is_not_blamed_on_another_broker(listen: str) -> None:
    said = refused(listen)
    assert said.startswith(f"cannot listen on UDP {listen}: ")
    assert said.endswith(": choose another address with --listen HOST:PORT")
    assert "another broker" not in said


def test_the_reason_of_the_system_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("headrace.netio.udp_socket.UdpSocket.bind", fail)
    assert "Permission denied" in refused("127.0.0.1:80")


@pytest.fixture
def configs(monkeypatch: pytest.MonkeyPatch) -> list[BrokerConfig]:
    """Return how the brokers were to be that `serve` would have run."""
    kept: list[BrokerConfig] = []

    async def keep(config: BrokerConfig) -> None:
        kept.append(config)

    monkeypatch.setattr("headrace.cli.serve._run", keep)
    return kept


def test_a_hook_and_keys_for_tokens_that_are_typed_are_those_of_the_broker(
    configs: list[BrokerConfig], tmp_path: Path
) -> None:
    serve(
        listen="127.0.0.1:0",
        token_keys=tmp_path / "keys.json",
        hook="https://example.org/headrace",
        hook_timeout_seconds=1.5,
        hook_cache_seconds=20,
    )
    serve(listen="127.0.0.1:0")
    assert configs[0].hook == HookConfig("https://example.org/headrace", 1.5, 20)
    assert configs[0].token_keys is not None
    assert (configs[1].hook, configs[1].token_keys) == (None, None)


def test_a_hook_that_is_no_url_is_an_error(configs: list[BrokerConfig]) -> None:
    with pytest.raises(HookError, match="begins with http"):
        serve(listen="127.0.0.1:0", hook="example.org")
    assert configs == []


def test_a_file_of_token_keys_that_is_not_there_is_an_error_before_anything_else(tmp_path: Path) -> None:
    with pytest.raises(TokenKeyFileError, match="No such file"):
        serve(listen="127.0.0.1:0", state="off", is_open=True, token_keys=tmp_path / "none")


def test_limits_that_are_typed_are_those_of_the_broker(configs: list[BrokerConfig]) -> None:
    serve(
        listen="127.0.0.1:0",
        max_connections=5,
        max_connections_per_address=4,
        max_subscribers=3,
        max_bitrate_megabits=2.5,
    )
    serve(listen="127.0.0.1:0")
    assert configs[0].limits == Limits(5, 4, DEFAULT_LIMITS.channels, 3, 2_500_000)
    assert configs[1].limits == DEFAULT_LIMITS


def test_a_broker_listens_without_loading_decoders_pictures_or_a_shell() -> None:
    script = (
        "import asyncio, sys\n"
        "from headrace.cli.serve import BrokerConfig, Broker\n"
        "async def run():\n"
        "    async with Broker(BrokerConfig('127.0.0.1', 0)): pass\n"
        "asyncio.run(run())\n"
        "names = 'av PIL httpx jwt prompt_toolkit rich pygments sqlalchemy platformdirs importlib.metadata'\n"
        "names += ' dotenv headrace.client headrace.media'\n"
        "heavy = set(names.split()) & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_without_a_state_a_broker_has_to_be_open() -> None:
    with pytest.raises(ListenError, match="add --open, or name a --state"):
        serve(listen="127.0.0.1:0", state="off")


def test_the_first_key_is_shown_beside_the_log_with_what_to_paste(capsys: pytest.CaptureFixture[str]) -> None:
    with structlog.testing.capture_logs() as lines:
        _tell_first_key("::1", 8890, "live", "hrk_the_key")
    out, err = capsys.readouterr()
    assert (out, lines) == ("", [])
    assert "\n  hrk_the_key\n" in err
    assert "srt://[::1]:8890?streamid=hrk_the_key" in err


def test_a_key_that_nobody_can_be_shown_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stderr", full)
        _tell_first_key("", 8890, "live", "hrk_the_key")
        monkeypatch.undo()
        with suppress(OSError):
            full.close()


def test_the_collector_passes_over_what_a_running_broker_has_loaded() -> None:
    async def run() -> None:
        serving = asyncio.create_task(_run(BrokerConfig("127.0.0.1", 0)))
        async with asyncio.timeout(10):
            while not gc.get_freeze_count():
                await asyncio.sleep(0.005)
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving

    had_frozen = gc.get_freeze_count() > 0
    gc.unfreeze()
    try:
        asyncio.run(run())
        assert gc.get_freeze_count() > 1_000
    finally:
        gc.unfreeze()
        if had_frozen:
            gc.freeze()


def test_what_browsers_are_told_comes_from_options(configs: list[BrokerConfig]) -> None:
    serve(listen="127.0.0.1:0", webrtc_port=9999, public_addresses="203.0.113.5, 2001:db8::5")
    assert configs[0].rtc == RtcConfig("127.0.0.1", 9999, ("203.0.113.5", "2001:db8::5"))


def test_nothing_is_re_encoded_unless_the_setting_says_so(configs: list[BrokerConfig]) -> None:
    serve()
    serve(recode_for_browsers=True)
    serve(recode_for_browsers=True, max_recoded_channels=4)
    serve(recode_for_browsers=False, max_recoded_channels=4)
    assert [config.rtc.max_recoded_channels for config in configs if config.rtc] == [0, 1, 4, 0]


def test_a_public_address_is_numeric() -> None:
    with pytest.raises(ListenError, match="takes IP addresses, and 'broker' is none"):
        serve(public_addresses="broker")


def test_the_first_admin_token_is_shown_beside_the_log_where_there_is_a_page(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with structlog.testing.capture_logs() as lines:
        _tell_admin_token("off", "hra_the_token")
        assert capsys.readouterr().err == ""
        _tell_admin_token(":8080", "hra_the_token")
    out, err = capsys.readouterr()
    assert (out, lines) == ("", [])
    assert "http://127.0.0.1:8080/operate" in err
    assert "\n  hra_the_token\n" in err


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        (":9000", "127.0.0.1:9000"),
        ("0.0.0.0:9000", "127.0.0.1:9000"),
        ("[::]:9000", "127.0.0.1:9000"),
        ("192.0.2.10:9000", "192.0.2.10:9000"),
        ("[2001:db8::1]:9000", "[2001:db8::1]:9000"),
    ],
)
def test_what_a_first_start_shows_to_paste_has_an_address_that_can_be_called(
    configs: list[BrokerConfig], listen: str, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(listen=listen, http=listen)
    state = configs[0].state
    assert state is not None
    assert state.on_first_key is not None
    assert state.on_admin_token is not None
    state.on_first_key("live", "hrk_the_key")
    state.on_admin_token("hra_the_token")
    err = capsys.readouterr().err
    assert f"srt://{address}?streamid=hrk_the_key" in err
    assert f"http://{address}/operate" in err


def test_the_page_is_where_it_is_told_to_be_or_nowhere(configs: list[BrokerConfig], tmp_path: Path) -> None:
    serve(listen="127.0.0.1:0", http="off")
    assert configs[-1].http is None
    (tmp_path / "token").write_text("a token that is long enough\n".replace(" ", "-"))
    serve(
        listen="127.0.0.1:0",
        http=":9",
        admin_token_file=tmp_path / "token",
        trusted_proxies=" 192.0.2.1, 10.0.0.0/8,",
    )
    http = configs[-1].http
    assert http is not None
    assert (http.host, http.port, http.admin_token) == (None, 9, "a-token-that-is-long-enough")
    assert list(map(str, http.trusted_proxies)) == ["192.0.2.1/32", "10.0.0.0/8"]


def test_a_proxy_that_is_no_address_is_told() -> None:
    with pytest.raises(ListenError, match=r"--trusted-proxies takes IP addresses and networks: 'proxy\.example'"):
        serve(listen="127.0.0.1:0", trusted_proxies="10.0.0.1, proxy.example")
