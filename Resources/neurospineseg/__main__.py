"""``python -m neurospineseg``: the same as the command ``neurospineseg``."""

from neurospineseg.cli.main import main

raise SystemExit(main())
