"""How often ``tv.fit`` finds the right family: ``python -m tests.benchmarks.fitting [TRIES [SAMPLES]]``.

It prints a row for each true distribution, with the share of the tries in which each family is the best.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator

import numpy as np

import tv2sim as tv

APART: tuple[tv.Distribution, ...] = (
    tv.Uniform(2, 6), tv.Uniform(0, 10), tv.Triangular(2, 3, 6), tv.Triangular(0, 5, 10),
    tv.Exponential(4), tv.LogNormal(4, 0.8), tv.LogNormal(4, 1.2), tv.Gamma(2, 2), tv.Gamma(0.5, 8),
)  # fmt: skip
"""Their family is found at 200 samples."""

ALIKE: tuple[tv.Distribution, ...] = (
    tv.LogNormal(4, 0.5), tv.LogNormal(4, 0.2), tv.Gamma(4, 1), tv.Gamma(25, 0.16), tv.Gamma(1.2, 3),
    tv.Triangular(2, 4, 6), tv.Triangular(2, 2, 6),
)  # fmt: skip
"""Another family is nearly the same."""


def found(distribution: tv.Distribution, samples: int, tries: int) -> Counter[str]:
    """Return how often each family is the best for samples of a distribution."""
    drawn = (np.random.default_rng(seed).random(samples) for seed in range(tries))
    return Counter(type(tv.fit(distribution.quantile(u)).best).__name__ for u in drawn)


def rows(samples: int, tries: int) -> Iterator[list[str]]:
    """Yield the rows of the table."""
    families = [*dict.fromkeys(type(one).__name__ for one in APART), "Empirical"]
    yield ["measured", *families[:-1], "none"]
    yield ["---", *("---:" for _ in families)]
    for distribution in (*APART, *ALIKE):
        counts = found(distribution, samples, tries)
        cells = (f"{100 * counts[name] / tries:g}" if counts[name] else "" for name in families)
        yield [str(distribution), *cells]


def main(tries: int = 200, samples: int = 200) -> None:
    """Print the table, in percent."""
    for row in rows(samples, tries):
        print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
