"""Pictures: of states that can be seen, of grids, and of arrays that have no other."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxac.envs import canvas, classic, picture, sketches
from jaxac.envs.adapters import extras, gymnax

ROOT = Path(__file__).resolve().parents[2]
DRAWN = [name for name in gymnax.ids() if gymnax.make(name).render is not None]


def first_state(env, seed=0):
    return jax.device_get(jax.jit(env.reset)(jax.random.key(seed), env.params)[0])


def colour_at(shown, colour):
    """Centre (row, column) of the pixels of a colour, in shares of the picture."""
    rows, columns = np.nonzero((shown == canvas.rgb(colour)).all(-1))
    assert rows.size, f"nothing is {colour}"
    return rows.mean() / shown.shape[0], columns.mean() / shown.shape[1]


@pytest.mark.parametrize("name", DRAWN)
def test_a_state_is_drawn_as_bytes(name):
    env = gymnax.make(name)
    shown = env.render(first_state(env), env.params)
    assert shown.dtype == np.uint8 and shown.ndim == 3 and shown.shape[2] == 3
    assert 100 < max(shown.shape) <= 640 and len(np.unique(shown.reshape(-1, 3), axis=0)) > 1


def test_what_has_no_place_has_no_picture():
    others = set(gymnax.ids()) - set(DRAWN)
    assert others == {
        "MemoryChain-bsuite",
        "UmbrellaChain-bsuite",
        "DiscountingChain-bsuite",
        "SimpleBandit-bsuite",
        "BernoulliBandit-misc",
        "GaussianBandit-misc",
    }


def test_the_paddle_of_breakout_moves_with_the_action():
    """Actions 1 and 2 go left and right, by a cell of ten."""
    env = gymnax.make("Breakout-MinAtar")
    state = first_state(env)
    step = jax.jit(env.step)
    at = {}
    for action in (0, 1, 2):
        after, _ = step(jax.random.key(1), state, action, env.params)
        at[action] = colour_at(env.render(after, env.params), canvas.BLUE)
    assert at[1][1] - at[0][1] == pytest.approx(-0.1, abs=0.01)
    assert at[2][1] - at[0][1] == pytest.approx(0.1, abs=0.01)
    assert at[0][0] > 0.9, "it is at the bottom"


def test_the_cart_and_its_pole_stand_where_the_state_says():
    env = gymnax.make("CartPole-v1")
    state = first_state(env)
    middle, right = (
        env.render(state.replace(x=x, theta=t), env.params) for x, t in ((0.0, 0.0), (1.2, 0.0))
    )
    assert colour_at(middle, canvas.BLUE)[1] == pytest.approx(0.5, abs=0.01)
    span = 2 * (env.params.x_threshold + 0.35)
    assert colour_at(right, canvas.BLUE)[1] == pytest.approx(0.5 + 1.2 / span, abs=0.01)
    leaning = env.render(state.replace(x=0.0, theta=0.4), env.params)
    assert colour_at(leaning, canvas.ORANGE)[1] > 0.52


def test_a_longer_pole_is_drawn_longer():
    env = gymnax.make("CartPole-v1")
    state = first_state(env)
    short = env.render(state, env.params)
    long = env.render(state, env.params.replace(length=1.5))
    assert (long == canvas.rgb(canvas.ORANGE)).all(-1).sum() > 2 * (
        short == canvas.rgb(canvas.ORANGE)
    ).all(-1).sum()


@pytest.mark.parametrize(
    ("theta", "row", "column"), [(0.0, -1, 0), (np.pi, 1, 0), (np.pi / 2, 0, -1)]
)
def test_the_pendulum_points_up_at_zero_and_turns_anticlockwise(theta, row, column):
    env = gymnax.make("Pendulum-v1")
    shown = env.render(first_state(env).replace(theta=theta), env.params)
    middle = np.array(colour_at(shown, canvas.VERMILION)) - 0.5
    np.testing.assert_allclose(middle, 0.2 * np.array([row, column]), atol=0.02)


def test_the_acrobot_hangs_at_zero_and_its_tip_passes_the_line_when_it_is_done():
    env = gymnax.make("Acrobot-v1")
    state = first_state(env)
    hanging = env.render(state.replace(joint_angle1=0.0, joint_angle2=0.0), env.params)
    up = env.render(state.replace(joint_angle1=np.pi, joint_angle2=0.0), env.params)
    line = colour_at(hanging, canvas.GREEN)[0]
    assert colour_at(hanging, canvas.ORANGE)[0] > 0.7 > line > colour_at(up, canvas.ORANGE)[0]


def test_the_car_stands_on_its_hill_and_both_adapters_draw_it_alike():
    env, ours = gymnax.make("MountainCarContinuous-v0"), classic.make("MountainCarContinuous-v0")
    state = first_state(env)
    assert ours.render is sketches.mountain_car
    bottom, top = (env.render(state.replace(position=x), env.params) for x in (-np.pi / 6, 0.45))
    low, high = colour_at(bottom, canvas.BLUE), colour_at(top, canvas.BLUE)
    assert low[0] > 0.8 and high[0] < 0.35 and low[1] < high[1]


def test_the_agent_of_a_maze_stands_in_its_cell():
    env = gymnax.make("FourRooms-misc")
    state = first_state(env)
    shown = env.render(state, env.params)
    at = np.array(colour_at(shown, canvas.BLUE)) * 13 - 0.5
    np.testing.assert_allclose(at, state.pos, atol=0.1)


def test_a_diver_below_the_last_row_stays_in_the_picture():
    env = gymnax.make("DeepSea-bsuite")
    state = first_state(env).replace(row=8, column=7)
    assert env.render(state, env.params).shape == (320, 320, 3)


def test_a_walk_is_a_row_or_a_grid_of_cells():
    terminal = np.array([0, 0, 0, 0, 0, 1])
    assert sketches.walk(terminal, 2, 6).shape[0] * 6 == sketches.walk(terminal, 2, 6).shape[1]
    grid = sketches.walk(terminal, 1, 3)
    assert grid.shape[0] * 3 == grid.shape[1] * 2
    assert colour_at(grid, canvas.BLUE)[1] == pytest.approx(0.5, abs=0.02)
    assert colour_at(grid, canvas.GREEN) > (0.5, 0.6)


def test_the_first_channel_lies_on_top_and_empty_cells_are_pale():
    channels = np.zeros((10, 10, 2))
    channels[0, 0] = 1, 1
    channels[0, 9, 1] = 0.5
    shown = picture.cells_picture(channels)
    assert shown.shape == (320, 320, 3)
    np.testing.assert_array_equal(shown[16, 16], canvas.rgb(canvas.COLOURS[0]))
    np.testing.assert_array_equal(shown[300, 300], canvas.rgb(picture.EMPTY))
    half = (canvas.rgb(canvas.COLOURS[1]).astype(int) + canvas.rgb(picture.EMPTY)) / 2
    np.testing.assert_allclose(shown[16, 300], half, atol=1)


def test_bytes_are_shown_as_they_are_enlarged_to_squares():
    images = np.random.default_rng(0).integers(256, size=(4, 20, 40, 3)).astype(np.uint8)
    shown = picture.array_picture(images, 255.0)(images[2])
    assert shown.shape == (160, 320, 3)
    np.testing.assert_array_equal(shown[::8, ::8], images[2])
    np.testing.assert_array_equal(shown[7::8, 7::8], images[2])


@pytest.mark.parametrize("channels", [1, 4])
def test_of_a_stack_of_grey_frames_the_newest_is_shown(channels):
    images = np.random.default_rng(0).integers(256, size=(4, 80, 80, channels))
    shown = picture.array_picture(images, 255.0)(images[0])
    np.testing.assert_array_equal(shown[::4, ::4], np.repeat(images[0][..., -1:], 3, -1))


def test_colours_in_the_unit_interval_are_shown_as_they_are():
    images = np.random.default_rng(0).uniform(size=(2, 64, 64, 3)).astype(np.float32)
    shown = picture.array_picture(images)(images[1])
    np.testing.assert_allclose(shown[::5, ::5], 255 * images[1], atol=0.51)


def test_ones_and_zeros_are_cells_in_a_colour_for_each_channel():
    images = np.eye(3, dtype=np.float32)[np.random.default_rng(0).integers(3, size=(5, 8, 8))]
    shown = picture.array_picture(images)(images[0])
    for row, column in np.ndindex(8, 8):
        channel = int(images[0, row, column].argmax())
        cell = shown[40 * row + 20, 40 * column + 20]
        np.testing.assert_array_equal(cell, canvas.rgb(canvas.COLOURS[channel]))


def test_equal_numbers_are_equally_coloured_cells_through_all_frames():
    images = np.zeros((2, 8, 8), np.int32)
    images[0, 0, 0], images[1, 5, 5], images[1, 0, 0] = 3, 3, 7
    draw = picture.array_picture(images, 10.0)
    one, two = draw(images[0]), draw(images[1])
    np.testing.assert_array_equal(one[20, 20], two[220, 220])
    assert not np.array_equal(two[20, 20], two[220, 220])
    np.testing.assert_array_equal(one[300, 300], canvas.rgb(picture.EMPTY))


def test_other_numbers_are_shades_of_one_scale():
    images = np.linspace(-5.0, 5.0, 128).reshape(2, 8, 8)
    draw = picture.array_picture(images, np.inf)
    dark = [int(draw(x)[20, 20].sum()) for x in images]
    assert dark[0] > dark[1], "larger is darker, in all frames alike"
    constant = np.full((2, 8, 8), 2.5)
    assert picture.array_picture(constant, np.inf)(constant[0]).shape == (320, 320, 3)


@pytest.mark.parametrize(
    ("shape", "image"),
    [((8, 8), True), ((10, 10, 4), True), ((4,), False), ((1, 1), False), ((2, 50), False)],
)
def test_what_counts_as_an_image(shape, image):
    assert picture.is_image(shape) == image


def test_a_figure_becomes_a_picture_of_its_size():
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3, 2), dpi=50)
    figure.add_subplot().plot([0, 1], color="red")
    shown = picture.figure_picture(figure)
    assert shown.shape == (100, 150, 3) and shown.dtype == np.uint8 and shown.min() < 50


BALL = (
    '<mujoco><worldbody><light pos="0 0 3"/><body pos="0 0 1"><joint type="slide" axis="1 0 0"/>'
    '<geom size=".3" rgba="1 0 0 1"/></body></worldbody></mujoco>'
)
DRAW = f"""
import sys
import numpy as np
from jaxac.envs.adapters import extras
mujoco = extras.load("mjx", "mujoco")
from jaxac.envs.picture import mujoco_picture
from jaxac.errors import EnvError
model = mujoco.MjModel.from_xml_string('{BALL}')
try:
    left, right = (mujoco_picture(model, [x], [0.0]) for x in (-0.5, 0.5))
