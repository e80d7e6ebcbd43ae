"""Any source as a frame: delimited text, Parquet, vector files and frames behind one call."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from clustermap.errors import InputError, plural
from clustermap.sources.files import open_source
from clustermap.sources.texts import read_text_table

if TYPE_CHECKING:
    from clustermap.sources.files import Opened

__all__ = ["Loaded", "load"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A frame and where it came from.

    Attributes
    ----------
    frame : pandas.DataFrame or geopandas.GeoDataFrame
        The rows; a given frame is not copied and must not be changed.
    name : str
        File name without folders; empty for a frame.
    from_file : bool
        Whether the index is only a row number.
    notes : tuple of str
        What was detected.
    metadata : dict
        Key-value metadata of a Parquet file.
    """

    frame: Any
    name: str
    from_file: bool
    notes: tuple[str, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)


def load(source: Any, *, what: str) -> Loaded:
    """Load a path or a frame.

    Raises
    ------
    InputError
        CM-FILE-002 … 008 for files (see :mod:`clustermap.sources.files`), CM-FILE-009 several layers,
        CM-INPUT-001 for anything that is neither path nor frame.
    """
    if isinstance(source, pd.DataFrame):
        if not len(source):
            raise InputError("CM-FILE-003", f"{what}: the frame has no rows", fix="pass a frame with rows")
        twice = sorted({str(c) for c in source.columns[source.columns.duplicated()]})
        if twice:
            raise InputError(
                "CM-FILE-008",
                f"{what}: the frame names {plural(len(twice), 'column')} twice: {', '.join(twice[:5])}",
                fix="frame.loc[:, ~frame.columns.duplicated()]",
            )
        return Loaded(frame=source, name="", from_file=False)
    if not isinstance(source, str | Path):
        raise InputError(
            "CM-INPUT-001",
            f"{what}: a {type(source).__name__} is neither a path nor a frame",
            fix="pass a path, a DataFrame or a GeoDataFrame",
        )
    opened = open_source(source)
    if opened.kind == "table":
        frame, notes = read_text_table(opened)
        return Loaded(frame=frame, name=opened.name, from_file=True, notes=notes)
    loaded = _parquet(opened) if opened.kind == "parquet" else _vector(opened)
    if not len(loaded.frame):
        raise InputError("CM-FILE-003", f"{opened.name!r} has no rows", fix="export it again")
    return loaded


def _parquet(opened: Opened) -> Loaded:
    def stream() -> Any:
        return io.BytesIO(opened.content) if opened.content is not None else str(opened.path)

    try:
        raw = pq.read_schema(stream()).metadata or {}
        frame = gpd.read_parquet(stream()) if b"geo" in raw else pq.read_table(stream()).to_pandas()
    except (pa.ArrowException, ValueError, OSError) as error:
        raise _unreadable(opened.name, error) from error
    metadata = {
        k.decode(errors="replace"): v.decode(errors="replace")
        for k, v in raw.items()
        if k not in (b"geo", b"pandas", b"ARROW:schema")
    }
    return Loaded(frame=frame, name=opened.name, from_file=True, metadata=metadata)


def _vector(opened: Opened) -> Loaded:
    import pyogrio

    target: Any = opened.content if opened.content is not None else opened.path
    try:
        layers = [str(row[0]) for row in pyogrio.list_layers(target)]
        if len(layers) == 1:
            frame = gpd.read_file(target, engine="pyogrio")
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError, OSError) as error:
        raise _unreadable(opened.name, error) from error
    if len(layers) != 1:
        raise InputError(
            "CM-FILE-009",
            f"{opened.name!r} holds {plural(len(layers), 'layer')}: {', '.join(layers[:15])}",
            why="which of them is meant cannot be known",
            fix=f'pass geopandas.read_file("{opened.name}", layer="{layers[-1] if layers else "…"}")',
        )
    if not isinstance(frame, gpd.GeoDataFrame):
        frame = pd.DataFrame(frame)
    return Loaded(frame=frame, name=opened.name, from_file=True)


def _unreadable(name: str, error: Exception) -> InputError:
    reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return InputError(
        "CM-FILE-004", f"{name!r} cannot be read: {reason}", fix="download or export the file again"
    )
