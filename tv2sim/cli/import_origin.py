"""What ``tv2sim import`` has written: a record beside each output says of which log and mapping it is."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tv2sim.base.errors import OutputError
from tv2sim.base.storage import read_file, resolved, whole_file

if TYPE_CHECKING:
    from tv2sim.catalogue.columns import Columns

__all__ = ["Origin"]


class _Record(msgspec.Struct):
    """The content of a record: hashes of where an output is from, and of what was written."""

    origin: str
    sha256: str


class Origin:
    """A log and a mapping. The log is known by its path, since it may have grown; standard input is not."""

    def __init__(self, log: str, columns: Columns) -> None:
        self._is_file = log != "-"
        self._hash = hashlib.sha256(
            repr((str(resolved(Path(log))), columns)).encode("utf-8", "replace")
        ).hexdigest()

    def made(self, output: Path) -> bool:
        """Return whether a file is an unchanged output of this log and mapping."""
        record = _read(output)
        return self._is_file and record is not None and record == self._record_of(output)

    def sign(self, name: str | None) -> None:
        """Write the record of an output; where that is not possible, the next import needs --force."""
        if name is not None and self._is_file:
            output = resolved(Path(name))
            with (
                suppress(OutputError, OSError),
                whole_file(_beside(output), force=False, ours=lambda _: _read(output) is not None) as draft,
            ):
                draft.write_bytes(msgspec.json.encode(self._record_of(output)))

    def _record_of(self, output: Path) -> _Record:
        return _Record(self._hash, hashlib.sha256(read_file(output)).hexdigest())


def _beside(output: Path) -> Path:
    return output.with_name(f".{output.name}.imported")


def _read(output: Path) -> _Record | None:
    """Return the record beside an output; None without a valid record."""
    try:
        return msgspec.json.decode(read_file(_beside(output), 1000), type=_Record)
    except (OSError, msgspec.MsgspecError):
        return None
