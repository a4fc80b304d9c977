"""Made-up behaviour in which times, texts and images each decide something (`dataset/README.md`, "The demo").

An item has a theme, which only its text features tell, and a style, which only its image features tell. Themes 2k and
2k + 1 are sisters. A visit opens after a gap of weeks with any theme in any style: what came before the last long gap
no longer predicts. The style lasts for the visit. The theme lasts while its items come hours or days apart; an item put
into the same basket within minutes is followed by one of the sister theme. Now and then there is something for somebody
else, any item.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int64

MINUTE, HOUR, DAY = 60, 3600, 86_400


@dataclass(frozen=True)
class Behaviour:
    """What the made-up users do. Ranges are inclusive; gaps are seconds, drawn evenly on a log scale."""

    n_users: int = 600
    n_items: int = 400
    n_themes: int = 8
    n_styles: int = 8
    visits: tuple[int, int] = (4, 6)
    visit_length: tuple[int, int] = (2, 4)
    basket_share: float = 0.5
    """How many of a visit's further items come within minutes."""
    aside_share: float = 0.1
    """How many of a visit's items after the first are for somebody else. A user's very last item never is."""
    popularity_spread: float = 0.4
    """Standard deviation of the log of an item's popularity."""
    basket_gap: tuple[int, int] = (MINUTE, 15 * MINUTE)
    further_gap: tuple[int, int] = (6 * HOUR, 3 * DAY)
    visit_gap: tuple[int, int] = (40 * DAY, 120 * DAY)
    start: int = 1_672_531_200
    """2023-01-01 in unix seconds; users begin within the 200 days after."""
    feature_noise: float = 0.7
    """Standard deviation of an item's own part of its features; its theme's or style's part has 1."""


@dataclass(frozen=True)
class Latents:
    """What is hidden in the items and decides: 0-based theme and style, and how often an item is taken."""

    theme: Int64[np.ndarray, " items"]
    style: Int64[np.ndarray, " items"]
    popularity: np.ndarray
    """Probabilities (items,)."""


@dataclass(frozen=True)
class Log:
    """Interactions by user, then time; users and items are 0-based."""

    user: Int64[np.ndarray, " rows"]
    item: Int64[np.ndarray, " rows"]
    timestamp: Int64[np.ndarray, " rows"]
    opens_visit: Bool[np.ndarray, " rows"]
    in_basket: Bool[np.ndarray, " rows"]
    is_aside: Bool[np.ndarray, " rows"]


def draw_latents(behaviour: Behaviour, generator: np.random.Generator) -> Latents:
    """Spread themes and styles evenly over the items, independent of each other."""
    number = np.arange(behaviour.n_items)
    weight = np.exp(behaviour.popularity_spread * generator.standard_normal(behaviour.n_items))
    # Each theme meets each style equally often; the shuffle keeps item numbers from telling either.
    pair = generator.permutation(number % (behaviour.n_themes * behaviour.n_styles))
    return Latents(pair // behaviour.n_styles, pair % behaviour.n_styles, weight / weight.sum())


def draw_features(
    latent: Int64[np.ndarray, " items"], width: int, noise: float, generator: np.random.Generator
) -> Float32[np.ndarray, "items width"]:
    """A random direction for each value of the latent, and each item's own noise on top."""
    direction = generator.standard_normal((latent.max() + 1, width))
    return (direction[latent] + noise * generator.standard_normal((len(latent), width))).astype(np.float32)


def draw_log(behaviour: Behaviour, latents: Latents, generator: np.random.Generator) -> Log:
    """All visits of all users at once: arrays (visits, longest visit), cut to each visit's length at the end."""
    low, high = behaviour.visits
    visit_user = np.repeat(np.arange(behaviour.n_users), generator.integers(low, high + 1, behaviour.n_users))
    is_last = np.append(visit_user[1:] != visit_user[:-1], True)
    low, high = behaviour.visit_length
    # The last visit is one longer at least: its last two items are held out, and need one before them.
    length = np.maximum(generator.integers(low, high + 1, len(visit_user)), np.where(is_last, low + 1, low))
    step = np.arange(high)
    kept = step < length[:, None]
    in_basket = generator.random(kept.shape) < behaviour.basket_share
    in_basket[:, 0] = False
    is_aside = generator.random(kept.shape) < behaviour.aside_share
    is_aside[:, 0] = False
    is_aside[is_last[:, None] & (step == length[:, None] - 1)] = False
    wanted = _draw_wanted(behaviour, latents, in_basket, generator)
    any_item = generator.choice(behaviour.n_items, size=kept.shape, p=latents.popularity)
    basket_gap = _draw_gap(behaviour.basket_gap, kept.shape, generator)
    gap = np.where(in_basket, basket_gap, _draw_gap(behaviour.further_gap, kept.shape, generator))
    gap[:, 0] = _draw_gap(behaviour.visit_gap, len(gap), generator)
    user = np.repeat(visit_user, length)
    return Log(
        user=user,
        item=np.where(is_aside, any_item, wanted)[kept],
        timestamp=_timestamps(user, gap[kept].astype(np.int64), behaviour, generator),
        opens_visit=np.broadcast_to(step == 0, kept.shape)[kept],
        in_basket=in_basket[kept],
        is_aside=is_aside[kept],
    )


def _draw_wanted(
    behaviour: Behaviour,
    latents: Latents,
    in_basket: Bool[np.ndarray, "visits steps"],
    generator: np.random.Generator,
) -> Int64[np.ndarray, "visits steps"]:
    """Different items of each visit's interest, popular ones more often."""
    n_visits, n_steps = in_basket.shape
    theme = generator.integers(behaviour.n_themes, size=(n_visits, 1))
    style = generator.integers(behaviour.n_styles, size=(n_visits, 1))
    # The largest keys log p + Gumbel noise are a draw by p without replacement.
    key = np.log(latents.popularity) + generator.gumbel(size=(n_visits, behaviour.n_items))
    first_of = [
        np.argsort(np.where((latents.theme == wanted) & (latents.style == style), -key, np.inf), axis=1)[:, :n_steps]
        for wanted in (theme, theme ^ 1)
    ]
    # Each item in a basket turns what follows it to the sister theme, or back.
    is_sister = np.cumsum(in_basket, axis=1) - in_basket
    return np.where(is_sister % 2, first_of[1], first_of[0])


def _draw_gap(bounds: tuple[int, int], shape, generator: np.random.Generator) -> np.ndarray:
    low, high = np.log(bounds)
    return np.exp(generator.uniform(low, high, shape))


def _timestamps(
    user: Int64[np.ndarray, " rows"],
    gap: Int64[np.ndarray, " rows"],
    behaviour: Behaviour,
    generator: np.random.Generator,
) -> Int64[np.ndarray, " rows"]:
    first_row = np.flatnonzero(np.append(True, user[1:] != user[:-1]))
    elapsed = np.cumsum(gap)
    begins = behaviour.start + generator.integers(0, 200 * DAY, behaviour.n_users)
    return elapsed - elapsed[first_row][user] + begins[user]
