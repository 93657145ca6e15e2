"""What README and docs show is executed, and its output compared."""

from __future__ import annotations

import ast
import doctest
import inspect
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import tv2sim as tv
from tests.helpers.documents import NOT_RUN, blocks, commands, run_again
from tv2sim.cli.options import COMMANDS, OneOf
from tv2sim.cli.parse import parse

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = sorted((ROOT / "docs").rglob("*.md"))
DOCUMENTS = [README, *PAGES]


REPLAY = ROOT / "docs" / "guides" / "replay.md"


def blocks_of(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def of_the_readme(language: str) -> list[str]:
    return blocks_of(README, language)


def test_the_readme_is_a_door() -> None:
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 130
    assert len(re.sub(r"```.*?```", "", text, flags=re.DOTALL).split()) <= 900


def console_examples() -> list[tuple[str, str]]:
    """Return each command of the console blocks with the output that is shown below it."""
    examples = []
    for block in of_the_readme("console"):
        for part in block.split("$ ")[1:]:
            command, _, output = part.partition("\n")
            examples.append((command, output))
    return examples


def test_the_python_examples_give_what_the_readme_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    # each block without its fence, which doctest would take for output
    examples = "\n".join(of_the_readme("python"))
    test = doctest.DocTestParser().get_doctest(examples, {}, "README.md", str(README), 0)
    assert len(test.examples) >= 8
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    assert runner.run(test) == doctest.TestResults(0, len(test.examples))


@pytest.mark.parametrize(("command", "output"), console_examples())
def test_the_shell_examples_give_what_the_readme_shows(command: str, output: str) -> None:
    command = command.replace("tv2sim", f"{sys.executable} -m tv2sim")
    # the environment as Python has it: readline adds a width for processes that inherit it
    done = subprocess.run(
        command, shell=True, cwd=ROOT, env=os.environ, capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout == output


def test_the_two_commands_call_what_is_there() -> None:
    commands = "".join(of_the_readme("sh"))
    scripts = re.findall(r"sh (\S+)", commands)
    assert scripts == [".ci/install", ".ci/test"]
    assert all((ROOT / script).exists() for script in scripts)
    assert "sh .ci/test" in (ROOT / ".ci/run").read_text()


def test_only_the_first_command_does_not_install_all() -> None:
    scripts = {name: (ROOT / ".ci" / name).read_text() for name in ("install", "test", "run")}
    assert "extras=${1:-replay}\n" in scripts["install"]
    assert all("sh .ci/install all\n" in scripts[name] for name in ("test", "run"))


REPLAYS = [
    line
    for block in blocks_of(REPLAY, "sh")
    for line in block.splitlines()
    if "tv2sim replay" in line and "--keep-running" not in line
]


@pytest.mark.parametrize("command", REPLAYS)
@pytest.mark.full
def test_the_replays_end_as_the_simulation_does(command: str, tmp_path: Path) -> None:
    # as written, but for the time that it takes, and for going on serving
    command = re.sub(r"--speed \S+", "--speed max --port 0", command).replace("KEEP_RUNNING=yes", "")
    command = re.sub(r"\b(log|today)\.jsonl", lambda file: str(tmp_path / file[0]), command)
    command = command.replace("tv2sim", f"{sys.executable} -m tv2sim")
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
    run = tv.simulate(ROOT / "data" / "catalogue.jsonl", "2c")
    assert done.stdout.splitlines()[-1] == str(run.stats)


# -- the parameters of public functions ----------------------------------------------------------------------


def described(function: object) -> Iterator[tuple[str, str]]:
    """Yield each parameter of a function with the first clause of its text in the docstring."""
    text = (inspect.getdoc(function) or "").partition("Parameters\n----------\n")[2].partition("\n\n")[0]
    for name, words in re.findall(r"^(\S.*)\n((?: {4}.*\n?)+)", text, flags=re.MULTILINE):
        yield name, re.split(r"[:;.](?: |$)", " ".join(words.split()))[0]


def test_the_text_of_a_parameter_stands_once() -> None:
    functions = [getattr(tv, name) for name in tv.__all__ if inspect.isfunction(getattr(tv, name))]
    functions += [getattr(tv.plots, name) for name in tv.plots.__all__]
    places: dict[str, list[str]] = {}
    for function in functions:
        for name, clause in described(function):
            if len(clause.split()) >= 5 and not clause.startswith("As for "):
                places.setdefault(clause, []).append(f"{function.__name__}({name})")
    assert sum(map(len, places.values())) > 50
    assert {clause: names for clause, names in places.items() if len(names) > 1} == {}


def test_help_says_what_docstrings_say(capsys: pytest.CaptureFixture[str]) -> None:
    named = [
        (option.flag, one)
        for command in COMMANDS.values()
        for entry in command.options
        if not isinstance(entry, str)
        for option in (entry.options if isinstance(entry, OneOf) else (entry,))
        for one in re.findall(r"\{(\w+)\.(\w+)\}", option.help)
    ]
    assert len({flag for flag, _ in named}) > 15
    for _, (function, parameter) in named:
        (clause,) = {
            clause for name, clause in described(getattr(tv, function)) if name.startswith(f"{parameter} ")
        }
        assert clause
    with pytest.raises(SystemExit):
        parse(["plan", "--help"])
    assert "the expected share of the videos" in " ".join(capsys.readouterr().out.split())


# -- the pages of the site -----------------------------------------------------------------------------------

RUN = [page for page in PAGES if re.search(r"^```(python|console)$", page.read_text("utf-8"), re.MULTILINE)]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.full
@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_the_code_of_a_page_gives_what_it_shows(page: Path, tmp_path: Path) -> None:
    # after a change on purpose: python -m tests.helpers.documents PAGE
    text = page.read_text(encoding="utf-8")
    assert run_again(text, tmp_path) == text


def test_what_a_page_shows_is_compared(tmp_path: Path) -> None:
    page = "```python\n>>> 1 + 1\n3\n```\n\n```console\n$ echo one\ntwo\n```\n"
    assert run_again(page, tmp_path) == page.replace("3", "2").replace("two", "one")


@pytest.mark.parametrize("page", DOCUMENTS, ids=name_of)
def test_every_block_is_run_or_known_as_one_that_is_not(page: Path) -> None:
    for block in blocks(page.read_text(encoding="utf-8")):
        assert block.language in {"python", "console", *NOT_RUN} or block.language.startswith("{"), block
        for line in commands(block.body) if block.language == "sh" else ():
            for options in re.findall(r"\btv2sim ([^|;&>\n]*)", line):
                parse(shlex.split(options))  # it exits if there are no such options


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (document.parent / target).exists(), target


def test_the_guided_walk_names_what_is_there() -> None:
    design = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    walk = design[design.index("## A guided walk") : design.index("## Decisions")]
    assert len(walk.splitlines()) <= 60
    product = ROOT / "tv2sim"
    code = "\n".join(path.read_text(encoding="utf-8") for path in product.rglob("*.py"))
    for name in re.findall(r"`([\w./]+)`", walk):
        last = name.split(".")[-1]
        defined = re.search(rf"(def|class) {last}\b|^\s*{last}\b", code, flags=re.MULTILINE)
        assert defined or (product / name).exists(), name


def test_the_life_of_a_publisher_is_shown_from_its_source() -> None:
    """The page takes one function of a file; its bullets name each of the waits in there."""
    page = ROOT / "docs" / "background" / "system.md"
    text = page.read_text(encoding="utf-8")
    shown = re.findall(r"```\{literalinclude\} (\S+)\n:language: python\n:pyobject: (\w+)\.(\w+)\n```", text)
    ((path, kind, function),) = shown
    tree = ast.parse((page.parent / path).read_text(encoding="utf-8"))
    (holder,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == kind)
    (life,) = (node for node in holder.body if isinstance(node, ast.FunctionDef) and node.name == function)
    waits = {ast.unparse(node) for node in ast.walk(life) if isinstance(node, (ast.Yield, ast.YieldFrom))}
    bullets = text[text.index("It waits at most") : text.index("What it does in between")].count("\n- ")
    assert len(waits) == bullets == 5
