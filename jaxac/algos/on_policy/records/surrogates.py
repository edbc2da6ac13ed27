"""Methods that are PPO with a surrogate of their own."""

from jaxac.algos.on_policy.records.words import ANSWERS, STANDARD, TRUNCATION
from jaxac.record import Paper, Record

PAIRS = "pairs are of a minibatch, where the paper's answer one prompt"

RECORDS: tuple[Record, ...] = (
    Record(
        key="rnd",
        summary="PPO with a bonus for what is new, the error of a network that distils another",
        make="jaxac.algos.on_policy.rnd:make",
        defaults="jaxac.algos.on_policy.rnd:RND",
        paper=Paper(
            "Exploration by Random Network Distillation",
            2018,
            "arXiv:1810.12894",
            "Burda, Edwards, Storkey, Klimov",
        ),
        actions=("Discrete", "Box"),
        deviations=(
            "one critic and one discount for rewards and bonuses, which end with the episode",
            "small dense networks (slot `bonus`); running means of rollouts",
            STANDARD,
            TRUNCATION,
        ),
    ),
    Record(
        key="spo",
        summary="ratios held by a square about the clip, whose gradient is never cut",
        make="jaxac.algos.on_policy.spo:make",
        defaults="jaxac.algos.on_policy.spo:spo",
        paper=Paper(
            "Simple Policy Optimization", 2024, "arXiv:2401.16025", "Xie, Zhang, Yang, Hutter, Xu"
        ),
        actions=("Discrete", "Box"),
        deviations=(
            STANDARD,
            TRUNCATION,
        ),
    ),
    Record(
        key="rec",
        summary="scores by advantages, without ratios, of samples that are not past a bound",
        make="jaxac.algos.on_policy.rec:make",
        defaults="jaxac.algos.on_policy.rec:rec",
        paper=Paper(
            "Group-Relative REINFORCE Is Secretly an Off-Policy Algorithm: Demystifying Some "
            "Myths About GRPO and Its Friends",
            2025,
            "arXiv:2509.24203",
            "Yao, Chen, Sun, Chen, Zhang, Pan, Li, Ding",
        ),
        actions=("Discrete", "Box"),
        row="S128",
        deviations=(
            ANSWERS,
            STANDARD,
            TRUNCATION,
        ),
    ),
    Record(
        key="rpg",
        summary="ratios less a divergence estimated from the samples, with its true gradient",
        make="jaxac.algos.on_policy.rpg:make",
        defaults="jaxac.algos.on_policy.rpg:rpg",
        paper=Paper(
            "On the Design of KL-Regularized Policy Gradient Algorithms for LLM Reasoning",
            2025,
            "arXiv:2505.17508",
            "Zhang, Liu, Yuan, Yuan, Gu, Yao",
        ),
        actions=("Discrete", "Box"),
        row="S241",
        deviations=(
            ANSWERS,
            "the reference is the policy that acted, which moves with every update",
            "no dual clip of the ratio",
            STANDARD,
            TRUNCATION,
        ),
    ),
    Record(
        key="rebel",
        summary="differences of log-ratios regressed on differences of advantages",
        make="jaxac.algos.on_policy.rebel:make",
        defaults="jaxac.algos.on_policy.rebel:rebel",
        paper=Paper(
            "REBEL: Reinforcement Learning via Regressing Relative Rewards",
            2024,
            "arXiv:2404.16767",
            "Gao, Chang, Zhan, Oertell, Swamy, Brantley, Joachims, Bagnell, Lee, Sun",
        ),
        actions=("Discrete", "Box"),
        row="S235",
        deviations=(
            ANSWERS,
            PAIRS,
            "with a critic, which the paper does without",
            STANDARD,
            TRUNCATION,
        ),
    ),
    Record(
        key="copg",
        summary="differences of scores by differences of regularised advantages",
        make="jaxac.algos.on_policy.copg:make",
        defaults="jaxac.algos.on_policy.copg:copg",
        paper=Paper(
            "Contrastive Policy Gradient: Aligning LLMs on sequence-level scores in a supervised- "
            "friendly fashion",
            2024,
            "arXiv:2406.19185",
            "Flet-Berliac, Grinsztajn, Strub, Choi, Cremer, Ahmadian, Chandak, Azar, Pietquin, "
            "Geist",
        ),
        actions=("Discrete", "Box"),
        row="S073",
        deviations=(
            ANSWERS,
            PAIRS,
            "the reference is the policy that acted, which moves with every update",
            "with a critic, which the paper does without",
            STANDARD,
            TRUNCATION,
        ),
    ),
    Record(
        key="p3o",
        summary="clipped ratios of two samples by the difference of their advantages",
        make="jaxac.algos.on_policy.p3o:make",
        defaults="jaxac.algos.on_policy.p3o:p3o",
        paper=Paper(
            "Pairwise Proximal Policy Optimization: Harnessing Relative Feedback for LLM Alignment",
            2023,
            "arXiv:2310.00212",
            "Wu, Zhu, Zhang, Wen, Ramchandran, Jiao",
        ),
        actions=("Discrete", "Box"),
        row="S045",
        deviations=(
            ANSWERS,
            "from the abstract and summaries, without the paper's text",
            PAIRS,
            "with a critic, which the paper does without",
            STANDARD,
            TRUNCATION,
        ),
    ),
    Record(
        key="bapo",
        summary="clipped ratios whose bounds give way until good actions have their share",
        make="jaxac.algos.on_policy.bapo:make",
        defaults="jaxac.algos.on_policy.bapo:bapo",
        paper=Paper(
            "BAPO: Stabilizing Off-Policy Reinforcement Learning for LLMs via Balanced Policy "
            "Optimization with Adaptive Clipping",
            2025,
            "arXiv:2510.18927",
            "Xi, Guo, Nan, Zhou, Shen, Chen, Liu, Huang, Zhang and others",
        ),
        actions=("Discrete", "Box"),
        row="S085",
        deviations=(
            ANSWERS,
            "samples that are cut count nothing towards the share, where the code counts their "
            "clipped loss",
            "ten steps of each bound; no third bound for bad actions that have become far more "
            "likely",
            STANDARD,
            TRUNCATION,
        ),
    ),
    Record(
        key="capo",
        summary="clipped ratios of the samples whose own step would not throw them too far",
        make="jaxac.algos.on_policy.capo:make",
        defaults="jaxac.algos.on_policy.capo:capo",
        paper=Paper(
            "Stabilizing Policy Gradients for Sample-Efficient Reinforcement Learning in LLM "
            "Reasoning",
            2025,
            "arXiv:2510.00819",
            "Melo, Abate, Gal",
        ),
        actions=("Discrete", "Box"),
        row="S064",
        deviations=(
            ANSWERS,
            "what a step moves is modelled by one number, not by the last layer's features and "
            "Adam's moments",
            "Fisher's matrix is the distribution's, where the code has the square of the action "
            "taken",
            STANDARD,
            TRUNCATION,
        ),
    ),
    Record(
        key="epo",
        summary="PPO with a bonus for entropy and a penalty where it leaves its historical band",
        make="jaxac.algos.on_policy.epo:make",
        defaults="jaxac.algos.on_policy.epo:epo",
        paper=Paper(
            "EPO: Entropy-regularized Policy Optimization for LLM Agents Reinforcement Learning",
            2025,
            "arXiv:2509.22576",
            "Xu, Zhao, Wang, Li, Jin, Jin, Mei, Wan, Metaxas",
        ),
        actions=("Discrete", "Box"),
        row="S066",
        deviations=(
            "the penalty is the distance to the band, where theirs is constant outside it, without "
            "a gradient",
            "of the mean entropy of minibatches, not of turns and tokens",
            "its weight is constant, unless a schedule stands in its place",
            STANDARD,
            TRUNCATION,
        ),
    ),
)
