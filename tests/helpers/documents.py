"""Run the code in pages of the documentation, and put what it gives where the page shows it.

The blocks of a page are run in their order, in one folder: examples of Python, commands after ``$`` in console
blocks, and files (blocks with a caption, which is the name of the file). After a change on purpose,
``python -m tests.helpers.documents docs/tutorial.md ...`` writes what the code gives now into the pages; read
what is different before it is committed.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from tests.helpers.commands import DATA, tv2sim

__all__ = ["NOT_RUN", "Block", "blocks", "commands", "run_again"]

NOT_RUN = {"", "json", "sh", "text", "promql", "css", "yaml"}
"""The languages of blocks that show something: of ``sh``, a test checks that the commands can be parsed."""

_FENCE = re.compile(r"^(?P<fence>```+)(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=fence)$", re.MULTILINE | re.DOTALL)
_CAPTION = re.compile(r":caption: (\S+)\n\n")


class Block(NamedTuple):
    """A block of a page: its language, or its directive in braces; and its text."""

    language: str
    body: str

    @property
    def file(self) -> str | None:
        """The name of the file that the block shows."""
        found = _CAPTION.match(self.body)
        return found[1] if found else None


def blocks(page: str) -> list[Block]:
    """Return the blocks of a page."""
    return [_block(found) for found in _FENCE.finditer(page)]


def _block(found: re.Match[str]) -> Block:
    return Block(found["info"].strip(), found["body"])


def commands(body: str) -> list[str]:
    """Return the commands of a block for the shell."""
    lines = re.sub(r"\\\n", " ", body).splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def run_again(page: str, folder: Path) -> str:
    """Return a page with what its code gives, if it is run in this folder beside the shipped catalogues."""
    names: dict[str, Any] = {"__name__": "__main__"}
    (folder / "data").symlink_to(DATA)

    def again(found: re.Match[str]) -> str:
        block = _block(found)
        if block.file is not None:
            (folder / block.file).write_text(_CAPTION.sub("", block.body), encoding="utf-8")
        body = {"python": _python, "console": _console}.get(block.language, _as_it_is)(
            block.body, names, folder
        )
        return f"{found['fence']}{found['info']}\n{body}{found['fence']}"

    # as wide as a terminal is anywhere
    with contextlib.chdir(folder), patch.dict(os.environ, {"COLUMNS": "80"}):
        return _FENCE.sub(again, page)


def _as_it_is(body: str, names: dict[str, Any], folder: Path) -> str:
    return body


# -- Python ------------------------------------------------------------------------------------------------


def _python(body: str, names: dict[str, Any], folder: Path) -> str:
    """Run examples after ``>>>`` and return them with what they print now."""
    parts = doctest.DocTestParser().parse(body)
    return "".join(part if isinstance(part, str) else _example(part, names) for part in parts)


def _example(example: doctest.Example, names: dict[str, Any]) -> str:
    first, *rest = example.source.splitlines()
    shown = [f">>> {first}", *(f"... {line}".rstrip() for line in rest)]
    printed = _printed(example.source, names).splitlines()
    return "".join(f"{line}\n" for line in [*shown, *(line.rstrip() or "<BLANKLINE>" for line in printed)])


def _printed(source: str, names: dict[str, Any]) -> str:
    """Return what a statement prints: a value, or the end of a traceback, as the interpreter does."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            exec(compile(source, "<page>", "single"), names)
        except Exception as error:  # noqa: BLE001 (a page may show it)
            out.write("Traceback (most recent call last):\n    ...\n")
            out.write("".join(traceback.format_exception_only(error)))
    return out.getvalue()


# -- the shell ---------------------------------------------------------------------------------------------


def _console(body: str, names: dict[str, Any], folder: Path) -> str:
    """Run the commands after ``$`` and return them with what they print now."""
    found = re.findall(r"^\$ ((?:.*\\\n)*.*)\n", body, flags=re.MULTILINE)
    return "".join(f"$ {command}\n{_output(command)}" for command in found)


def _output(command: str) -> str:
    """Return the standard output of a command: in this process, if it is ours and there is no pipe."""
    words = shlex.split(command.replace("\\\n", " "))
    if words[0] == "tv2sim" and not {"|", ">", "<", "&&"} & set(words):
        result = tv2sim(*words[1:])
        assert result.status == 0, result.err
        return result.out
    for name, module in (("tv2sim", f"{sys.executable} -m tv2sim"), ("python", sys.executable)):
        command = re.sub(rf"^{name}\b|(?<=[|&] ){name}\b", module, command)
    here = os.environ | {"PYTHONPATH": str(DATA.parent)}  # this copy of the package, from any folder
    done = subprocess.run(command, shell=True, check=True, capture_output=True, encoding="utf-8", env=here)
    return done.stdout


def main(pages: list[str]) -> None:
    """Run the code of these pages, and write what it gives into them."""
    for page in map(Path, pages):
        with tempfile.TemporaryDirectory() as folder:
            page.write_text(run_again(page.read_text(encoding="utf-8"), Path(folder)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
