import errno
import socket
import subprocess
import sys

import pytest

from headrace.cli.serve import ListenError, serve


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


def test_a_broker_listens_without_loading_decoders_pictures_or_a_shell() -> None:
    script = (
        "import asyncio, sys\n"
        "from headrace.cli.serve import BrokerConfig, Broker\n"
        "async def run():\n"
        "    async with Broker(BrokerConfig('127.0.0.1', 0)): pass\n"
        "asyncio.run(run())\n"
        "heavy = set('av PIL prompt_toolkit headrace.client headrace.media'.split()) & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
