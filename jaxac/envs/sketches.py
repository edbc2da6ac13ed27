"""Pictures of small tasks, drawn on the host from their state and params."""

import math
from typing import Any

import numpy as np

from jaxac.envs.canvas import BLUE, GREEN, GREY, INK, ORANGE, PALE, PAPER, VERMILION, Canvas
from jaxac.envs.picture import cells_picture

WATER = "#CBE5F3"
TARGET = 1.0  # height over the joint that ends gymnax's Acrobot, m


def cart_pole(state: Any, params: Any) -> np.ndarray:
    """Cart-pole in metres, with marks where the cart may not pass."""
    edge, pole = float(params.x_threshold), 2.0 * float(params.length)
    x, angle = float(state.x), float(state.theta)
    canvas = Canvas((-edge - 0.35, edge + 0.35), (-0.55, max(1.5, pole + 0.5)))
    canvas.line([(-edge - 1, 0), (edge + 1, 0)], GREY, 2)
    for mark in (-edge, edge):
        canvas.line([(mark, -0.12), (mark, 0.12)], VERMILION, 3)
    canvas.box((x - 0.26, 0.06), (x + 0.26, 0.34), BLUE)
    for wheel in (-0.16, 0.16):
        canvas.circle((x + wheel, 0.06), 0.06, INK)
    top = x + pole * math.sin(angle), 0.34 + pole * math.cos(angle)
    canvas.line([(x, 0.34), top], ORANGE, 9)
    canvas.circle((x, 0.34), 0.05, INK)
    return canvas.picture()


def pendulum(state: Any, params: Any) -> np.ndarray:
    """The rod, and the torque as an arrow that reaches a quarter turn at its greatest."""
    length, angle = float(params.l), float(state.theta)
    reach = 1.3 * length
    canvas = Canvas((-reach, reach), (-reach, reach), 320)
    canvas.circle((0, 0), length, PAPER, PALE)
    tip = -length * math.sin(angle), length * math.cos(angle)
    canvas.line([(0, 0), tip], VERMILION, 18)
    canvas.circle((0, 0), 0.05 * length, INK)
    push = float(np.ravel(state.last_u)[0]) / max(float(params.max_torque), 1e-9)
    start = angle + math.pi / 2
    canvas.arc((0, 0), 0.4 * length, start, push * math.pi / 2, BLUE, 4)
    return canvas.picture()


def acrobot(state: Any, params: Any) -> np.ndarray:
    """Both links, and the height that the tip must reach."""
    one, two = float(params.link_length_1), float(params.link_length_2)
    first = float(state.joint_angle1)
    second = first + float(state.joint_angle2)
    reach = 1.12 * (one + two)
    canvas = Canvas((-reach, reach), (-reach, reach), 320)
    canvas.line([(-reach, TARGET), (reach, TARGET)], GREEN, 2)
    elbow = one * math.sin(first), -one * math.cos(first)
    tip = elbow[0] + two * math.sin(second), elbow[1] - two * math.cos(second)
    canvas.line([(0, 0), elbow], BLUE, 12)
    canvas.line([elbow, tip], ORANGE, 12)
    for joint in ((0, 0), elbow):
        canvas.circle(joint, 0.035 * reach, INK)
    return canvas.picture()


def mountain_car(state: Any, params: Any) -> np.ndarray:
    """The car on its hill, whose height is sin(3 x), and the flag it must reach."""
    left, right = float(params.min_position), float(params.max_position)

    def height(x):
        return 0.45 * math.sin(3.0 * x) + 0.55

    def ahead(x, along, above):
        """The point `along` and `above` the road, seen from a car at x."""
        slope = math.atan(1.35 * math.cos(3.0 * x))
        return (
            x + along * math.cos(slope) - above * math.sin(slope),
            height(x) + along * math.sin(slope) + above * math.cos(slope),
        )

    canvas = Canvas((left - 0.05, right + 0.05), (-0.02, 1.26), 440)
    road = [(x, height(x)) for x in np.linspace(left - 0.1, right + 0.1, 120)]
    canvas.polygon([(left - 0.1, -1), *road, (right + 0.1, -1)], PALE)
    canvas.line(road, GREY, 3)
    goal = float(params.goal_position)
    foot = height(goal)
    canvas.line([(goal, foot), (goal, foot + 0.2)], INK, 2)
    flag = [(goal, foot + 0.2), (goal + 0.09, foot + 0.16), (goal, foot + 0.12)]
    canvas.polygon(flag, GREEN)
    x = float(state.position)
    body = [(-0.075, 0.03), (0.075, 0.03), (0.075, 0.07), (0.03, 0.105), (-0.05, 0.105)]
    canvas.polygon([ahead(x, *p) for p in [*body, (-0.075, 0.07)]], BLUE)
    for along in (-0.045, 0.045):
        canvas.circle(ahead(x, along, 0.028), 0.026, INK)
    return canvas.picture()


