"""The documents, and the scripts beside them that make parts of them from the code."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[2] / "docs"


def script(name: str) -> Any:
    """Import a script of the documents, which are no package."""
    return load_script(DOCS / f"{name}.py")


def load_script(file: Path) -> Any:
    """Import a script from its file."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
