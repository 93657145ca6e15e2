"""From a path, a stream, a table or records to a catalogue, with the lines that were rejected."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain, islice

import msgspec

from tv2sim.base.errors import CatalogueError
from tv2sim.catalogue.columns import Given, a_timezone
from tv2sim.catalogue.importing import imported
from tv2sim.catalogue.judging import Entry, as_bytes, judged, no_video
from tv2sim.catalogue.sources import Digest, Reading, Source, is_table, opened
from tv2sim.catalogue.videos import Catalogue, Rejected, Video

__all__ = ["read_catalogue"]


def read_catalogue(source: Source | Catalogue, *, columns: Given = None, name: str | None = None) -> Catalogue:
    r"""Read a catalogue of videos, or a log of jobs that others wrote.

    Parameters
    ----------
    source : path, "-", open file, Arrow data or records
        JSON in UTF-8 (a byte order mark, CRLF and blank lines do no harm) from a path, from an open file, or
        with ``"-"`` from standard input: one object a line, lists of objects, or objects in any layout. Or a
        table (a DataFrame, a ``pyarrow.Table``, or anything that has ``__arrow_c_stream__``), or an iterable
        of mappings, whose fields may be spelled ``encodingTime`` or ``encoding_time``. A file whose name ends
        in .csv, .tsv or .parquet is read as such. Gzip is unpacked. Further fields are ignored.
    columns : str, mapping or path, optional
        What fields are made of if they are no columns of their own name:
        ``"id=job_id,submittedAt=created_at,publishingTime=finished_at-started_at,publicationTimeout=30"``, a
        dictionary of the same, a mapping file, or the name of one that ships, as ``"gitlab"``. ISO times and
        epochs become seconds from the first. A mapping file may name the key of the list of records that a
        JSON object holds, as ``records = "jobs"``.
    name : str, optional
        The name of the catalogue; default is the file's name.

    Returns
    -------
    Catalogue
        The valid videos in their order. Its ``rejected`` has the line number, the reason and the text of each
        line that is not valid: it is not JSON, a field is missing or of a wrong type, the encoding time is
        below 0, the timeout is 0 or less, a time is longer than 2**32 s or not finite, the id is empty or was
        seen before; or, with a mapping, a column is missing or holds no time or number, or the mapping leaves
        the line out. A record has the number of the line in which it begins. Rows of a DataFrame or of Parquet
        count as lines.

    Raises
    ------
    CatalogueError
        If the source cannot be read, no line of it is a valid video, or the mapping is wrong.

    Examples
    --------
    >>> video = {"id": "a", "title": "News", "provider": "TV 2", "encodingTime": 3, "publicationTimeout": 9}
    >>> catalogue = read_catalogue([video, video, {"id": "b"}])
    >>> len(catalogue)
    1
    >>> for rejected in catalogue.rejected:
    ...     print(rejected.line, rejected.reason)
    2 the id 'a' was seen before, in line 1
    3 the field publicationTimeout is missing

    >>> job = {"job": 7, "created": "2026-03-02T08:00:00Z", "wait": {"most": 30}}
    >>> columns = "id=job,submittedAt=created,publicationTimeout=wait.most"
    >>> read_catalogue([job], columns=columns).frame.iloc[0].to_dict()
    {'id': '7', 'title': '', 'provider': '', 'publication_timeout': 30.0, 'submitted_at': 0.0}
    """
    if isinstance(source, Catalogue):
        if columns is not None:
            raise CatalogueError("columns= is for what is not read yet, and this is a Catalogue")
        return source if name is None else Catalogue(source, source.rejected, name, timezone=source.timezone)
    if columns is not None or is_table(source):
        return imported(source, columns).catalogue(name)
    digest, timezone = Digest(), None
    with opened(source) as (stream, label):
        found = Reading(stream, label, digest).records()
        for number, first in islice(found, 1):
            timezone, found = _timezone(first), chain([(number, first)], found)
        outcomes = list(judged(found))
    videos = [outcome for outcome in outcomes if isinstance(outcome, Video)]
    rejected = [outcome for outcome in outcomes if isinstance(outcome, Rejected)]
    if not videos:
        raise CatalogueError(no_video(label, rejected))
    return Catalogue(videos, rejected, name or label, digest.value, timezone)


class _First(msgspec.Struct):
    """What the first line of a catalogue may say of all of it."""

    timezone: str


def _timezone(first: Entry) -> str | None:
    """Return the time zone of which the first entry tells; as any further field, it may be something else."""
    try:
        if isinstance(first, bytes | str):
            return a_timezone(_decode(as_bytes(first).removeprefix(b"\xef\xbb\xbf")).timezone)
        return a_timezone(first["timezone"]) if isinstance(first, Mapping) and "timezone" in first else None
    except (CatalogueError, msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


_decode = msgspec.json.Decoder(_First).decode
