"""A Sphinx extension: the parts of the reference that follow from the package's own registries.

``{registry} metrics`` in a page stands for what the function `metrics` below returns, as Markdown. So a metric,
an event, a column, an option or a public name that is added to the package is found in the reference.
"""

from __future__ import annotations

import argparse
import base64
import dataclasses
import inspect
import io
import re
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, get_args

import msgspec
import numpy as np
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective
from sphinx.util.logging import getLogger

import tv2sim as tv
from tv2sim import plots
from tv2sim.catalogue import Video
from tv2sim.catalogue import columns as mapped
from tv2sim.catalogue.videos import NUMBERS, REQUIRED
from tv2sim.cli.options import COMMANDS
from tv2sim.cli.parse import add_options
from tv2sim.results import event_kinds as event_kinds
from tv2sim.results import metrics as metric_registry
from tv2sim.results import run as tables
from tv2sim.strategies import HOOKS
from tv2sim.theory import queueing
from tv2sim.world.distributions import DISTRIBUTIONS, NOTATIONS

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

# -- the directive -----------------------------------------------------------------------------------------


class Registry(SphinxDirective):
    """``{registry} NAME ARGUMENT...``: what the function of this name returns, as Markdown."""

    required_arguments = 1
    optional_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Return the nodes of the text."""
        name, *more = " ".join(self.arguments).split()
        return self.parse_text_to_nodes(REGISTRIES[name](*more), allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive, and what is left out of docstrings."""
    app.add_directive("registry", Registry)
    app.connect("source-read", start_page_for_readme)
    app.connect("autodoc-skip-member", without_a_text)
    app.connect("autodoc-process-docstring", one_name_each, priority=100)
    app.connect("env-check-consistency", all_documented)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def start_page_for_readme(app: Sphinx, page: str, source: list[str]) -> None:
    """Let links to the README lead to the start page, which stands for it on the site."""
    source[0] = re.sub(r"\]\((\.\./)*README\.md", "](/docs/index.md", source[0])


def without_a_text(
    app: Sphinx, what: str, name: str, member: object, skip: bool, options: object
) -> bool | None:
    """Leave out the fields of named tuples, which Python describes as "Alias for field number 0"."""
    return True if (getattr(member, "__doc__", None) or "").startswith("Alias for field number") else None


def one_name_each(app: Sphinx, what: str, name: str, one: object, options: object, lines: list[str]) -> None:
    """Give each of the attributes "a, b : int" an entry of its own, since napoleon expects one name in each."""
    if "Attributes" in lines:
        start = lines.index("Attributes") + 2
        entries = re.split(r"\n(?=\S)", "\n".join(lines[start:]))
        lines[start:] = "\n".join(map(_each_named, entries)).split("\n")


def _each_named(entry: str) -> str:
    names, kind, text = re.fullmatch(r"([^\n:]*)( : [^\n]*)?(.*)", entry, flags=re.DOTALL).groups("")  # type: ignore[union-attr]
    several = re.fullmatch(r"\w+(, \w+)+", names)
    return "\n".join(f"{name}{kind}{text}" for name in names.split(", ")) if several else entry


def all_documented(app: Sphinx, env: BuildEnvironment) -> None:
    """Warn of a public name that is on no page of the reference."""
    public = [f"tv2sim.{name}" for name in tv.__all__]
    for room in (plots, queueing, tv.policies):
        public += [f"tv2sim.{room.__name__.rpartition('.')[2]}.{name}" for name in room.__all__]
    for name in public:
        if name not in env.domains.python_domain.objects:
            getLogger(__name__).warning("%s is not in the reference", name)


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def code(text: object) -> str:
    """Return a text as code."""
    return f"`{text}`"


def restructured(*lines: str) -> str:
    """Return lines of reStructuredText, in which docstrings are written."""
    return "\n".join(["````{eval-rst}", *lines, "````"])


# -- Python ------------------------------------------------------------------------------------------------


def api(*names: str) -> str:
    """Return public names, each with its docstring."""
    return "\n\n".join(map(_documented, names))


def theory() -> str:
    """Return the public names of :mod:`tv2sim.theory.queueing`, each with its docstring."""
    names = (_documented(f"queueing.{name}") for name in queueing.__all__)
    return "\n\n".join([restructured(".. py:module:: tv2sim.queueing"), *names])


