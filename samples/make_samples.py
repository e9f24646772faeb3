"""Makes the sample data of this folder: frames/, audio/ and clip.mp4. Everything is drawn and composed here.

Run `make samples`. The picture is a small harbour at dusk: waves, a lighthouse with its beam, a boat that
crosses, and a clock in the corner, so that a viewer sees at once whether the stream moves and how smoothly.
"""

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final, TypeAlias

import av
import numpy as np
from numpy.typing import NDArray

SAMPLES: Final = Path(__file__).parent
SIZE: Final = (640, 360)
FRAME_RATE: Final = 10
FOLDER_SECONDS: Final = 4
CLIP_SIZE: Final = (960, 540)
CLIP_FRAME_RATE: Final = 30
CLIP_SECONDS: Final = 10
SAMPLE_RATE_HZ: Final = 48_000

Canvas: TypeAlias = NDArray[np.float32]

DIGITS: Final = {
    "0": "111101101101111",
    "1": "010110010010111",
    "2": "111001111100111",
    "3": "111001111001111",
    "4": "101101111001001",
    "5": "111100111001111",
    "6": "111100111101111",
    "7": "111001010010010",
    "8": "111101111101111",
    "9": "111101111001111",
    ":": "000010000010000",
    ".": "000000000000010",
}
MELODY_HZ: Final = (261.63, 329.63, 392.00, 523.25, 440.00, 392.00, 349.23, 329.63)


def colour(red: int, green: int, blue: int) -> Canvas:
    """Return a colour as the last axis of a picture."""
    return np.array([red, green, blue], np.float32)


def blend(canvas: Canvas, paint: Canvas, amount: Canvas | NDArray[np.float64]) -> None:
    """Lay ``paint`` over the picture, as thick as ``amount`` (0 to 1) says for each pixel."""
    canvas += (paint - canvas) * np.clip(amount, 0, 1).astype(np.float32)[..., None]


