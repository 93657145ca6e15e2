"""The size of the product, and in how many files a piece of knowledge stands.

``python -m tests.benchmarks.structure [REVISION]`` prints the figures of the working tree, beside those of a
revision if one is named. A line of code is one that holds a token other than a comment or a docstring.
"""

from __future__ import annotations

import ast
import io
import statistics
import subprocess
import sys
import tokenize
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
_NO_CODE = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER,
    tokenize.ENCODING,
}  # fmt: skip


def sources(revision: str | None = None) -> dict[str, str]:
    """Return the product's Python files, path by path, of a revision or of the working tree."""
    if revision is None:
        paths = sorted(path for ending in ("py", "pyi") for path in ROOT.glob(f"tv2sim/**/*.{ending}"))
        return {str(path.relative_to(ROOT)): path.read_text() for path in paths}
    listed = _git("ls-tree", "-r", "--name-only", revision, "tv2sim").splitlines()
    return {path: _git("show", f"{revision}:{path}") for path in listed if path.endswith((".py", ".pyi"))}


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def code_lines(source: str) -> set[int]:
    """Return the numbers of the lines that hold code."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in _NO_CODE:
            lines |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        # a string that stands alone is a docstring, also below an attribute
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            lines -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


def function_lengths(source: str) -> dict[str, int]:
    """Return the lines of code of each function, by its name."""
    lines = code_lines(source)
    return {
        node.name: len(lines & set(range(node.lineno, (node.end_lineno or node.lineno) + 1)))
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }


def files_that_quote(word: str, found: Iterable[str]) -> int:
    """Return how many files hold a word as a quoted string."""
    return sum(f'"{word}"' in source for source in found)


def figures(found: dict[str, str]) -> dict[str, float]:
    """Return what is measured, by its name."""
    code = {path: len(code_lines(source)) for path, source in found.items()}
    lengths = {
        (path, name): length
        for path, source in found.items()
        for name, length in function_lengths(source).items()
    }
    realtime = [path for path in found if path.startswith("tv2sim/realtime/")]
    return {
        "Python files": len(found),
        "lines": sum(source.count("\n") for source in found.values()),
        "lines of code": sum(code.values()),
        "lines of code in the largest file": max(code.values()),
        "lines of code in the median function": statistics.median(lengths.values()),
        "lines of code in the longest function": max(lengths.values()),
        'files that quote "publisher_started"': files_that_quote("publisher_started", found.values()),
        'files that quote "on_time_rate"': files_that_quote("on_time_rate", found.values()),
        "Python files in realtime/": len(realtime),
        "lines of code in realtime/": sum(code[path] for path in realtime),
    }


def main(revision: str | None = None) -> None:
    """Print the figures."""
    columns = {"now": figures(sources())}
    if revision is not None:
        columns = {revision: figures(sources(revision)), **columns}
    print(f"{'':<42}" + "".join(f"{name:>12.10}" for name in columns))
    for name in columns["now"]:
        print(f"{name:<42}" + "".join(f"{column[name]:>12,g}" for column in columns.values()))


if __name__ == "__main__":
    main(*sys.argv[1:])