def _documented(name: str) -> str:
    value = attrgetter(name)(tv)
    if inspect.isclass(value):
        shown = ["   :members:", "   :show-inheritance:"] if issubclass(value, Exception) else ["   :members:"]
        if value is tv.Comparison:  # its tables are methods of a class in another file
            shown.append("   :inherited-members:")
        return restructured(f".. autoclass:: tv2sim.{name}", *shown)
    if inspect.isfunction(value):
        return restructured(f".. autofunction:: tv2sim.{name}")
    text = ModuleAnalyzer.for_module(tv._rooms()[name]).find_attr_docs()["", name]
    return restructured(f".. py:data:: tv2sim.{name}", "", *(f"   {line}" for line in text))


def charts() -> str:
    """Return the functions of :mod:`tv2sim.plots`, each with what it draws."""
    catalogue = tv.generate_catalogue()
    pools, prices = ["2a", "2c:8", "2c:9", "2c", "2c:12"], tv.Prices(starting=0.01, ready=0.02, failed=0.5)
    study = tv.compare(catalogue, pools, replications=100, prices=prices, progress=False)
    given = {"run": tv.simulate(catalogue, "2c"), "study": study, "reps": study["2c"], "study_or_reps": study}
    given["fit"] = tv.fit(tv.LogNormal(4, 0.6).quantile(np.random.default_rng(1).random(200)))
    given["result"] = tv.validate(study, {"2a": [128, 126, 123], "2c": [154, 153, 153, 151]})
    given["sensitivity"] = tv.sensitivity(catalogue, "2c", replications=200)
    given["plan"] = tv.plan(catalogue, "2c", vary={"prewarmed": range(8, 17)})
    given["runs"] = {name: tv.simulate(catalogue, name) for name in study.strategies}
    return "\n\n".join(_chart(name, given) for name in plots.__all__)


def _chart(name: str, given: dict[str, Any]) -> str:
    draw = getattr(plots, name)
    first = next(iter(inspect.signature(draw).parameters))
    file = io.BytesIO()
    draw(given[first]).figure.savefig(file, format="png", dpi=90)
    data = base64.b64encode(file.getvalue()).decode()
    picture = f'<img class="chart" alt="An example of tv2sim.plots.{name}" src="data:image/png;base64,{data}">'
    lines = [f".. autofunction:: tv2sim.plots.{name}", "", ".. raw:: html", "", f"   <p>{picture}</p>"]
    return restructured(*lines)


# -- what is simulated -------------------------------------------------------------------------------------


def fields(name: str) -> str:
    """Return the fields of a scenario, or of what it holds."""
    return table(
        ["field", "default", "meaning"],
        (
            [code(field.name), _default_of(field), field.metadata["help"]]
            for field in dataclasses.fields(getattr(tv, name))
        ),
    )


def _default_of(field: dataclasses.Field[Any]) -> str:
    return "–" if field.default is dataclasses.MISSING else code(field.default)


def strategies() -> str:
    """Return the built-in strategies, with the fields in which they differ."""
    plain = tv.Strategy(name="")
    names = [field.name for field in dataclasses.fields(tv.Strategy) if field.name != "name"]
    used = [
        name
        for name in names
        if any(getattr(one, name) != getattr(plain, name) for one in tv.STRATEGIES.values())
    ]
    return table(
        ["name", *map(code, used)],
        ([code(key), *(code(getattr(one, name)) for name in used)] for key, one in tv.STRATEGIES.items()),
    )


def hooks() -> str:
    """Return the hooks of a strategy, with the fields that they take the place of."""
    return table(
        ["hook", "in place of", "answers"],
        (
            [code(name), "–" if field is None else code(field), _first(getattr(tv.Strategy, name))]
            for name, (field, _) in HOOKS.items()
        ),
    )


def policies() -> str:
    """Return the functions of :mod:`tv2sim.policies`."""
    functions = "\n\n".join(
        restructured(f".. autofunction:: tv2sim.policies.{name}") for name in tv.policies.__all__
    )
    return f"{restructured('.. py:module:: tv2sim.policies')}\n\n{functions}"


def distributions() -> str:
    """Return the distributions, with the texts that stand for them."""
    rows = zip(NOTATIONS, DISTRIBUTIONS, strict=True)
    return table(
        ["text", "class", "meaning"],
        ([code(text), code(f"tv.{kind.__name__}"), _first(kind)] for text, kind in rows),
    )


def _first(documented: object) -> str:
    """Return the first line of a docstring."""
    return (inspect.getdoc(documented) or "").partition("\n")[0]


def catalogue() -> str:
    """Return the fields of a line of a catalogue."""
    return table(
        ["field", "type", "required", "meaning"],
        (
            [
                code(field.encode_name),
                _kind(field.type),
                _required(field.name),
                tables.meaning("videos", field.name),
            ]
            for field in msgspec.structs.fields(Video)
        ),
    )


def _required(name: str) -> str:
    return "no" if name not in REQUIRED else "if there are encoders" if name == "encoding_time" else "yes"


