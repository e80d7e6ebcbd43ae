"""Run every notebook from top to bottom in a fresh kernel; outputs go to ``out/notebooks``, never into the checkout."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
OUT = HERE.parent / "out" / "notebooks"


def main() -> int:
    """Execute them all; an error in a cell ends the run."""
    os.environ["MPLBACKEND"] = (
        "module://matplotlib_inline.backend_inline"  # pictures stand in the executed copy
    )
    OUT.mkdir(parents=True, exist_ok=True)
    for file in sorted(HERE.glob("*.ipynb")):
        book = nbformat.read(file, as_version=4)
        NotebookClient(
            book, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(HERE)}}
        ).execute()
        nbformat.write(book, OUT / file.name)
        cells = sum(cell.cell_type == "code" for cell in book.cells)
        print(f"{file.name}: {cells} cells ran")
    return 0


if __name__ == "__main__":
    sys.exit(main())
