"""A policy of a run directory, played and drawn."""

import dataclasses
import shutil
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import jaxac
from jaxac.envs import Box, Discrete, Env, TimeStep, probes
from jaxac.envs.adapters import gymnax
from jaxac.errors import ConfigError, EnvError, StoreError
from jaxac.report import exported, movie, video
from jaxac.report.policy import load_policy, random_policy
from jaxac.store import checkpoints
from jaxac.store.ledger import Ledger
from jaxac.store.rundir import RunDirectory
from jaxac.sweep import held, lanes, progress
from jaxac.sweep.batches import Batch
from jaxac.sweep.spec import Sweep

TINY = Sweep(
    algorithm="ppo",
    env="CartPole-v1",
    total_steps=128,
    seeds=2,
    configs=2,
    sampler="grid",
    evaluations=1,
    fixed={"num_envs": 4, "num_steps": 16, "num_minibatches": 1, "net.hidden": [8]},
    space={"learning_rate": [0.0, 0.5]},
    env_params={"max_steps_in_episode": 30},
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "run"
    jaxac.run(TINY, path, progress.Quiet())
    return path


@pytest.fixture
def copied(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "copy")


@pytest.fixture(scope="module")
def policy(trained):
    return load_policy(trained)


@pytest.fixture(scope="module")
def film(policy):
    return video.frames(policy.env, policy.act, policy.params, seed=3, episodes=2)


def final_returns(path):
    last = jaxac.load(path).wide.drop_duplicates(["config", "seed"], keep="last")
    columns = (last["config"], last["seed"], last["eval_return"])
    return {(c, s): x for c, s, x in zip(*columns, strict=True)}


def network(path, run):
    """What acts of a run's parameters, by name, as the checkpoint has them: a lane each."""
    directory = RunDirectory.open(path)
    plan = held.plan(directory)
    batch = Batch.from_json(directory.ledger.batches()[0])
    directory.close()
    (checkpoint,) = path.glob("checkpoints/*")
    like = lanes.shapes(plan, batch)
    state = checkpoints.lane(checkpoints.decode(checkpoint.read_bytes(), like, "test"), run)
    leaves = exported.named(state.learner.params)
    return {k: v for k, v in leaves.items() if "critic" not in k and "value" not in k}


def assert_acts_with(policy, network):
    own = exported.named(policy.act.args[0].learner.params)
    assert own.keys() == network.keys()
    for name, x in network.items():
        np.testing.assert_array_equal(own[name], x)


def counter(render=None, shape=(1,), length=3):
    """Pays the action and ends after `length` steps; what is seen is the time."""

    def obs(t):
        return jnp.full(shape, t, jnp.float32)

    def reset(key, params):
        return jnp.int32(0), obs(0)

    def step(key, t, action, params):
        reward = params["pay"] * action
        return t + 1, TimeStep(obs(t + 1), reward, t + 1 >= length, jnp.zeros((), bool))

    return Env(
        "Counter",
        reset,
        step,
        {"pay": 2.0},
        Box(shape, 0.0, 10.0),
        Discrete(2),
        lambda params: 100,
        render=render,
    )


def always_one(key, carry, obs):
    return jnp.ones(obs.shape[0], jnp.int32), carry


def test_the_best_run_is_chosen_and_its_own_network_acts(trained, policy):
    returns = final_returns(trained)
    about = policy.about
    assert returns[about.config, about.seed] == max(returns.values())
    assert_acts_with(policy, network(trained, about.run))
    assert about.env_steps == about.total_steps == 128


def test_another_run_has_another_network_and_a_configuration_narrows_the_choice(trained):
    returns = final_returns(trained)
    for number in range(4):
        policy = load_policy(trained, run=number)
        assert (policy.about.config, policy.about.seed) == divmod(number, 2)
        assert_acts_with(policy, network(trained, number))
    for config in (0, 1):
        run = load_policy(trained, config=config).about
        assert run.config == config
        assert returns[config, run.seed] == max(returns[config, 0], returns[config, 1])


def test_an_episode_is_what_a_plain_loop_plays(policy, film):
    """The environment's own step, one at a time, with the policy's most likely action."""
    episode = film.episodes[0]
    assert int(policy.params.max_steps_in_episode) == 30
    state, total = episode.states[0], 0.0
    step = jax.jit(policy.env.step)
    for t in range(len(episode)):
        action, _ = policy.act(jax.random.key(0), None, jnp.asarray(episode.obs[t][None]))
        np.testing.assert_array_equal(action[0], episode.action[t])
        state, s = step(jax.random.key(0), state, action[0], policy.params)
        np.testing.assert_allclose(s.obs, episode.obs[t + 1], rtol=1e-5, atol=1e-6)
        total += float(s.reward)
        assert bool(s.terminated) == (t + 1 == len(episode) and episode.end == "terminated")
    assert episode.returns[-1] == total == len(episode)
    assert episode.end == "terminated" or len(episode) == 30
    assert len(episode.states) == len(episode.obs) == len(episode) + 1


def test_the_evaluation_of_the_run_is_met_on_average(trained, policy):
    """Sixteen episodes here and sixteen there: the same policy, so returns are alike."""
    played = [x.returns[-1] for x in video.play(policy.env, policy.act, policy.params, 0, 16)]
    evaluated = final_returns(trained)[policy.about.config, policy.about.seed]
    assert np.mean(played) == pytest.approx(evaluated, abs=6)


def test_frames_are_one_more_than_steps_and_change(film):
    assert len(film) == sum(len(x) + 1 for x in film.episodes)
    first = len(film.episodes[0])
    assert not np.array_equal(film[0], film[first])
    for i in range(5):
        assert film[i].dtype == np.uint8 and film[i].shape == film[0].shape
        assert not np.array_equal(film[i], film[i + 1])
    assert len(film[:3]) == 3


def test_the_same_seed_gives_the_same_bytes(policy, film, tmp_path):
    again = video.frames(policy.env, policy.act, policy.params, seed=3, episodes=2)
    other = video.frames(policy.env, policy.act, policy.params, seed=4, episodes=2)
    for name, frames in (("a", film), ("b", again), ("c", other)):
        frames.save(tmp_path / f"{name}.gif")
    one, same, different = ((tmp_path / f"{x}.gif").read_bytes() for x in "abc")
    assert one == same != different


def test_sampled_actions_differ_from_the_deterministic_ones_and_are_reproducible(trained):
    def actions(sample):
        policy = load_policy(trained, run=0, sample=sample)
        (episode,) = video.play(policy.env, policy.act, policy.params, seed=1)
        return episode.action.tolist()

    assert actions(True) == actions(True) != actions(False)


def test_a_gif_holds_every_frame_at_the_speed_asked_for(film, tmp_path):
    film.save(tmp_path / "a.gif", fps=20)
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.n_frames == len(film)
        assert gif.size == film[0].shape[1::-1] and gif.info["duration"] == 50
        gif.seek(7)
        shown = np.asarray(gif.convert("RGB"), int)
    assert np.abs(shown - film[7]).mean() < 0.5, "the commonest colours are kept"


def read_mp4(path):
    """(frames [T, H, W, 3], frames per second), read by a process that never met JAX's threads."""
    pytest.importorskip("imageio_ffmpeg")
    pytest.importorskip("imageio")
    out = path.with_suffix(".npy")
    code = (
        "import sys, imageio.v2 as imageio, numpy as np\n"
        "with imageio.get_reader(sys.argv[1]) as reader:\n"
        "    np.save(sys.argv[2], np.stack([*reader.iter_data()]))\n"
        "    print(reader.get_meta_data()['fps'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path, out], capture_output=True, text=True, check=True
    )
    frames = np.load(out)
    out.unlink()
    return frames, float(done.stdout)


def test_an_mp4_holds_every_frame(film, tmp_path):
    film.save(tmp_path / "a.mp4", fps=12)
    shown, fps = read_mp4(tmp_path / "a.mp4")
    assert len(shown) == len(film) and fps == 12
    assert shown[7].shape == film[7].shape
    assert np.abs(shown[7].astype(int) - film[7]).mean() < 4.0
    assert [x.name for x in tmp_path.iterdir()] == ["a.mp4"]


def test_odd_sides_are_padded_for_mp4(tmp_path):
    frames = [np.full((31, 45, 3), 40 * i, np.uint8) for i in range(4)]
    movie.write(tmp_path / "a.mp4", frames, 10, lambda: None)
    assert read_mp4(tmp_path / "a.mp4")[0].shape == (4, 32, 46, 3)


def test_mp4_without_its_package_names_the_command(film, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(StoreError, match=r"python -m pip install 'imageio-ffmpeg>=0.6,<1'.*\.gif"):
        film.save(tmp_path / "a.mp4")
    assert not list(tmp_path.iterdir())


def test_a_failing_encoder_is_one_message(tmp_path, monkeypatch):
    monkeypatch.setattr(movie, "_ffmpeg", lambda: "false")
    with pytest.raises(StoreError, match="could not write"):
        movie.write(tmp_path / "a.mp4", [np.zeros((8, 8, 3), np.uint8)] * 3, 10, lambda: None)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_strip_has_that_many_pictures_from_the_first_to_the_last(film, tmp_path, count):
    film.save(tmp_path / "a.png", pictures=count)
    height, width, _ = film[0].shape
    sheet = np.asarray(Image.open(tmp_path / "a.png"))
    assert sheet.shape == (height, count * (width + movie.MARGIN) - movie.MARGIN, 3)
    np.testing.assert_array_equal(sheet[:, :width], film[0])
    if count > 1:
        np.testing.assert_array_equal(sheet[:, -width:], film[len(film.episodes[0])])


def test_a_wide_strip_has_several_rows_and_a_short_episode_few_pictures(tmp_path):
    pictures = [np.full((20, 600, 3), i, np.uint8) for i in range(6)]
    movie.write_strip(tmp_path / "a.png", pictures)
    with Image.open(tmp_path / "a.png") as sheet:
        assert sheet.size == (3 * 608 - 8, 2 * 28 - 8)
    film = video.frames(counter(), always_one)
    assert len(film.strip(8)) == 4, "there are no more"


def test_a_caption_tells_step_return_and_end_and_can_be_left_out():
    env = counter(render=lambda state, params: np.full((240, 240, 3), 200, np.uint8))
    with_words = video.frames(env, always_one)
    plain = video.frames(env, always_one, plain=True)
    assert [with_words._caption(0, t) for t in range(4)] == [
        "step 0   return 0",
        "step 1   return 2",
        "step 2   return 4",
        "step 3   return 6   terminated",
    ]
    assert plain[0].shape == (240, 240, 3) and (plain[0] == 200).all()
    band = with_words[0].shape[0] - 240
    assert 15 < band < 40 and (with_words[0][band:] == 200).all()
    assert not np.array_equal(with_words[0][:band], with_words[1][:band])
    assert "episode 2/2" in video.frames(env, always_one, episodes=2)._caption(1, 0)


def test_equal_plain_frames_keep_their_time_in_a_gif(tmp_path):
    """The format joins them; the film takes as long as before."""
    env = counter(render=lambda state, params: np.full((240, 240, 3), 9 * (state > 1), np.uint8))
    video.frames(env, always_one, plain=True).save(tmp_path / "a.gif", fps=10)
    with Image.open(tmp_path / "a.gif") as gif:
        durations = [gif.info["duration"]]
        for i in range(1, gif.n_frames):
            gif.seek(i)
            durations.append(gif.info["duration"])
    assert durations == [200, 200]


def test_a_long_episode_is_cut_and_says_so():
    (episode,) = video.play(counter(length=200), always_one, steps=70)
    assert len(episode) == 70 and episode.end == "cut" and episode.returns[-1] == 140
    (whole,) = video.play(counter(length=80), always_one)
    assert len(whole) == 80 and whole.end == "terminated"
    (limited,) = video.play(counter(length=500), always_one)
    assert len(limited) == 100 and limited.end == "truncated"


def test_params_given_are_those_that_act_and_draw():
    seen = []

    def render(state, params):
        seen.append(params["pay"])
        return np.zeros((240, 240, 3), np.uint8)

    film = video.frames(counter(render), always_one, {"pay": 5.0})
    assert film.episodes[0].returns[-1] == 15 and film[0] is not None and seen == [5.0]


def test_a_policy_with_a_memory_keeps_it_through_an_episode_only():
    """It plays 1 from the second step on, in both episodes."""

    def act(key, carry, obs):
        count = jnp.zeros(obs.shape[0], jnp.int32) if carry is None else carry
        return (count > 0).astype(jnp.int32), count + 1

    for episode in video.play(counter(), act, episodes=2):
        assert episode.action.tolist() == [0, 1, 1]


def test_image_observations_are_drawn_where_there_is_no_picture():
    film = video.frames(counter(shape=(8, 8, 2)), always_one, plain=True)
    assert film[0].shape == (320, 320, 3) and not np.array_equal(film[0], film[1])


@pytest.mark.parametrize("shape", [(1,), (3,), (40,), (2, 3)])
def test_vector_observations_are_plotted_as_time_goes_on(shape):
    film = video.frames(counter(shape=shape), always_one, plain=True)
    pictures = film[:]
    ink = [int((x < 250).any(-1).sum()) for x in pictures]
    assert len({x.shape for x in pictures}) == 1 and ink[1] < ink[2] < ink[3]


def test_the_return_of_agents_is_their_mean():
    env = counter()

    def step(key, state, action, params):
        state, s = env.step(key, state, action[0], params)
        return state, dataclasses.replace(s, reward=jnp.array([1.0, 3.0]))

    two = dataclasses.replace(env, step=step, num_agents=2)

    def act(key, carry, obs):
        return jnp.ones((obs.shape[0], 2), jnp.int32), carry

    (episode,) = video.play(two, act)
    assert episode.returns.tolist() == [0, 2, 4, 6] and episode.reward.shape == (3, 2)
    assert video.Film(two, [episode])[1].ndim == 3


def test_pictures_of_several_sizes_are_refused(tmp_path):
    env = counter(render=lambda state, params: np.zeros((240, 240 + int(state), 3), np.uint8))
    for name in ("a.gif", "a.mp4", "a.png"):
        with pytest.raises(EnvError, match="one size only"):
            video.frames(env, always_one).save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_random_actions_need_no_run():
    probe = probes.make("Truncation")
    one, two = (video.play(probe, random_policy(probe), seed=s, episodes=8) for s in (0, 1))
    assert [x.action.tolist() for x in one] != [x.action.tolist() for x in two]
    assert all(len(x) == 4 and x.end == "truncated" for x in one)


def test_jaxac_video_writes_into_the_run_directory(trained, tmp_path):
    film = jaxac.video(trained, tmp_path / "new" / "a.gif", run=1, max_frames=5, plain=True)
    assert len(film) == 6 and (tmp_path / "new" / "a.gif").exists()
    jaxac.video(trained, run=1, max_frames=2)
    assert (trained / "run-1.gif").exists()
    (trained / "run-1.gif").unlink()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"out": "a.avi"}, r"a\.avi has none of the suffixes.*\.gif.*\.mp4.*\.png"),
        ({"out": "a"}, "none of the suffixes"),
        ({"run": 9}, "has no run 9; it has runs 0 to 3"),
        ({"run": -1}, "has no run -1"),
        ({"config": 2}, "no configuration 2; it has 0 to 1"),
    ],
)
def test_what_is_not_there_is_one_message(trained, changes, words):
    with pytest.raises(StoreError, match=words):
        jaxac.video(trained, **changes)


