"""Dataclass fields that hold their own check and description, so that a field is added in one place."""

from __future__ import annotations

import dataclasses
import inspect
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NoReturn, Self, TypeVar

from tv2sim.base.checks import did_you_mean, shown
from tv2sim.base.errors import InputError

T = TypeVar("T")
Given = TypeVar("Given")
Held = TypeVar("Held")

SIMPY_ALONE = ("simpy",)
"""The engines that know a field which declares none."""
EVERY_ENGINE = ("simpy", "kernel")
"""The engines that there are."""


def checked(check: Callable[..., Any], **bounds: Any) -> dict[str, Any]:
    """Return the metadata of a dataclass field whose values are checked by :func:`check_fields`.

    Parameters
    ----------
    check : callable
        One of the checks of :mod:`tv2sim.base.checks`, or one like them:
        ``check(name, value, error=..., **bounds)`` returns the value to store.
    **bounds
        Further arguments of the check; a text names another field, whose value is the bound.

    Examples
    --------
    >>> from tv2sim.base.checks import a_time
    >>> @dataclasses.dataclass(frozen=True)
    ... class Span:
    ...     low: float = dataclasses.field(metadata=checked(a_time))
    ...     high: float = dataclasses.field(metadata=checked(a_time, at_least="low"))
    ...     def __post_init__(self):
    ...         check_fields(self, error=InputError)
    >>> Span(2, 6)
    Span(low=2.0, high=6.0)
    >>> Span(2, 1)
    Traceback (most recent call last):
    tv2sim.base.errors.InputError: high must be a finite number of at least 2, not 1
    """
    return {"check": check, "bounds": bounds}


def parameter(
    default: object,
    check: Callable[..., Any],
    *,
    text: str,
    label: str = "",
    engines: tuple[str, ...] = SIMPY_ALONE,
    **bounds: Any,
) -> Any:
    """Return a dataclass field with a default, a check (see :func:`checked`) and a description.

    `text`, for the documentation and the command line's help, is the field's ``metadata["help"]``; `label`, a
    few words for the row of a table, is its ``metadata["label"]``; `engines`, the names of the engines that
    know the field, its ``metadata["engines"]``. Other engines are refused where the field is not at its
    default.
    """
    metadata = {"help": text, "label": label, "engines": engines, **checked(check, **bounds)}
    return dataclasses.field(default=default, metadata=metadata)


class Accepts(Generic[Given, Held]):
    """The type of a field that accepts one type and holds another, for type checkers."""

    if TYPE_CHECKING:

        def __get__(self, one: object, owner: object) -> Held: ...
        def __set__(self, one: object, value: Given) -> None: ...


def or_none(check: Callable[..., Any]) -> Callable[..., Any]:
    """Return a check that accepts None as well."""

    def check_or_none(name: str, value: object, **bounds: Any) -> Any:
        return None if value is None else check(f"{name}, if not None,", value, **bounds)

    return check_or_none


def check_fields(one: object, *, error: type[InputError], owner: str = "") -> None:
    """Check each :func:`checked` field of a dataclass, and store the value that the check returns.

    A field that a subclass declares again, with another default, keeps the check of its base class. `owner`
    goes before the field's name in messages.
    """
    classes = filter(dataclasses.is_dataclass, reversed(type(one).__mro__))
    declared = [field for kind in classes for field in dataclasses.fields(kind)]
    for name, metadata in {each.name: each.metadata for each in declared if "check" in each.metadata}.items():
        bounds = {
            bound: getattr(one, limit) if isinstance(limit, str) else limit
            for bound, limit in metadata["bounds"].items()
        }
        value = metadata["check"](f"{owner}{name}", getattr(one, name), error=error, **bounds)
        object.__setattr__(one, name, value)


def with_parameters(kind: type[T]) -> type[T]:
    """Put the descriptions of a dataclass's fields into its docstring, where it says ``{parameters}``."""
    lines = ["Parameters", "----------"]
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        default = "" if field.default is dataclasses.MISSING else f", default {field.default}"
        lines.append(f"{field.name} : {field.type}{default}")
        lines += textwrap.wrap(field.metadata["help"], 100, initial_indent=" " * 4, subsequent_indent=" " * 4)
    # from Python 3.13 on a docstring comes without its indentation
    kind.__doc__ = inspect.cleandoc(kind.__doc__ or "").replace("{parameters}", "\n".join(lines))
    return kind


class Fields:
    """The base of dataclasses that check their fields, and suggest a field where a keyword is misspelled.

    With ``dataclass(repr=False)``, the ``repr()`` has only the fields that are not at their default.

    >>> @dataclasses.dataclass(frozen=True, repr=False)
    ... class Span(Fields):
    ...     low: float
    ...     high: float = 9
    ...     unit: str = "s"
    >>> Span(2), Span(low=2, unit="h")
    (Span(low=2), Span(low=2, unit='h'))
    >>> Span(low=2, hi=6)
    Traceback (most recent call last):
    tv2sim.base.errors.InputError: Span has no 'hi'; it has low, high, unit: did you mean high?
    """

    _error: ClassVar[type[InputError]] = InputError
    _is_one_value: ClassVar[bool] = False
    """Whether the fields together are one value, such as a distribution, instead of several settings."""

    def __new__(cls, *_: Any, **named: Any) -> Self:  # noqa: D102 (it only checks the names)
        # of __init__, since a subclass may have one of its own
        known = _parameters(cls.__init__)
        if known is not None:
            check_names(cls.__name__, named, known, error=cls._error)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        check_fields(self, error=self._error)

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in _changed(self))
        return f"{type(self).__qualname__}({given})"