except EnvError as error:
    sys.exit(f"no OpenGL: {{error}}")
assert left.shape == (240, 320, 3) and left.dtype == np.uint8
def centre(x):
    return np.nonzero(x[..., 0] > 1.5 * x[..., 1] + 20)[1].mean()
assert centre(left) + 20 < centre(right)
"""


def test_mujoco_draws_without_a_display():
    """In a process of its own: MuJoCo chooses its OpenGL once, as it is imported."""
    pytest.importorskip("mujoco")
    hidden = {"DISPLAY", "WAYLAND_DISPLAY", "MUJOCO_GL", "PYOPENGL_PLATFORM"}
    clean = {k: v for k, v in os.environ.items() if k not in hidden}
    done = subprocess.run(
        [sys.executable, "-c", DRAW],
        env={**clean, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    if "no OpenGL" in done.stderr:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("surroundings", "chosen"),
    [
        ({}, "egl"),
        ({"DISPLAY": ":0"}, None),
        ({"WAYLAND_DISPLAY": "wayland-0"}, None),
        ({"MUJOCO_GL": "osmesa"}, "osmesa"),
    ],
)
def test_opengl_is_chosen_only_where_there_is_no_screen(surroundings, chosen, monkeypatch):
    monkeypatch.setattr(extras.ctypes.util, "find_library", lambda name: f"lib{name}.so")
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "MUJOCO_GL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in surroundings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MUJOCO_GL", os.environ.get("MUJOCO_GL", ""))  # put back afterwards
    if not surroundings.get("MUJOCO_GL"):
        del os.environ["MUJOCO_GL"]
    extras.load("gymnax", "gymnax")
    assert os.environ.get("MUJOCO_GL") == chosen


def test_opengl_that_is_not_installed_is_not_chosen(monkeypatch):
    monkeypatch.setattr(extras.ctypes.util, "find_library", lambda name: None)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "MUJOCO_GL"):
        monkeypatch.delenv(name, raising=False)
    extras.load("gymnax", "gymnax")
    assert "MUJOCO_GL" not in os.environ
