"""Methods with a deterministic policy."""

from jaxac.algos.off_policy.records.words import TRUNCATION, UNITS
from jaxac.record import Paper, Record

RECORDS: tuple[Record, ...] = (
    Record(
        key="ddpg",
        summary="deep deterministic policy gradient",
        make="jaxac.algos.off_policy.ddpg:make",
        defaults="jaxac.algos.off_policy.ddpg:ddpg",
        paper=Paper(
            "Continuous control with deep reinforcement learning",
            2016,
            "arXiv:1509.02971",
            "Lillicrap, Hunt, Pritzel, Heess, Erez, Tassa, Silver, Wierstra",
        ),
        actions=("Box",),
        row="S190",
        deviations=(
            TRUNCATION,
            UNITS,
            "two layers of 256, the action in the first; no batch normalisation, no weight decay",
        ),
    ),
    Record(
        key="td3",
        summary="twin delayed DDPG: the least of two critics, delayed policy, smoothed targets",
        make="jaxac.algos.off_policy.td3:make",
        defaults="jaxac.algos.off_policy.td3:td3",
        tuned="jaxac.tuned:td3.toml",
        paper=Paper(
            "Addressing Function Approximation Error in Actor-Critic Methods",
            2018,
            "arXiv:1802.09477",
            "Fujimoto, van Hoof, Meger",
        ),
        actions=("Box",),
        row="S205",
        deviations=(
            TRUNCATION,
            UNITS,
            "two environment steps, then two critic steps and a policy step, in place of turns",
            "1,000 random steps at the beginning, where the paper has 1,000 or 10,000 by task",
        ),
    ),
    Record(
        key="td3_bc",
        summary="TD3 whose policy also clones the buffer's actions",
        make="jaxac.algos.off_policy.td3_bc:make",
        defaults="jaxac.algos.off_policy.td3_bc:td3_bc",
        paper=Paper(
            "A Minimalist Approach to Offline Reinforcement Learning",
            2021,
            "arXiv:2106.06860",
            "Fujimoto, Gu",
        ),
        actions=("Box",),
        deviations=(
            TRUNCATION,
            UNITS,
            "the buffer is filled while learning, not a fixed dataset",
            "observations are standardised only with `norm.obs`",
        ),
    ),
    Record(
        key="fast_td3",
        summary="TD3 with many environments, large batches and categorical critics",
        make="jaxac.algos.off_policy.fast_td3:make",
        defaults="jaxac.algos.off_policy.fast_td3:fast_td3",
        paper=Paper(
            "FastTD3: Simple, Fast, and Capable Reinforcement Learning for Humanoid Control",
            2025,
            "arXiv:2505.22642",
            "Seo, Sferrazza, Geng, Nauman, Yin, Abbeel",
        ),
        actions=("Box",),
        deviations=(
            TRUNCATION,
            UNITS,
            "the least of two distributions is chosen before it is projected, not after",
            "a million transitions kept, in place of 51,200 of each environment; float32",
            "tried actions are clipped to the range before they are remembered",
            "the first ten steps of each environment are random, where the code has the policy's; "
            "statistics of observations leave drawn batches out, and clip at ten deviations",
        ),
    ),
    Record(
        key="aro_ddpg",
        summary="DDPG for the average reward, which is learned beside twin critics",
        make="jaxac.algos.off_policy.aro_ddpg:make",
        defaults="jaxac.algos.off_policy.aro_ddpg:aro_ddpg",
        paper=Paper(
            "Off-Policy Average Reward Actor-Critic with Deterministic Policy Search",
            2023,
            "arXiv:2305.12239",
            "Saxena, Khastigir, Kolathaya, Bhatnagar",
        ),
        actions=("Box",),
        row="S209",
        deviations=(
            TRUNCATION,
            UNITS,
            "two environment steps, then two critic steps and a policy step, in place of rounds of "
            "1,000; rho takes a step with each critic step",
            "two layers of 256 in place of 128; values after a termination are 0",
            "exploration begins at 0 in each episode, where the authors' code begins it once",
        ),
    ),
    Record(
        key="symphony",
        summary="temporal advantage, fading replay, restrained actions in weak noise",
        make="jaxac.algos.off_policy.symphony:make",
        defaults="jaxac.algos.off_policy.symphony:symphony",
        paper=Paper(
            "Symphony: A Heuristic Normalized Calibrated Advantage Actor and Critic Algorithm in "
            "application for Humanoid Robots",
            2025,
            "arXiv:2512.10477",
            "Ishuov, Folgheraiter, Nurmanov, Gordo, Farkas, Dombi",
        ),
        actions=("Box",),
        row="S006",
        deviations=(
            TRUNCATION,
            UNITS,
            "the policy steps after the critics, not in one pass with them",
            "two layers with normalisation and ReLU in place of rectified sine waves",
            "rewards are not divided by the mean size that random actions get, and those "
            "transitions are not copied to fill the buffer",
            "Adam corrects its moments for their beginning",
            "ages are drawn by the area under the profile, not by its height at one end",
        ),
    ),
)
