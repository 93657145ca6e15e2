"""The notebooks are executed, and their text outputs compared with the stored ones.

After a change on purpose, ``python tests/test_notebooks.py notebooks/*.ipynb`` executes and stores them again;
look at what is different, pictures included, before it is committed.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
HERE = "|".join(
    re.escape(str(path))
    for path in (FOLDER.parent.parent, Path.home(), Path(gettempdir()))
    if path != Path("/")
)
PLACES = re.compile(rf"{HERE}|/home/|/Users/|[A-Z]:\\\\|site-packages| at 0x[0-9a-f]+")
"""What gives the machine away on which a notebook was executed."""
MOST_BYTES = 600_000


@pytest.fixture(scope="module", autouse=True)
def _fonts() -> None:
    """Let matplotlib list the fonts of a new machine here: within a notebook it might say so."""
    import matplotlib.font_manager  # noqa: F401


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    assert isinstance(request.param, Path)
    return request.param


def test_all_are_there() -> None:
    assert [path.stem[:2] for path in NOTEBOOKS] == ["01", "02", "03", "04", "05", "06", "07", "08"]


@pytest.mark.full
def test_a_notebook_gives_again_what_it_shows(path: Path, tmp_path: Path) -> None:
    # in a process of its own, since what Jupyter is made of warns of its own ways, and warnings are errors here
    again = tmp_path / path.name
    own = {
        name: str(tmp_path / "jupyter") for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR")
    }
    subprocess.run(
        [sys.executable, __file__, str(path), str(again)], env=os.environ | own, check=True, timeout=300
    )
    found, stored = read(again), read(path)
    for cell, new in zip(code_cells(stored), code_cells(found), strict=True):
        assert texts(new) == texts(cell), cell.source
        assert new.execution_count == cell.execution_count


def test_a_notebook_is_stored_whole(path: Path) -> None:
    notebook = read(path)
    nbformat.validate(notebook)
    assert path.stat().st_size < MOST_BYTES
    assert notebook.metadata.kernelspec.name == "python3"
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert all(not cell.metadata for cell in notebook.cells)
    assert not PLACES.search(str([texts(cell) for cell in cells]))
    for output in outputs(notebook):
        assert output.output_type != "error"
        assert output.get("name") != "stderr", output.text
        if "image/png" in output.get("data", {}):
            assert len(output.data["image/png"]) > 10_000


def test_a_notebook_explains_and_shows(path: Path) -> None:
    notebook = read(path)
    words = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    assert words[0].startswith("# ")
    assert len(words) >= len(code_cells(notebook)) - 2
    assert max(map(len, words)) < 1000
    assert sum("image/png" in output.get("data", {}) for output in outputs(notebook)) >= 2


# -- what a notebook holds ---------------------------------------------------------------------------------


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook: Any) -> Iterator[Any]:
    for cell in code_cells(notebook):
        yield from cell.outputs


def texts(cell: Any) -> list[Any]:
    """Return a cell's outputs without their pictures."""
    return [
        {kind: text for kind, text in output["data"].items() if not kind.startswith("image/")}
        if "data" in output
        else {key: output[key] for key in ("name", "text", "ename", "evalue") if key in output}
        for output in cell.outputs
        if "behind the clock" not in output.get("text", "")  # a slow machine is no other result
    ]


# -- executing it, in a process of its own -----------------------------------------------------------------


async def execute(source: Path, target: Path) -> None:
    """Execute a notebook in its own folder, with the interpreter that runs this, and write what comes out."""
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    notebook = read(source)
    # no folders to look for kernels in: so it is the one of this interpreter
    manager = AsyncKernelManager(kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
    client = NotebookClient(
        notebook,
        km=manager,
        timeout=120,
        record_timing=False,
        extra_arguments=["--IPKernelApp.log_level=40"],
        resources={"metadata": {"path": str(FOLDER)}},
    )
    await client.async_execute(cleanup_kc=True)
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    target.write_text(nbformat.writes(notebook).rstrip() + "\n", encoding="utf-8")  # type: ignore[no-untyped-call]


def main(arguments: list[str]) -> None:
    """Execute notebooks where they are, or one of them into another file."""
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # a debugger's remark on how Python was built
    files = [Path(name).absolute() for name in arguments]
    if len(files) == 2 and not files[1].exists():
        asyncio.run(execute(*files))
        return
    for file in files:
        asyncio.run(execute(file, file))


if __name__ == "__main__":
    main(sys.argv[1:])
