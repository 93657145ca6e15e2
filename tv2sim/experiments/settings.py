"""A pool in the words of the products that have such a pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tv2sim.strategies.policies import agones, github_arc, gitlab_runner, sandbox_warm_pool

if TYPE_CHECKING:
    from collections.abc import Callable

    from tv2sim.strategies import Strategy
    from tv2sim.strategies.strategy import Changes

__all__ = ["settings_of"]


class _Setting(NamedTuple):
    """How a product says the size of a pool."""

    preset: Callable[..., Strategy]
    text: str


_SETTINGS = {
    "GitLab Runner": _Setting(gitlab_runner, "IdleCount = {}"),
    "GitHub ARC": _Setting(github_arc, "minRunners: {}"),
    "Agones": _Setting(agones, "bufferSize: {}"),
    "Kubernetes' agent sandbox": _Setting(sandbox_warm_pool, "replicas: {}"),
}
_POOL: Changes = {"name": "pool", "maximum": None, "starts_at_most": None, "idle_time_to_live": None}
"""The name of a pool that is compared, and fields that are other settings of these products."""


def settings_of(strategy: Strategy) -> dict[str, str]:
    """Return the setting of each product that is this pool.

    >>> import tv2sim as tv
    >>> settings_of(tv.PART_2C.replace(prewarmed=12))
    {'GitLab Runner': 'IdleCount = 12', 'Agones': 'bufferSize: 12'}
    """
    size = strategy.known_stock
    if not size:
        return {}
    plain = strategy.replace(**_POOL)
    return {
        product: setting.text.format(size)
        for product, setting in _SETTINGS.items()
        if setting.preset(size).replace(name="pool") == plain
    }
