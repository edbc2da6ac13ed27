"""Frames to files: GIF, MP4 and a strip as PNG, each written whole or not at all."""

import contextlib
import io
import math
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from jaxac.envs.canvas import INK, PAPER, font
from jaxac.errors import EnvError, StoreError
from jaxac.store import files

SUFFIXES = {
    ".gif": "plays everywhere",
    ".mp4": "smaller, in full colour",
    ".png": "a strip of pictures",
}
COMMAND = "python -m pip install 'imageio-ffmpeg>=0.6,<1'"
TEXT = 14  # pixels
MARGIN = 8  # pixels
ROW = 2640  # pixels that a row of a strip may be wide
SAMPLED = 24  # frames that the colours of a GIF are chosen from
EXACT = 96  # of its 256 colours that stand there unchanged
QUALITY = 18  # of MP4, a constant rate factor: 0 is lossless, 18 looks so
SMALLEST = 240  # pixels of the longer side; smaller pictures are enlarged

Tick = Callable[[], None]
"""Called once for every frame that was drawn."""


def check_path(path: Path) -> None:
    """Raise `StoreError` for a file that cannot be written, before any work is done."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        kinds = ", ".join(f"{x} ({what})" for x, what in SUFFIXES.items())
        raise StoreError(f"{path} has none of the suffixes that can be written: {kinds}")
    if suffix == ".mp4":
        _ffmpeg()


def captioned(picture: np.ndarray, text: str) -> np.ndarray:
    """A picture [H, W, 3] with a line of text above it, in smaller letters if it is narrow."""
    width = picture.shape[1]
    size = TEXT
    while size > 7 and font(size).getlength(text) > width - 2 * MARGIN:
        size -= 1
    band = Image.new("RGB", (width, TEXT + 2 * MARGIN - 4), PAPER)
    middle = band.height / 2
    ImageDraw.Draw(band).text((MARGIN, middle), text, INK, font(size), anchor="lm")
    return np.concatenate([np.asarray(band), picture])


def write(path: Path, frames: Sequence[np.ndarray], fps: int, tick: Tick) -> None:
    """Write `frames` [H, W, 3] of one size as GIF or MP4, as the suffix says.

    A GIF joins equal frames that follow each other into a longer one, and holds a frame for whole
    hundredths of a second. Raises `StoreError` for a full disk, `EnvError` for frames of several
    sizes.
    """
    check_path(path)
    encode = _gif if path.suffix.lower() == ".gif" else _mp4
    _save(path, encode(frames, fps, tick))


def write_strip(path: Path, pictures: Sequence[np.ndarray]) -> None:
    """Write pictures of one size side by side as PNG, in several rows if they are wide.

    Raises as `write` does.
    """
    check_path(path)
    height, width, _ = pictures[0].shape
    rows = math.ceil(len(pictures) / max(1, ROW // (width + MARGIN)))
    columns = math.ceil(len(pictures) / rows)
    size = (columns * (width + MARGIN) - MARGIN, rows * (height + MARGIN) - MARGIN)
    sheet = Image.new("RGB", size, PAPER)
    for i, picture in enumerate(pictures):
        row, column = divmod(i, columns)
        at = column * (width + MARGIN), row * (height + MARGIN)
        sheet.paste(Image.fromarray(_of_size(picture, pictures[0].shape)), at)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG", optimize=True)
    _save(path, buffer.getvalue())


def _of_size(frame: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if frame.shape != shape:
        raise EnvError(f"a picture is {frame.shape}, the first one {shape}; render one size only")
    return frame


def _gif(frames: Sequence[np.ndarray], fps: int, tick: Tick) -> bytes:
    chosen = np.unique(np.linspace(0, len(frames) - 1, SAMPLED).round().astype(int))
    shape = frames[0].shape
    # one palette for all frames: colours do not flicker, and equal states give equal pixels
    sample = [_of_size(frames[int(i)], shape)[::2, ::2] for i in chosen]
    palette = _palette(np.concatenate(sample))
    nearest = np.full(2**24, -1, np.int16)  # of every colour, found when it is met
    images = []
    for frame in frames:
        codes = _codes(_of_size(frame, shape))
        new = np.unique(codes[nearest[codes] < 0])
        distance = np.square(palette).sum(-1) - 2.0 * _colours(new) @ palette.T
        nearest[new] = distance.argmin(-1)
        image = Image.fromarray(nearest[codes].astype(np.uint8))
        image.putpalette(palette.astype(np.uint8).tobytes())
        images.append(image)
        tick()
    buffer = io.BytesIO()
    duration = max(20, round(1000 / fps))  # players slow down what is shorter
    images[0].save(
        buffer, "GIF", save_all=True, append_images=images[1:], duration=duration, loop=0
    )
    return buffer.getvalue()


def _palette(sample: np.ndarray) -> np.ndarray:
    """256 colours [256, 3] for pictures like `sample` [H, W, 3]: the commonest, and means."""
    codes, counts = np.unique(_codes(sample), return_counts=True)
    exact = _colours(codes[np.argsort(-counts, kind="stable")[:EXACT]])
    rest = Image.fromarray(sample).quantize(256 - len(exact), Image.Quantize.MEDIANCUT)
    means = np.reshape(rest.getpalette() or [], (-1, 3))
    palette = np.concatenate([exact, means])[:256].astype(np.float32)
    return np.pad(palette, ((0, 256 - len(palette)), (0, 0)), mode="edge")


def _codes(picture: np.ndarray) -> np.ndarray:
    """A colour as one number, [H, W] of [H, W, 3]."""
    red, green, blue = np.moveaxis(picture.astype(np.int32), -1, 0)
    return red << 16 | green << 8 | blue


def _colours(codes: np.ndarray) -> np.ndarray:
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], -1).astype(np.float32)


def _mp4(frames: Sequence[np.ndarray], fps: int, tick: Tick) -> bytes:
    height, width, _ = shape = frames[0].shape
    even = "pad=ceil(iw/2)*2:ceil(ih/2)*2:0:0:white"  # the format takes no odd sides
    look = ["-vf", even, "-c:v", "libx264", "-crf", str(QUALITY), "-pix_fmt", "yuv420p"]
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(fps)]
    with tempfile.TemporaryDirectory() as folder, files.explained(Path(folder)):
        path = Path(folder) / "video.mp4"
        command = [_ffmpeg(), "-v", "error", *raw, "-i", "-", *look, str(path)]
        # not imageio's own writer: it forks in a way that can hang beside JAX's threads
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as encoder:
            assert encoder.stdin is not None and encoder.stderr is not None
            with contextlib.suppress(BrokenPipeError):  # it says why, below
                for frame in frames:
                    encoder.stdin.write(_of_size(frame, shape).tobytes())
                    tick()
                encoder.stdin.close()
            problem = encoder.stderr.read().decode(errors="replace").strip()
        if encoder.returncode:
            raise StoreError(f"ffmpeg could not write the video: {problem}")
        return path.read_bytes()


def _ffmpeg() -> str:
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise StoreError(
            f"mp4 needs imageio-ffmpeg, which brings ffmpeg along ({error}); {COMMAND}, or choose "
            ".gif"
        ) from error
    return imageio_ffmpeg.get_ffmpeg_exe()


def _save(path: Path, data: bytes) -> None:
    with files.explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    files.write(path, data)