def draw(size: tuple[int, int], seconds: float, period_s: float) -> NDArray[np.uint8]:
    """Return the picture at a time; it repeats after ``period_s``. Shape ``(height, width, 3)``."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = x / height, y / height
    turn = 2 * math.pi * seconds / period_s
    canvas = sky(y)
    sun(canvas, x, y)
    stars(canvas, size, seconds)
    lighthouse(canvas, x, y, turn)
    sea(canvas, x, y, turn)
    boat(canvas, x, y, -0.2 + 2.2 * (seconds / period_s), turn)
    clock(canvas, size, seconds)
    return np.clip(canvas, 0, 255).astype(np.uint8)


def sky(y: Canvas) -> Canvas:
    """Return the evening sky, dark blue above, orange at the horizon."""
    top, low = colour(24, 32, 84), colour(250, 152, 92)
    share = np.clip(y / 0.62, 0, 1)[..., None] ** 1.6
    return np.asarray(top + (low - top) * share, np.float32)


def sun(canvas: Canvas, x: Canvas, y: Canvas) -> None:
    """Draw the sun on the horizon, and its glow."""
    distance = np.hypot(x - 0.5, y - 0.56)
    blend(canvas, colour(255, 190, 110), 0.8 * np.exp(-4.5 * distance))
    blend(canvas, colour(255, 236, 190), (0.085 - distance) * 200)


def stars(canvas: Canvas, size: tuple[int, int], seconds: float) -> None:
    """Draw stars that twinkle."""
    width, height = size
    random = np.random.default_rng(7)
    for _ in range(60):
        column, row, phase = random.random(3)
        at = int(row * height * 0.3), int(column * (width - 2))
        light = 0.55 + 0.45 * math.sin(2 * math.pi * (seconds + phase))
        canvas[at[0] : at[0] + 2, at[1] : at[1] + 2] += light * 150 * (1 - row)


def lighthouse(canvas: Canvas, x: Canvas, y: Canvas, turn: float) -> None:
    """Draw the lighthouse on its rock with its turning beam."""
    lamp_x, lamp_y = 1.42, 0.235
    sweep = math.cos(2 * turn)
    across = (y - lamp_y) - 0.10 * (lamp_x - x) * math.sin(2 * turn)
    reach = (lamp_x - x) * np.sign(sweep)
    beam = np.exp(-((across / (0.012 + 0.10 * np.abs(reach))) ** 2)) * (reach > 0) * np.exp(-0.9 * np.abs(reach))
    blend(canvas, colour(255, 246, 200), 0.75 * abs(sweep) * beam)
    half = 0.030 + 0.022 * (y - 0.26) / 0.34
    tower = (np.abs(x - lamp_x) < half) & (y > 0.26) & (y < 0.62)
    red = np.floor((y - 0.26) / 0.072) % 2 == 0
    shade = 1 - 0.45 * np.clip((x - lamp_x) / half, -1, 1) ** 2
    blend(canvas, colour(238, 236, 230), (tower & ~red) * shade.astype(np.float32))
    blend(canvas, colour(196, 48, 44), (tower & red) * shade.astype(np.float32))
    gallery = (np.abs(x - lamp_x) < 0.045) & (np.abs(y - 0.262) < 0.006)
    blend(canvas, colour(40, 40, 52), gallery.astype(np.float32))
    roof = (y > 0.175) & (y < 0.21) & (np.abs(x - lamp_x) < (y - 0.172) * 1.1)
    blend(canvas, colour(150, 34, 34), roof.astype(np.float32))
    glow = np.hypot(x - lamp_x, y - lamp_y)
    blend(canvas, colour(255, 250, 214), (0.030 - glow) * 90 + 0.5 * abs(sweep) * np.exp(-22 * glow))
    rock = ((x - lamp_x) / 0.20) ** 2 + ((y - 0.66) / 0.075) ** 2
    blend(canvas, colour(52, 46, 58), (1 - rock) * 14)


def sea(canvas: Canvas, x: Canvas, y: Canvas, turn: float) -> None:
    """Draw the sea: bands of waves, darker toward the viewer, with the sun's path."""
    for band in range(7):
        base = 0.62 + 0.012 * band + 0.0075 * band * band
        speed = (band % 3 + 2) * (1 if band % 2 else -1)
        height = 0.004 + 0.0035 * band
        crest = base + height * np.sin((26 - 3 * band) * x + speed * turn + band)
        crest += 0.4 * height * np.sin((47 - 4 * band) * x - 2 * speed * turn)
        paint = colour(112 - 14 * band, 92 - 7 * band, 128 - 9 * band)
        blend(canvas, paint, (y - crest) * 160)
        foam = np.exp(-((np.abs(y - crest) / 0.0028) ** 2))
        path = np.exp(-(((x - 0.5) / (0.05 + 0.05 * band)) ** 2))
        blend(canvas, colour(255, 206, 150), foam * (0.22 + 0.65 * path))


def boat(canvas: Canvas, x: Canvas, y: Canvas, at: float, turn: float) -> None:
    """Draw a sailing boat at ``at`` picture heights from the left, rocking."""
    tilt = 0.10 * math.sin(6 * turn)
    lift = 0.722 + 0.007 * math.sin(5 * turn)
    across, down = x - at + tilt * (y - lift), y - lift - tilt * (x - at)
    hull = (down > 0) & (down < 0.042) & (np.abs(across) < 0.105 - 0.9 * down)
    blend(canvas, colour(92, 46, 34), hull.astype(np.float32))
    blend(canvas, colour(232, 216, 190), (hull & (down < 0.008)).astype(np.float32))
    mast = (np.abs(across) < 0.003) & (down < 0) & (down > -0.235)
    blend(canvas, colour(60, 40, 34), mast.astype(np.float32))
    main = (across > 0.006) & (down < -0.018) & (down > -0.225) & (across < 0.006 + (down + 0.225) * 0.46)
    blend(canvas, colour(250, 240, 224), main * (1 - 1.6 * across))
    jib = (across < -0.006) & (down < -0.018) & (down > -0.195) & (across > -0.006 - (down + 0.195) * 0.42)
    blend(canvas, colour(236, 148, 96), jib * (1 + 1.8 * across))


