"""``python -m neurospineseg``: the same as the command ``neurospineseg``."""

from neurospineseg.cli import main

raise SystemExit(main())
