"""Simulate when to start single-use publishers, how many to keep warm, and for whom.

A discrete-event simulation of a chain of client, encoders and pre-warmed publishers with deadlines:

>>> import tv2sim as tv
>>> catalogue = tv.generate_catalogue()
>>> run = tv.simulate(catalogue, "2c", tv.Scenario(encoders=10), seed=1)
>>> print(run.stats)
stats: client_parse_errors=0 client_submitted=154 encoded=154 published=153 publish_failed=1

Importing it loads nothing else: each public name, listed in ``__init__.pyi``, is fetched when it is first used.
"""

# Nothing is imported here at once: Ctrl-C while the command starts would show a traceback.

__version__ = "0.2.0"

_room_of: dict[str, str] = {}


def _rooms() -> dict[str, str]:
    """Return the module of each public name, as ``__init__.pyi`` has it."""
    if not _room_of:
        import ast
        from importlib.resources import files

        stub = ast.parse(files(__name__).joinpath("__init__.pyi").read_text(encoding="utf-8"))
        imports = (node for node in stub.body if isinstance(node, ast.ImportFrom))
        _room_of.update({alias.name: str(node.module) for node in imports for alias in node.names})
    return _room_of


def __getattr__(name: str) -> object:
    if name == "__all__":
        return [public for public in _rooms() if public != "plots"]  # which loads matplotlib
    if name.startswith("_") or name not in _rooms():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    room = _rooms()[name]
    given = vars(import_module(room))
    value = given[name] if name in given else import_module(f"{room}.{name}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(_rooms())
