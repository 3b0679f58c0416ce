"""`python -m fshunt` is the command `fshunt`."""

from __future__ import annotations

from fshunt.cli.main import main

if __name__ == "__main__":
    main()
