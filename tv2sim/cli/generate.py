"""``tv2sim generate``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tv2sim.base.progress import watched
from tv2sim.base.storage import whole_file
from tv2sim.catalogue import generate_lines


def main(options: argparse.Namespace) -> None:
    """Write a synthetic catalogue."""
    lines = generate_lines(options.videos, seed=options.seed)
    if options.out is None:
        sys.stdout.buffer.writelines(lines)
        return
    with whole_file(Path(options.out), force=options.force) as draft, draft.open("wb") as stream:
        stream.writelines(watched(lines, "video", wanted=True, total=options.videos))
