"""The notebooks are executed, and their text outputs compared with the stored ones.

After a change on purpose, ``python tests/test_notebooks.py notebooks/*.ipynb`` executes and stores them again;
look at what is different, pictures included, before it is committed.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
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


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the notebooks as they are when they are executed now."""
    # in a process of its own, since what Jupyter is made of warns of its own ways, and warnings are errors here
    folder = tmp_path_factory.mktemp("again")
    copies = [str(shutil.copy(path, folder)) for path in NOTEBOOKS]
    places = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR")
    own = {name: str(tmp_path_factory.mktemp("jupyter")) for name in places}
    subprocess.run([sys.executable, __file__, *copies], env=os.environ | own, check=True, timeout=900)
    return folder


@pytest.mark.full
@pytest.mark.timeout(1000)  # the first one waits for all
def test_a_notebook_gives_again_what_it_shows(path: Path, again: Path) -> None:
    found, stored = read(again / path.name), read(path)
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


# -- executing them, in a process of their own ---------------------------------------------------------------


async def execute(paths: list[Path]) -> None:
    """Execute notebooks in the folder of ours, with the interpreter that runs this, and store what comes out.

    One kernel executes them all, since to start one takes seconds; each notebook finds it as if it was new.
    """
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    # no folders to look for kernels in: so it is the one of this interpreter
    manager = AsyncKernelManager(kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
    connection: Any = None
    for path in paths:
        notebook = read(path)
        client = NotebookClient(
            notebook,
            km=manager,
            kc=connection,
            timeout=120,
            allow_errors=True,  # they are stored, and no stored notebook has any
            record_timing=False,
            extra_arguments=["--IPKernelApp.log_level=40"],
            resources={"metadata": {"path": str(FOLDER)}},
        )
        await client.async_execute(cleanup_kc=False)
        connection = client.kc
        await connection.execute("get_ipython().reset()", silent=True, reply=True)
        notebook.metadata = {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
        text = nbformat.writes(notebook)  # type: ignore[no-untyped-call]
        path.write_text(text.rstrip() + "\n", encoding="utf-8")
    connection.stop_channels()
    await manager.shutdown_kernel(now=True)


if __name__ == "__main__":
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # a debugger's remark on how Python was built
    asyncio.run(execute([Path(name) for name in sys.argv[1:]]))
