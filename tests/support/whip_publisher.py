"""FFmpeg's own WHIP muxer as a program: ``python -m tests.support.whip_publisher URL FOLDER SECONDS``.

It is a process of its own because PyAV lets no other thread run while the muxer waits for its server. SIGTERM ends
it earlier, in order.
"""

import datetime
import signal
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from threading import Event

import av
import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.support.pictures import picture

RATE = 25
SAMPLES = 48_000 // RATE


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate of a P-256 key and that key, as FFmpeg wants them."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "whip")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - datetime.timedelta(days=1))
    certificate = builder.not_valid_after(now + datetime.timedelta(days=1)).sign(key, hashes.SHA256())
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pem = serialization.PrivateFormat.TraditionalOpenSSL
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, pem, serialization.NoEncryption()))
    return files


def publish(url: str, folder: Path, seconds: float, is_over: Callable[[], bool]) -> None:
    """Send a moving picture and a tone in real time, for so many seconds or until it is over."""
    certificate, key = write_certificate(folder)
    options = {"cert_file": str(certificate), "key_file": str(key)}
    with av.open(url, "w", format="whip", options=options) as container:
        video = container.add_stream("libx264", rate=RATE)
        video.width, video.height = 320, 180
        video.options = {"tune": "zerolatency", "preset": "ultrafast", "profile": "baseline", "g": str(RATE)}
        audio = container.add_stream("libopus", rate=48_000)
        audio.layout = "stereo"
        began = time.monotonic()
        for number in range(round(seconds * RATE)):
            if is_over():
                break
            frame = picture(number, 320, 180)
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(video.encode(frame))
            times = (np.arange(SAMPLES) + number * SAMPLES) / 48_000
            tone = (8_000 * np.sin(2 * np.pi * 440 * times)).astype(np.int16).repeat(2).reshape(1, -1)
            sound = av.AudioFrame.from_ndarray(tone, format="s16", layout="stereo")
            sound.sample_rate, sound.pts, sound.time_base = 48_000, number * SAMPLES, Fraction(1, 48_000)
            container.mux(audio.encode(sound))
            time.sleep(max(0.0, began + number / RATE - time.monotonic()))


if __name__ == "__main__":
    asked = Event()
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    publish(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]), asked.is_set)
