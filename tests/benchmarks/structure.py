"""The structure of the product: rooms, files, functions, import circles, and repeated names.

``python -m tests.benchmarks.structure [REVISION]`` prints the figures of the working tree, beside those of a
revision if one is named; ``--walk`` counts the files that a walk through the program passes. A room is a folder
or a loose file of the package. A line of code holds a token other than a comment or a docstring. The complexity
of a function is one more than the number of its branches: conditions, loops, handlers, cases, and each further
operand of ``and`` and ``or``.
"""

from __future__ import annotations

import argparse
import ast
import io
import statistics
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from types import FrameType
from typing import TypeAlias

ROOT = Path(__file__).parents[2]
PACKAGE = "tv2sim"

Sources: TypeAlias = Mapping[str, str]
"""The text of each file by its path."""

Graph: TypeAlias = dict[str, set[str]]
"""What each file or room imports."""

_NO_CODE = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER,
    tokenize.ENCODING,
}  # fmt: skip
_BRANCHES = (
    ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.comprehension, ast.match_case,
)  # fmt: skip


# -- reading -----------------------------------------------------------------------------------------------


def sources(revision: str | None = None) -> dict[str, str]:
    """Return the product's Python files by their paths, of a revision or of the working tree."""
    if revision is None:
        paths = sorted(path for ending in ("py", "pyi") for path in ROOT.glob(f"{PACKAGE}/**/*.{ending}"))
        return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}
    listed = _git("ls-tree", "-r", "--name-only", revision, PACKAGE).splitlines()
    return {path: _git("show", f"{revision}:{path}") for path in listed if path.endswith((".py", ".pyi"))}


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def room_of(path: str) -> str:
    """Return the room of a file: the folder or the loose file of the package that it is in.

    >>> room_of("tv2sim/engines/model/client.py"), room_of("tv2sim/__main__.py")
    ('engines', '__main__')
    """
    return PurePosixPath(path).parts[1].partition(".")[0]


# -- lines and functions -----------------------------------------------------------------------------------


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


def functions(source: str) -> Iterator[tuple[str, int, int]]:
    """Yield the name of each function, its lines of code, and its complexity."""
    lines = code_lines(source)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = len(lines & set(range(node.lineno, (node.end_lineno or node.lineno) + 1)))
            yield node.name, length, complexity(node)


def complexity(function: ast.AST) -> int:
    """Return one more than the number of branches in a function, those of inner functions included.

    >>> complexity(ast.parse("def f(a, b): return [x for x in a if x or b]"))
    4
    """
    return 1 + sum(_branches(node) for node in ast.walk(function))


def _branches(node: ast.AST) -> int:
    if isinstance(node, ast.BoolOp):
        return len(node.values) - 1
    more = len(node.ifs) if isinstance(node, ast.comprehension) else 0
    return isinstance(node, _BRANCHES) + more


# -- imports -----------------------------------------------------------------------------------------------


def imports(found: Sources, *, in_functions: bool = True, for_types: bool = True) -> Graph:
    """Return the files that each file imports; those within functions and for types alone may be left out."""
    files = {_module(path): path for path in found if path.endswith(".py")}
    graph: Graph = {}
    for module, path in files.items():
        tree = ast.parse(found[path])
        left_out = set() if for_types else {id(each) for each in _imports_for_types(tree)}
        nodes = ast.walk(tree) if in_functions else _outside_functions(tree)
        wanted = (node for node in nodes if id(node) not in left_out)
        names = {name for node in wanted for name in _imported(node, set(files))}
        graph[path] = {files[name] for name in names if name != module}
    return graph


def _module(path: str) -> str:
    return ".".join(PurePosixPath(path).with_suffix("").parts).removesuffix(".__init__")