def clock(canvas: Canvas, size: tuple[int, int], seconds: float) -> None:
    """Draw the time in the upper left corner."""
    dot = max(2, size[1] // 90)
    canvas[dot * 2 : dot * 9, dot * 2 : dot * 35] *= 0.45
    column = dot * 4
    for letter in f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}.{int(seconds * 100 + 0.5) % 100:02d}":
        for place, bit in enumerate(DIGITS[letter]):
            if bit == "1":
                top, left = dot * (3 + place // 3), column + dot * (place % 3)
                canvas[top : top + dot, left : left + dot] = (255, 244, 220)
        column += dot * 4


def tune(seconds: int) -> NDArray[np.float32]:
    """Return a melody of plucked notes, four a second, over a soft bass; shape ``(2, samples)``."""
    time_s = np.arange(seconds * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    note_s = time_s % 0.25
    pitch_hz = np.array(MELODY_HZ)[(time_s / 0.25).astype(int) % len(MELODY_HZ)]
    pluck = np.exp(-9 * note_s) * np.minimum(note_s * 200, 1) * np.minimum((0.25 - note_s) * 200, 1)
    phase = 2 * np.pi * pitch_hz * note_s
    melody = pluck * (np.sin(phase) + 0.4 * np.sin(2 * phase) + 0.15 * np.sin(3 * phase))
    bass = 0.35 * np.sin(2 * np.pi * 131 * time_s) * (0.7 + 0.3 * np.cos(2 * np.pi * time_s))
    sway = 0.15 * np.sin(2 * np.pi * time_s / 2)
    return (0.28 * np.stack([(1 + sway) * melody + bass, (1 - sway) * melody + bass])).astype(np.float32)


def audio_frames(samples: NDArray[np.float32], frame_samples: int) -> Iterator[av.AudioFrame]:
    """Yield the samples in frames with their times."""
    for at in range(0, samples.shape[1], frame_samples):
        part = np.ascontiguousarray(samples[:, at : at + frame_samples])
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE_HZ, at, Fraction(1, SAMPLE_RATE_HZ)
        yield frame


def write_frames(folder: Path) -> None:
    """Write the JPEG files."""
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.jpg"):
        old.unlink()
    for index in range(FOLDER_SECONDS * FRAME_RATE):
        frame = av.VideoFrame.from_ndarray(draw(SIZE, index / FRAME_RATE, FOLDER_SECONDS), format="rgb24")
        codec = av.CodecContext.create("mjpeg", "w")
        codec.width, codec.height, codec.pix_fmt = *SIZE, "yuvj420p"
        codec.time_base, codec.options = Fraction(1, FRAME_RATE), {"qmin": "5", "qmax": "5", "flags": "+bitexact"}
        picture = frame.reformat(format="yuvj420p", dst_color_range=2)
        data = b"".join(bytes(packet) for packet in codec.encode(picture) + codec.encode(None))
        (folder / f"frame{index + 1}.jpg").write_bytes(data)


def write_audio(folder: Path) -> None:
    """Write one MP3 for each second."""
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.mp3"):
        old.unlink()
    samples = tune(FOLDER_SECONDS)
    for second in range(FOLDER_SECONDS):
        part = samples[:, second * SAMPLE_RATE_HZ : (second + 1) * SAMPLE_RATE_HZ]
        path = folder / f"segment{second + 1}.mp3"
        with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
            stream = container.add_stream("libmp3lame", SAMPLE_RATE_HZ, layout="stereo", format="fltp")
            stream.bit_rate = 96_000
            for frame in audio_frames(part, 1152):
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))


def write_clip(path: Path) -> None:
    """Write a short film with sound."""
    with av.open(str(path), "w", options={"movflags": "+faststart", "fflags": "+bitexact"}) as container:
        video = container.add_stream(
            "libx264", CLIP_FRAME_RATE, options={"preset": "slow", "crf": "27", "bf": "0"}
        )
        video.width, video.height, video.pix_fmt, video.gop_size = *CLIP_SIZE, "yuv420p", 60
        audio = container.add_stream("aac", SAMPLE_RATE_HZ, layout="stereo")
        audio.bit_rate = 96_000
        sounds = audio_frames(tune(CLIP_SECONDS), 1024)
        for index in range(CLIP_SECONDS * CLIP_FRAME_RATE):
            picture = draw(CLIP_SIZE, index / CLIP_FRAME_RATE, CLIP_SECONDS)
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            while (sound := next(sounds, None)) is not None:
                container.mux(audio.encode(sound))
                if sound.pts is not None and sound.pts * CLIP_FRAME_RATE > index * SAMPLE_RATE_HZ:
                    break
        container.mux(video.encode(None))
        container.mux(audio.encode(None))


def main() -> None:
    """Write all sample data."""
    write_frames(SAMPLES / "frames")
    write_audio(SAMPLES / "audio")
    write_clip(SAMPLES / "clip.mp4")


if __name__ == "__main__":
    main()