@lru_cache(maxsize=256)
def _parameters(init: Callable[..., None]) -> list[str] | None:
    """Return the names of a constructor's parameters, or None if it takes any keyword."""
    parameters = list(inspect.signature(init).parameters.values())[1:]
    if any(each.kind == each.VAR_KEYWORD for each in parameters):
        return None
    return [each.name for each in parameters]


def suggests_names(kind: type[T]) -> type[T]:
    """Make a class suggest one of its attributes where an attribute is misspelled.

    >>> from tv2sim.strategies import PoolState
    >>> PoolState(0, 1, 2, 0, 0, 0).redy
    Traceback (most recent call last):
    AttributeError: PoolState has no 'redy'; it has busy, encoded, encoding, rate, ready, starting,
    startup_time, time, waiting: did you mean ready?
    """

    def no_attribute(self: object, name: str) -> NoReturn:
        known = [each for each in dir(kind) if each[0] != "_" and not hasattr(tuple, each)]
        meant = "" if name.startswith("_") else f"; it has {', '.join(known)}{did_you_mean(name, known)}"
        text = f"{kind.__name__} has no {name!r}{meant}"
        raise AttributeError(text, name=name, obj=None)  # of no object, so that Python suggests nothing itself

    kind.__getattr__ = no_attribute  # type: ignore[attr-defined]  # set here, so that type checkers do not see it
    return kind


def check_names(what: str, names: Iterable[str], known: list[str], *, error: type[InputError]) -> None:
    """Raise `error` if one of `names` is not known; the message suggests one that is."""
    for name in names:
        if name not in known:
            has = f"it has {', '.join(known)}{did_you_mean(name, known)}"
            raise error(f"{what} has no {shown(name, 60)}; {has}")


def _changed(one: object) -> Iterator[tuple[str, Any]]:
    """Yield the names and values of the fields of a dataclass that are not at their default."""
    for field in dataclasses.fields(one):  # type: ignore[arg-type]
        value = getattr(one, field.name)
        if value != field.default:
            yield field.name, value


def unknown_to(engine: str, one: object, kind: type) -> Iterator[str]:
    """Yield the fields of `kind` that are not at their default and that an engine does not know.

    Fields that a subclass of `kind` adds are left out. The fields of a value that holds several settings are
    named `name.field`.

    >>> from tv2sim.world.scenario import Scenario
    >>> from tv2sim.world.scenario_parts import Faults
    >>> scenario = Scenario(faults=Faults(startup=0.1, publishing=0.2), until=60)
    >>> list(unknown_to("kernel", scenario, Scenario))
    ['faults.publishing']
    """
    for field in dataclasses.fields(kind):
        value = getattr(one, field.name)
        if value == field.default:
            continue
        if engine not in field.metadata.get("engines", SIMPY_ALONE):
            yield field.name
        elif isinstance(value, Fields) and not value._is_one_value:
            yield from (f"{field.name}.{inner}" for inner in unknown_to(engine, value, type(value)))


def in_short(one: object) -> str:
    """Return the fields of a dataclass that are not at their default, as ``name=value``."""
    return ", ".join(
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in _changed(one)
    )


def within(name: str, value: object) -> dict[str, Any]:
    """Return the settings of a dataclass by the names `name.field`; nothing for a single value.

    >>> from tv2sim.world.scenario_parts import RetryLater
    >>> within("hand_over", RetryLater(after=1, attempts=3))
    {'hand_over.after': 1.0, 'hand_over.factor': 1.0, 'hand_over.at_most': None, 'hand_over.attempts': 3}
    >>> within("encoders", 10)
    {}
    """
    if not isinstance(value, Fields) or value._is_one_value:
        return {}
    return {f"{name}.{field.name}": getattr(value, field.name) for field in dataclasses.fields(value)}  # type: ignore[arg-type]


def label_of(one: object, name: str) -> str:
    """Return the label of a field (or of `name.field`) in lower case; without a label, its name in words."""
    holder, _, inner = name.partition(".")
    if inner:
        return label_of(getattr(one, holder), inner)
    found = (field.metadata.get("label") for field in dataclasses.fields(one) if field.name == name)  # type: ignore[arg-type]
    label = next(found, "") or ""
    return label[:1].lower() + label[1:] or name.replace("_", " ")


def with_value(one: T, name: str, value: object) -> T:
    """Return a copy of a dataclass with one field (or `name.field`) changed; the copy is checked.

    >>> from tv2sim.world.scenario import Scenario
    >>> with_value(Scenario(), "faults.startup", 0.1)
    Scenario(faults=Faults(startup=0.1))
    """
    holder, _, inner = name.partition(".")
    changed = with_value(getattr(one, holder), inner, value) if inner else value
    return dataclasses.replace(one, **{holder: changed})  # type: ignore[type-var]


def with_changes(one: T, what: str, changes: Mapping[str, Any], *, error: type[InputError]) -> T:
    """Return a copy of a dataclass with some fields changed; raise `error` if it has no such field."""
    known = [field.name for field in dataclasses.fields(one)]  # type: ignore[arg-type]
    check_names(what, changes, known, error=error)
    return dataclasses.replace(one, **changes)  # type: ignore[type-var]
