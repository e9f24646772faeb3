"""The containers' commands, run as processes of this machine: a client's shell sees every producer's frames."""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.support.compose import Service, env_values, load_compose, services
from tests.support.ports import free_udp_port

CHANNELS = ("1AAA99", "2BBB99", "3CCC99")
KEYS_SECONDS = 60.0
UP_SECONDS = 60.0
WATCH_SECONDS = 60.0


class Containers:
    """Starts services without Docker: loopback for their network, the checkout for what they mount.

    Args:
        folder: Empty, for the working folder of every process.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        broker = load_compose()["services"]["broker"]["networks"]["live"]["ipv4_address"]
        port = env_values()["BROKER_PORT"]
        here = free_udp_port()
        self._replaced = {f"{broker}:{port}": f"127.0.0.1:{here}", f":{port}": f":{here}"}
        self._replaced |= {":8080": ":0", env_values()["BROWSER_PORT"]: "0"}
        # Volumes are empty at the first start.
        self._replaced |= {volume: f"{folder}{volume}" for volume in ("/state", "/keys")}

    def command(self, service: Service) -> list[str]:
        return [sys.executable, "-m", "headrace", *map(self._here, service.arguments)]

    def health_command(self) -> list[str]:
        _, _, *arguments = load_compose()["services"]["broker"]["healthcheck"]["test"]
        return [sys.executable, "-m", "headrace", *map(self._here, arguments)]

    def _here(self, text: str) -> str:
        for there, here in self._replaced.items():
            text = text.replace(there, here)
        return text

    def environment(self, service: Service) -> dict[str, str]:
        own = {key: self._here(value) for key, value in service.environment.items()}
        own = {key: str(service.binds.get(value, value)) for key, value in own.items()}
        return {"PATH": os.environ["PATH"], "HOME": str(self._folder), **own}

    def start(self, service: Service) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(service),
            cwd=self._folder,
            env=self.environment(service),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, service: Service) -> None:
        """Run a service that ends by itself, and well."""
        environment = self.environment(service)
        subprocess.run(self.command(service), cwd=self._folder, env=environment, check=True, timeout=KEYS_SECONDS)


@pytest.fixture
def containers(tmp_path: Path) -> Iterator[Containers]:
    """Start the broker, wait until its health check passes, start the producers; end all of them."""
    made = Containers(tmp_path)
    all_services = services()
    with ExitStack() as stack:
        made.run(all_services["keys"])
        stack.callback(end, running := [made.start(all_services["broker"])])
        deadline = time.monotonic() + UP_SECONDS
        while subprocess.run(made.health_command(), cwd=tmp_path, capture_output=True, check=False).returncode:
            assert time.monotonic() < deadline, "the health check never passed"
        running += [made.start(all_services[f"producer-{number}"]) for number in (1, 2, 3)]
        yield made


def end(processes: list[subprocess.Popen[str]]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def test_a_client_gets_frames_of_all_three_producers(containers: Containers) -> None:
    client = containers.start(services()["client-1"])
    assert client.stdin is not None
    assert client.stdout is not None
    said: list[str] = []
    reader = threading.Thread(target=said.extend, args=(client.stdout,), daemon=True)
    reader.start()
    try:
        client.stdin.write("".join(f"subscribe {channel}\n" for channel in CHANNELS))
        deadline = time.monotonic() + WATCH_SECONDS
        while not all(has_frames(said, channel) for channel in CHANNELS):
            assert time.monotonic() < deadline, "".join(said)
            time.sleep(0.5)
            client.stdin.write("status\n")
            client.stdin.flush()
        client.stdin.write("quit\n")
        client.stdin.flush()
        assert client.wait(60) == 0
        reader.join(5)
    finally:
        client.kill()
        client.wait()
        client.stdin.close()
        client.stdout.close()


def has_frames(said: list[str], channel_id: str) -> bool:
    """Tell whether a status table had a row of the channel with a count of frames above 0."""
    row = re.compile(rf"{channel_id}\s+live\s+[0-9.]+\s+[1-9]")
    return any(row.match(line) for line in list(said))