def test_a_seed_out_of_range_is_named(trained):
    with pytest.raises(ConfigError, match="seed: -1"):
        jaxac.video(trained, seed=-1)


def test_no_run_directory_is_named(tmp_path):
    with pytest.raises(StoreError, match="is not a run directory"):
        jaxac.video(tmp_path)


def test_a_run_without_a_checkpoint_says_how_to_go_on(copied):
    ledger = Ledger.open(copied / "ledger.sqlite")
    ledger.forget([(0, 0)], [(0, 0)], [0, 1, 2, 3], "for a test")
    ledger.close()
    for choice in ({}, {"run": 1}, {"config": 1}):
        with pytest.raises(StoreError, match=f"no checkpoint yet.*jaxac resume {copied}"):
            load_policy(copied, **choice)


def test_a_damaged_checkpoint_is_named(copied):
    (checkpoint,) = copied.glob("checkpoints/*")
    checkpoint.write_bytes(checkpoint.read_bytes()[:-9] + b"x" * 9)
    with pytest.raises(StoreError, match=f"{checkpoint.name} is damaged"):
        load_policy(copied)
    checkpoint.unlink()
    with pytest.raises(StoreError, match=f"{checkpoint.name} cannot be read"):
        load_policy(copied)


def test_a_checkpoint_replaced_by_a_sweep_under_way_is_read_again(trained, monkeypatch):
    """The file that the ledger named is gone when it is opened; now it names another."""
    decode, checkpoint, tries = checkpoints.decode_lane, Ledger.checkpoint, []

    def newer(self, batch):
        return checkpoint(self, batch)._replace(chunk=7)

    def gone_at_first(path, place, like):
        tries.append(place)
        monkeypatch.setattr(Ledger, "checkpoint", newer if len(tries) == 1 else checkpoint)
        if len(tries) == 1:
            raise StoreError("gone")
        return decode(path, place, like)

    monkeypatch.setattr(checkpoints, "decode_lane", gone_at_first)
    about = load_policy(trained, run=1).about
    assert about.env_steps == 8 * 128 and tries == [1, 1], "eight chunks, it says"
    assert about.eval_return is None, "of which nothing is known yet"


