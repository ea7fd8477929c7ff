"""Read and write: files, folders and frames of any kind, at this door only.

`read` gives polars frames and a `FrameKind` that remembers what came in; `restore` gives that kind
of frame again, with the same dtypes. What a cell said is never changed in silence: what cannot be
kept is refused, or said in `Source.notes`.
"""

from neotype.source.kind import FrameKind, Source
from neotype.source.read import read
from neotype.source.restore import restore
from neotype.source.write import WRITABLE, write, write_tables

__all__ = ["WRITABLE", "FrameKind", "Source", "read", "restore", "write", "write_tables"]