def point_robot(state: Any, params: Any) -> np.ndarray:
    """The half circle on which the goal lies, the goal's disc, and the robot."""
    radius = float(params.circle_radius)
    canvas = Canvas((-1.4 * radius, 1.4 * radius), (-0.5 * radius, 1.4 * radius), 400)
    angles = np.linspace(0.0, math.pi, 60)
    canvas.line([(radius * math.cos(a), radius * math.sin(a)) for a in angles], GREY, 2)
    canvas.circle(state.goal, params.goal_radius, "#BFE3D6", GREEN)
    canvas.circle(state.pos, 0.05 * radius, BLUE)
    return canvas.picture()


def reacher(state: Any, params: Any) -> np.ndarray:
    """Links of length 1 from the middle, each angle from the x axis, and the goal."""
    del params
    angles = np.ravel(state.angles)
    reach = len(angles) + 0.25
    canvas = Canvas((-reach, reach), (-reach, reach), 320)
    canvas.circle(state.goal_xy, 0.05 * reach, GREEN)
    joints = [(0.0, 0.0)]
    for angle in angles:
        x, y = joints[-1]
        joints.append((x + math.cos(angle), y + math.sin(angle)))
    for i in range(len(angles)):
        canvas.line(joints[i : i + 2], (BLUE, ORANGE)[i % 2], 12)
    for joint in joints[:-1]:
        canvas.circle(joint, 0.035 * reach, INK)
    return canvas.picture()


def swimmer(state: Any, params: Any) -> np.ndarray:
    """The swimmer, its goal, and the urchins; whoever swims far away leaves the picture."""
    del params
    canvas = Canvas((-1.6, 1.6), (-1.6, 1.6), 320)
    for urchin in np.asarray(state.urchin_xys):
        spines = np.arange(8) * math.pi / 4
        for a in spines:
            tip = urchin[0] + 0.16 * math.cos(a), urchin[1] + 0.16 * math.sin(a)
            canvas.line([urchin, tip], INK, 2)
        canvas.circle(urchin, 0.09, INK)
    canvas.circle(state.goal_xy, 0.09, GREEN)
    canvas.circle(state.xy, 0.07, BLUE)
    return canvas.picture()


def maze(walls: np.ndarray, state: Any, params: Any) -> np.ndarray:
    """A walk between `walls` [H, W] to a goal; state has `pos` and `goal` as (row, column)."""
    del params
    agent, goal = (_marked(walls.shape, x) for x in (state.pos, state.goal))
    return cells_picture(np.stack([agent, goal, walls], -1), (BLUE, GREEN, INK))


def catch(shape: tuple[int, int], state: Any, params: Any) -> np.ndarray:
    """The paddle and the falling ball of bsuite's Catch, in cells of `shape`."""
    del params
    ball = _marked(shape, (state.ball_y, state.ball_x))
    paddle = _marked(shape, (state.paddle_y, state.paddle_x))
    return cells_picture(np.stack([ball, paddle], -1), (VERMILION, BLUE))


def deep_sea(size: int, state: Any, params: Any) -> np.ndarray:
    """The diver of bsuite's Deep Sea, the water it can reach, and the chest."""
    del params
    reach = np.tril(np.ones((size, size)))
    row = min(int(state.row), size - 1)  # after the last step there is no row below
    diver = _marked((size, size), (row, state.column))
    chest = _marked((size, size), (size - 1, size - 1))
    return cells_picture(np.stack([diver, chest, reach], -1), (VERMILION, ORANGE, WATER))


def frozen_lake(tiles: np.ndarray, state: Any, params: Any) -> np.ndarray:
    """A lake whose `tiles` [H, W] are numbered as in gymnax: holes 2, the goal 3."""
    del params
    agent = _marked(tiles.shape, divmod(int(state.position), tiles.shape[1]))
    layers = np.stack([agent, tiles == 3, tiles == 2, np.ones(tiles.shape)], -1)
    return cells_picture(layers, (VERMILION, GREEN, INK, WATER))


def walk(terminal: np.ndarray, place: int, width: int) -> np.ndarray:
    """Cells in rows of `width`: where a walk is, and which of its states end it, [S]."""
    num = len(terminal)
    cells = np.zeros((-(-num // width) * width, 3))
    cells[place, 0] = 1.0
    cells[:num, 1] = terminal
    cells[:num, 2] = 1.0
    return cells_picture(cells.reshape(-1, width, 3), (BLUE, GREEN, PALE), PAPER)


def _marked(shape: tuple[int, ...], place: Any) -> np.ndarray:
    cells = np.zeros(shape)
    cells[int(place[0]), int(place[1])] = 1.0
    return cells
