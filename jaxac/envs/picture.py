"""Pictures of simulated robots, of grids and of arrays, drawn on the host."""

import functools
import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jaxac.envs.canvas import COLOURS, INK, rgb
from jaxac.errors import EnvError

HEIGHT, WIDTH = 240, 320
SIZE = 320  # pixels of the longer side that small pictures are enlarged to
GRID = "#FFFFFF"
EMPTY = "#F3F3F3"


def mujoco_picture(
    model: Any, qpos: Any, qvel: Any, mocap_pos: Any = None, mocap_quat: Any = None
) -> np.ndarray:
    """A picture [H, W, 3] uint8 of a `mujoco.MjModel` in the state `qpos` [nq], `qvel` [nv].

    Raises `EnvError` if no OpenGL can be had; `MUJOCO_GL=egl` needs no display.
    """
    mujoco: Any = importlib.import_module("mujoco")

    data = mujoco.MjData(model)
    data.qpos, data.qvel = np.asarray(qpos), np.asarray(qvel)
    if model.nmocap:
        data.mocap_pos, data.mocap_quat = np.asarray(mocap_pos), np.asarray(mocap_quat)
    mujoco.mj_forward(model, data)
    renderer = _renderer(model)
    renderer.update_scene(data, _camera(model))
    return renderer.render()


@functools.lru_cache(maxsize=2)
def _camera(model: Any) -> Any:
    """The model's camera that goes with the robot, or its first, or one of our own."""
    mujoco: Any = importlib.import_module("mujoco")
    names = [model.camera(i).name.lower() for i in range(model.ncam)]
    for word in ("track", "side"):
        for i, name in enumerate(names):
            if word in name:
                return i
    if names:
        return 0
    camera = mujoco.MjvCamera()
    mujoco.mjv_defaultFreeCamera(model, camera)
    if model.njnt and model.jnt_type[0] == mujoco.mjtJoint.mjJNT_FREE:
        camera.type = mujoco.mjtCamera.mjCAMERA_TRACKING
        camera.trackbodyid = model.jnt_bodyid[0]
    return camera


@functools.lru_cache(maxsize=2)
def _renderer(model: Any) -> Any:
    mujoco: Any = importlib.import_module("mujoco")

    try:
        return mujoco.Renderer(model, HEIGHT, WIDTH)
    except Exception as error:
        raise EnvError(
            f"no picture can be drawn: OpenGL failed ({error}). Set MUJOCO_GL=egl (install "
            "libegl1) or MUJOCO_GL=osmesa (install libosmesa6) before starting Python"
        ) from error


def is_image(shape: Sequence[int]) -> bool:
    """Whether observations of this shape have rows and columns: [H, W] or [H, W, C]."""
    return len(shape) in (2, 3) and min(shape[:2]) > 3


def cells_picture(
    channels: np.ndarray, colours: Sequence[str] = COLOURS, grid: str = GRID
) -> np.ndarray:
    """A grid of cells, uint8 [H, W, 3], from `channels` [h, w, C] in [0, 1], a colour each.

    The first channel lies on top.
    """
    height, width, count = channels.shape
    picture = np.broadcast_to(rgb(EMPTY), (height, width, 3)).astype(np.float32)
    for i in reversed(range(count)):
        share = np.clip(channels[..., i : i + 1], 0.0, 1.0)
        picture = (1.0 - share) * picture + share * rgb(colours[i % len(colours)])
    return _tiles(np.round(picture).astype(np.uint8), grid)


def array_picture(images: np.ndarray, high: float = 1.0) -> Callable[[np.ndarray], np.ndarray]:
    """How to draw observations like `images` [T, h, w] or [T, h, w, C] that have no other picture.

    Returns a function from one of them to uint8 [H, W, 3]. Bytes (`high` is 255) and colours in
    [0, 1] are shown as they are, of a stack of frames the newest; ones and zeros as cells in a
    colour for each channel; other whole numbers as cells where equal ones are equally coloured; the
    rest as shades. `high` is the observations' upper bound.
    """
    channels = images.shape[3] if images.ndim == 4 else 1
    whole = bool((images == np.round(images)).all())
    in_unit = bool(images.min() >= 0 and images.max() <= 1)
    low, span = images.min(), max(np.ptp(images), 1e-9)

    def pixels(image):
        newest = image[..., -3:] if channels % 3 == 0 else image[..., -1:].repeat(3, -1)
        scaled = np.round(newest * (255.0 / high))
        return enlarged(np.clip(scaled, 0, 255).astype(np.uint8))

    def cells(image):
        return cells_picture(image, COLOURS if channels > 1 else (INK,))

    def shades(image):
        return cells((image - low) / span)

    drawn = shades
    if high == 255 or (in_unit and not whole and channels % 3 == 0):
        drawn = pixels
    elif whole and in_unit:
        drawn = cells
    elif whole:
        drawn = _kinds(images.reshape(-1, channels))
    return lambda image: drawn(image.reshape((*image.shape[:2], channels)))


def _kinds(vectors: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Cells in a colour for each of the different `vectors` [n, C]; the commonest is empty."""
    kinds, counts = np.unique(vectors, axis=0, return_counts=True)
    colours = [COLOURS[i % len(COLOURS)] for i in range(len(kinds))]
    colours[int(counts.argmax())] = EMPTY
    painted = {kind.tobytes(): rgb(c) for kind, c in zip(kinds, colours, strict=True)}

    def cells(image):
        rows = [[painted[np.ascontiguousarray(x).tobytes()] for x in row] for row in image]
        return _tiles(np.array(rows), GRID)

    return cells


def _tiles(small: np.ndarray, grid: str) -> np.ndarray:
    """Each pixel of [h, w, 3] as a large square; lines of colour `grid` between them if it fits."""
    large = enlarged(small)
    step = large.shape[0] // small.shape[0]
    if step >= 12:
        large[::step], large[:, ::step] = rgb(grid), rgb(grid)
    return large


def enlarged(picture: np.ndarray, size: int = SIZE) -> np.ndarray:
    """A small picture [h, w, 3] with each pixel a square, so that its longer side nears `size`."""
    factor = max(1, round(size / max(picture.shape[:2])))
    return picture.repeat(factor, 0).repeat(factor, 1)


def figure_picture(figure: Any) -> np.ndarray:
    """A matplotlib figure as a picture, uint8 [H, W, 3]; needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