def mapping() -> str:
    """Return what a field may be made of in a mapping, and what a mapping file holds."""
    expressions = table(["made of", "how it is written"], mapped.EXPRESSIONS.items())
    keys = msgspec.structs.fields(mapped.MappingFile)
    file = table(
        ["key", "required", "meaning"],
        ([code(key.name), "yes" if key.required else "no", _described(key.type)] for key in keys),
    )
    return f"{expressions}\n\nA mapping file, in TOML or JSON, has these keys:\n\n{file}"


def _described(annotated: Any) -> str:
    return next(str(part.description) for part in get_args(annotated) if isinstance(part, msgspec.Meta))


def mappings() -> str:
    """Return the mapping files that ship."""
    return "\n\n".join(
        f"### {name}\n\n```toml\n{text.rstrip()}\n```" for name, text in mapped.shipped().items()
    )


def _kind(annotated: Any) -> str:
    """Return the JSON type of a field, with its limits."""
    parts = [part for part in get_args(annotated) or (annotated,) if part is not type(None)]
    if len(parts) == 1 and get_args(parts[0]):  # optional
        return _kind(parts[0])
    word = "string" if parts[0] is str else "number"
    limits = parts[1] if len(parts) > 1 else msgspec.Meta()
    words = {"ge": "at least", "gt": "greater than", "min_length": "not shorter than", "le": "at most"}
    found = [
        f"{text} {getattr(limits, name):.0f}"
        for name, text in words.items()
        if getattr(limits, name) is not None
    ]
    return ", ".join([word, *found])


# -- what comes out ----------------------------------------------------------------------------------------


def metrics() -> str:
    """Return all metrics."""
    return table(
        ["name", "label", "unit", "better", "meaning"],
        (
            [
                f"**{code(metric.name)}**" if metric.name in metric_registry.MAIN else code(metric.name),
                metric.label,
                metric.unit,
                metric.better or "–",
                metric.meaning,
            ]
            for metric in metric_registry.METRICS.values()
        ),
    )


def events() -> str:
    """Return all kinds of events."""
    return table(
        ["event", "happens when", "refers to"],
        (
            [
                code(name),
                kind.meaning,
                ", ".join(what for what in ("video", "encoder", "publisher") if getattr(kind, what)),
            ]
            for name, kind in event_kinds.EVENTS.items()
        ),
    )


def columns(name: str) -> str:
    """Return the columns of one of the tables of a run."""
    optional = {mapped.FIELDS[name]: 0 for name, number in NUMBERS.items() if number.optional}
    some = [{**msgspec.to_builtins(video), **optional} for video in tv.generate_catalogue(3)]
    frame = getattr(tv.simulate(some, "2c"), name)
    return table(
        ["column", "type", "meaning"],
        (
            [code(column), _DTYPES[kind.kind], tables.meaning(name, column)]
            for column, kind in frame.dtypes.items()
        ),
    )


_DTYPES = {"f": "seconds", "i": "whole number", "b": "true or false", "O": "text", "T": "text", "U": "text"}


# -- the command line --------------------------------------------------------------------------------------


def commands() -> str:
    """Return a section for each command, with its options and examples."""
    return "\n\n".join(map(_command, COMMANDS))


def _command(name: str) -> str:
    text, examples = COMMANDS[name].text, COMMANDS[name].examples
    parser = argparse.ArgumentParser(prog=f"tv2sim {name}", add_help=False)
    add_options(parser, name)
    parts = [f"## tv2sim {name}", f"{text[0].upper()}{text[1:]}.", "\n".join(["```sh", *examples, "```"])]
    for group in parser._action_groups:
        if rows := [[_written(action), _help(parser, action)] for action in group._group_actions]:
            heading = str(group.title) if group.title in COMMANDS[name].options else "option"
            parts += [group.description or "", table([heading, "meaning"], rows)]
    return "\n\n".join(parts)


def _written(action: argparse.Action) -> str:
    """Return an option as it is typed."""
    value = action.metavar or (
        "" if action.nargs == 0 else "{" + ",".join(map(str, action.choices or ())) + "}"
    )
    if isinstance(value, tuple):
        value = " ".join(value)
    if not action.option_strings:
        return code(value)
    return ", ".join(code(f"{flag} {value}".strip()) for flag in action.option_strings)


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    """Return what an option means."""
    return parser._get_formatter()._expand_help(action)


REGISTRIES: dict[str, Callable[..., str]] = {
    function.__name__: function
    for function in (
        api, catalogue, charts, columns, commands, distributions, events, fields, hooks, mapping, mappings,
        metrics, policies, strategies, theory,
    )
}  # fmt: skip