def _outside_functions(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node
            yield from _outside_functions(node)


def _imports_for_types(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for line in node.body:
                yield from ast.walk(line)


def _imported(node: ast.AST, modules: set[str]) -> Iterator[str]:
    """Yield the modules that an import statement names."""
    if isinstance(node, ast.Import):
        yield from (name.name for name in node.names if name.name in modules)
    elif isinstance(node, ast.ImportFrom) and node.module:
        for name in node.names:
            inner = f"{node.module}.{name.name}"
            yield from {inner if inner in modules else node.module} & modules


def circles(graph: Graph) -> list[list[str]]:
    """Return the groups of nodes of which each reaches each other one, largest first.

    >>> circles({"a": {"b"}, "b": {"c"}, "c": {"b"}})
    [['b', 'c']]
    """
    reached = {node: _reached(graph, node) for node in graph}
    groups = {frozenset(other for other in reached[node] if node in reached[other]) for node in graph}
    return sorted((sorted(group) for group in groups if len(group) > 1), key=len, reverse=True)


def _reached(graph: Graph, start: str) -> set[str]:
    seen, waiting = set(), [start]
    while waiting:
        for node in graph.get(waiting.pop(), ()):
            if node not in seen:
                seen.add(node)
                waiting.append(node)
    return seen


def floors(found: Sources) -> int:
    """Return the length of the longest chain of rooms that import each other; 0 if they do so in a circle."""
    rooms: Graph = {room_of(path): set() for path in found}
    for path, others in imports(found).items():
        rooms[room_of(path)] |= {room_of(other) for other in others} - {room_of(path), "__init__"}
    height: dict[str, int] = {}
    try:
        for room in TopologicalSorter(rooms).static_order():
            height[room] = 1 + max((height[other] for other in rooms[room]), default=0)
    except CycleError:
        return 0
    return max(height.values())


# -- the table ---------------------------------------------------------------------------------------------


def figures(found: Sources) -> dict[str, float]:
    """Return what is measured, by its name."""
    code = {path: len(code_lines(source)) for path, source in found.items()}
    made = [each for source in found.values() for each in functions(source)]
    loose = {room_of(path) for path in found if len(PurePosixPath(path).parts) == 2}
    names = Counter(PurePosixPath(path).stem for path in found)
    everywhere, outside = circles(imports(found)), circles(imports(found, in_functions=False, for_types=False))
    rooms = Counter[str]()
    for path, lines in code.items():
        rooms[room_of(path)] += lines
    return {
        "rooms": len(rooms.keys() - loose),
        "floors (0: a circle)": floors(found),
        "loose files beside __init__ and __main__": len(loose - {"__init__", "__main__"}),
        "Python files": len(found),
        "file names that occur twice or more": sum(names[name] > 1 for name in names.keys() - {"__init__"}),
        "lines": sum(source.count("\n") for source in found.values()),
        "lines of code": sum(code.values()),
        "lines of code, median file": statistics.median(code.values()),
        "lines of code, longest file": max(code.values()),
        "lines of code, median function": statistics.median(length for _, length, _ in made),
        "lines of code, longest function": max(length for _, length, _ in made),
        "functions of complexity above 10": sum(complexity > 10 for *_, complexity in made),
        "import circles": len(outside),
        "files in import circles": sum(map(len, outside)),
        "import circles with those in functions and for types": len(everywhere),
        "files in these circles": sum(map(len, everywhere)),
        **{f"lines of code in {room}/": rooms[room] for room in sorted(rooms) if room not in loose},
    }


def walk() -> dict[str, set[str]]:
    """Return, for each step of a walk through the program, the files whose functions run in it first."""
    import tv2sim as tv

    found: dict[str, set[str]] = {}
    seen: set[str] = set()

    def step(name: str, run: Callable[[], object]) -> None:
        passed: set[str] = set()

        def enter(frame: FrameType, event: str, argument: object) -> None:
            code = frame.f_code
            if event == "call" and code.co_name != "<module>" and f"/{PACKAGE}/" in code.co_filename:
                passed.add(code.co_filename.rpartition(f"/{PACKAGE}/")[2])

        sys.setprofile(enter)
        try:
            run()
        finally:
            sys.setprofile(None)
        found[name] = passed - seen
        seen.update(passed)

    with TemporaryDirectory() as folder:
        study = tv.compare(
            ROOT / "data" / "catalogue.jsonl", ["1", "2c"], replications=3, engine="simpy", workers=1
        )  # imports what an engine needs, so that only the simulation is counted
        path = Path(folder) / "report.html"
        step("to simulate", lambda: tv.simulate(ROOT / "data" / "catalogue.jsonl", "2c"))
        step(
            "to compare",
            lambda: tv.compare(
                ROOT / "data" / "catalogue.jsonl", ["1", "2c"], replications=3, engine="simpy", workers=1
            ),
        )
        step("for the summary", lambda: study.summary)
        step("for a report", lambda: study.report(path))
    return found


def main() -> None:
    """Print the figures, then the circles and the repeated names of the working tree."""
    parser = argparse.ArgumentParser(description="Measure the structure of the product.")
    parser.add_argument("revision", nargs="?", help="a revision to compare the working tree with")
    parser.add_argument("--walk", action="store_true", help="count the files that a walk passes, instead")
    options = parser.parse_args()
    if options.walk:
        for name, files in walk().items():
            print(f"{len(files):>4} files {name}")
        return
    revision = options.revision
    found = sources()
    columns = {"now": figures(found)}
    if revision is not None:
        columns = {revision: figures(sources(revision)), **columns}
    print(f"{'':<55}" + "".join(f"{name:>12.10}" for name in columns))
    for name in dict.fromkeys(name for column in columns.values() for name in column):
        print(f"{name:<55}" + "".join(f"{column.get(name, 0):>12,g}" for column in columns.values()))
    for circle in circles(imports(found)):
        print("circle:", ", ".join(path.removeprefix(f"{PACKAGE}/") for path in circle))
    names = Counter(PurePosixPath(path).stem for path in found)
    print(
        "repeated names:", ", ".join(sorted(name for name in names if names[name] > 1 and name != "__init__"))
    )


if __name__ == "__main__":
    main()
