"""Processes that stand in for the one that re-encodes pictures, and do worse."""

import sys
import time
from collections.abc import Callable

from headrace.media.picture_process import PictureProcess

_READY = """
import os, sys, time
from headrace.media.picture_pipe import CodedPicture, encode_answer, read_picture
out = sys.stdout.buffer
def answer(*pictures):
    out.write(encode_answer(pictures))
    out.flush()
def following():
    return read_picture(sys.stdin.buffer.read)
answer()
"""
ECHO = "while (picture := following()): answer(picture)"
"""Answers each picture by itself."""


def start_fake(then: str, *, within_seconds: float = 30) -> Callable[[str], PictureProcess]:
    """Return what starts a process that is ready, and then does ``then``."""
    command = (sys.executable, "-c", _READY + then)
    return lambda codec_name: PictureProcess(codec_name, command, within_seconds)


def wait_for(condition: Callable[[], object], seconds: float = 30) -> None:
    """Return when ``condition`` is true."""
    end_seconds = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end_seconds, "it has not come true"
        time.sleep(0.005)
