"""Facts about a machine."""

import getpass
import platform
from dataclasses import asdict
from pathlib import Path

import pytest

from headrace.bench.machine import UNKNOWN, machine_facts, processor_model, usable_cores


def test_each_fact_says_something_and_none_says_whose_machine_it_is() -> None:
    facts = asdict(machine_facts())
    assert all(facts.values())
    assert facts["python"].endswith(platform.python_version())
    text = " ".join(str(value) for value in facts.values())
    assert str(Path.home()) not in text
    assert platform.node() not in text.split()
    assert f"/{getpass.getuser()}" not in text


def test_the_processor_is_what_the_kernel_calls_it() -> None:
    assert processor_model("processor\t: 0\nmodel name\t: Some Processor @ 2 GHz\n") == "Some Processor @ 2 GHz"


def test_a_kernel_without_model_names_leaves_the_kind_of_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert processor_model("processor: 0\n") == platform.machine()
    monkeypatch.setattr(platform, "machine", lambda: "")
    assert processor_model("") == UNKNOWN


def test_there_is_a_core_to_use() -> None:
    assert usable_cores() >= 1