def test_diverged_runs_are_not_chosen_but_can_be_named(copied):
    def diverge(which):
        ledger = Ledger.open(copied / "ledger.sqlite")
        with ledger._transaction() as db:
            db.execute(f"update runs set status = 'diverged', diverged_step = 64 {which}")
        ledger.close()

    best = load_policy(copied).about.run
    diverge(f"where run = {best}")
    assert load_policy(copied).about.run != best
    assert load_policy(copied, run=best).about.diverged_step == 64
    diverge("")
    with pytest.raises(StoreError, match=r"every run diverged.*--run 0"):
        load_policy(copied)


def test_a_run_directory_of_another_device_is_read(trained, monkeypatch):
    """Widths of lanes differ between devices; those that were used are taken."""
    monkeypatch.setattr("jaxac.sweep.plan.CPU_LANES", 1)
    assert load_policy(trained, run=3).about.seed == 1


def test_pictures_need_no_display():
    code = (
        "import matplotlib, sys\n"
        "from jaxac.envs import probes\n"
        "from jaxac.report import video\n"
        "from jaxac.report.policy import random_policy\n"
        "env = probes.make('Truncation')\n"
        "assert video.frames(env, random_policy(env))[0].ndim == 3\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_gymnax_pictures_follow_the_state():
    env = gymnax.make("CartPole-v1")
    film = video.frames(env, random_policy(env), plain=True)
    assert len(film) > 5 and not np.array_equal(film[0], film[5])
