"""The options of a command line: ``argparse`` on the table of commands, and one line for a mistake."""

from __future__ import annotations

import argparse
import itertools
import re
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NoReturn

import tv2sim
from tv2sim.base.checks import did_you_mean
from tv2sim.base.errors import MissingExtraError
from tv2sim.cli.options import COMMANDS, FORMS, ListOf, OneOf, Option, words_of
from tv2sim.cli.output import one_line

_WHAT = "Simulate when to start single-use publishers, and how many."
_EXAMPLES = "examples, with the catalogue that `tv2sim generate --out videos.jsonl` writes:"


class _Parser(argparse.ArgumentParser):
    """A parser that reports a wrong option in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {one_line(message)} (see {self.prog} --help)\n")


class _Help(argparse.HelpFormatter):
    """Leaves examples as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if text.startswith(_EXAMPLES) else super()._fill_text(text, width, indent)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the options, with the name of the command as ``command``; None without a command."""
    words = sys.argv[1:] if argv is None else [*argv]
    asks = bool(words) and words[0].startswith("--print-completion")  # the next word may be the shell
    name = None if asks else next((word for word in words if not word.startswith("-")), None)
    parser, commands = _parsers(*([name] if name in COMMANDS else []))
    if name is not None and name not in commands:
        parser.error(f"there is no command {name!r} ({', '.join(commands)}){did_you_mean(name, commands)}")
    of_command = parser if name is None else commands[name]
    _check_flags(words, of_command)
    options, left_over = parser.parse_known_args(words)
    _check_lists(words, options, left_over, of_command)
    if left_over:
        of_command.error(f"unrecognized arguments: {' '.join(left_over)}")
    return options


# -- the parsers -------------------------------------------------------------------------------------------


def _parsers(*complete: str) -> tuple[argparse.ArgumentParser, Mapping[str, argparse.ArgumentParser]]:
    """Return the parser of all commands, and a parser for each; only the commands named here get options."""
    epilog = _examples(*(COMMANDS[name].examples[0] for name in ("replay", "compare")))
    parser = _Parser(prog="tv2sim", description=_WHAT, epilog=epilog, formatter_class=_Help)
    parser.add_argument("--version", action="version", version=f"tv2sim {tv2sim.__version__}")
    text = "print what makes a shell complete commands, options and files, for the shell's start-up file"
    parser.add_argument("--print-completion", choices=("bash", "zsh"), help=text)
    parser.set_defaults(command=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name, command in COMMANDS.items():
        of_command = commands.add_parser(
            name,
            help=command.text,
            description=f"{command.text[0].upper()}{command.text[1:]}.",
            epilog=_examples(*command.examples),
            formatter_class=_Help,
        )
        of_command.set_defaults(command=name)
        if name in complete:
            add_options(of_command, name)
    return parser, commands.choices


def add_options(parser: argparse.ArgumentParser, name: str) -> None:
    """Add the options of a command, in groups."""
    arguments: list[str] = []
    group: argparse._ActionsContainer = parser
    for one in COMMANDS[name].options:
        if isinstance(one, str):
            group = parser.add_argument_group(one, FORMS if one == "scenario" else None)
            continue
        into = group.add_mutually_exclusive_group() if isinstance(one, OneOf) else group
        for option in one.options if isinstance(one, OneOf) else (one,):
            into.add_argument(*option.flags, help=_with_sentences(option.help), **option.how)
            arguments += [] if option.flag.startswith("-") else [_usage(option)]
    parser.usage = " ".join([f"tv2sim {name} [OPTION ...]", *arguments])


def _usage(argument: Option) -> str:
    return {"+": "{0} [{0} ...]", "?": "[{0}]"}.get(argument.how.get("nargs", ""), "{0}").format(
        argument.how["metavar"]
    )


def _with_sentences(text: str) -> str:
    """Return a text in which {plan.target} is replaced by the description in the docstring of the function."""
    return re.sub(r"\{(\w+)\.(\w+)\}", lambda named: _parameters(named[1])[named[2]], text)


@cache
def _parameters(function: str) -> dict[str, str]:
    """Return the description of each parameter of a public function: the first sentence in the docstring.

    The source is read, since an import takes too long for a help text.
    """
    place = Path(tv2sim.__file__).parents[1].joinpath(*tv2sim._rooms()[function].split("."))
    files = sorted(place.glob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    (docstring,) = re.findall(
        rf'^def {function}\(.*?"""(.*?)"""',
        "\n".join(file.read_text(encoding="utf-8") for file in files),
        flags=re.DOTALL | re.MULTILINE,
    )
    entries = re.findall(r"^    (\w+) : .*\n((?: {8}.*\n)+)", docstring, flags=re.MULTILINE)
    return {name: _first_sentence(text) for name, text in entries}


def _first_sentence(text: str) -> str:
    """Return the first sentence of a text in reStructuredText, plain and without its full stop."""
    first = re.split(r"\.(?: (?![a-z])|$)", " ".join(text.split()), maxsplit=1)[0]
    first = re.sub(r":\w+:`(?:tv2sim\.)?([^`]*)`|`+([^`]*)`+", r"\1\2", first).replace("%", "%%")
    return f"{first[0].lower()}{first[1:]}"


def _examples(*calls: str) -> str:
    return "\n".join([_EXAMPLES, *(f"  {call}" for call in calls)])


def what_to_try() -> str:
    """Return the first example of each command that a newcomer may try."""
    tries = [f"  {command.examples[0]}\n      {command.text}" for command in [*COMMANDS.values()][:6]]
    last = "tv2sim --help lists the commands, tv2sim COMMAND --help the options of one."
    return "\n".join([_WHAT, "", "What to try, in this order:", *tries, "", last])


def completion(shell: str) -> str:
    """Return the program of a shell that completes the commands, their options, words and files."""
    try:
        import shtab
    except ImportError:
        raise MissingExtraError(
            "completion needs the package shtab: pip install 'tv2sim[completion]'"
        ) from None
    parser, commands = _parsers(*COMMANDS)
    kinds = {"FILE": shtab.FILE, "CATALOGUE": shtab.FILE, "DIR": shtab.DIR}
    for action in itertools.chain.from_iterable(one._actions for one in commands.values()):
        metavar = str(action.metavar)
        action.choices = words_of(metavar) or action.choices
        if metavar in kinds:
            action.complete = kinds[metavar]  # type: ignore[attr-defined]
    return str(shtab.complete(parser, shell))


# -- probable mistakes -------------------------------------------------------------------------------------


def _flags(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    return {flag: action for action in parser._actions for flag in action.option_strings}


def _check_flags(words: Sequence[str], parser: argparse.ArgumentParser) -> None:
    """Report an unknown option before anything else that it may have led to."""
    known = _flags(parser)
    for word in itertools.takewhile(lambda word: word != "--", words):
        flag = word.partition("=")[0]
        if not re.match("--?[^\\W\\d]", flag) or " " in word or any(one.startswith(flag) for one in known):
            continue
        parser.error(f"there is no option {flag}{did_you_mean(flag, known)}")


def _check_lists(
    words: Sequence[str], options: argparse.Namespace, left_over: list[str], parser: argparse.ArgumentParser
) -> None:
    """Report a list that is written with blanks, of which all but the first value seem to be catalogues."""
    given = getattr(options, "catalogue", None)
    files = len(left_over) + (len(given) if isinstance(given, list) else given is not None)
    for flag, action in _flags(parser).items():
        if flag in words and isinstance(action.type, ListOf):
            after = words[words.index(flag) + 1 :]
            first, *others = [*itertools.takewhile(lambda word: not word.startswith("-"), after), ""]
            more = [*itertools.takewhile(lambda word: word and not _names_a_file(word), others)]
            if 0 < len(more) < files or (more and more == left_over):
                parser.error(
                    f"the values of {flag} have commas between them: {flag} {','.join([first, *more])}"
                )


def _names_a_file(word: str) -> bool:
    return bool(re.search(r"/|\.[^\W\d]\w*$", word)) or Path(word).exists()
