"""Looks for known faults of the installed packages with pip-audit, where that is installed and its database can be reached.

    python -m Testing.audit

Exit codes: 0 nothing known, or it could not be asked (a notice says so); 1 a package has a known fault.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

SECONDS = 300
NOTICE = "::notice::" if sys.stdout is not None and not sys.stdout.isatty() else ""
"""How a workflow on GitHub marks a line."""


def main() -> int:
    if importlib.util.find_spec("pip_audit") is None:
        return _not_asked("pip-audit is not installed (python -m pip install pip-audit)")
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off", "--skip-editable"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
        packages = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError, TypeError):
        return _not_asked("its database cannot be reached")
    return told(packages)


def told(packages: list[dict]) -> int:
    """Prints the packages with known faults; 1 where there are any."""
    faulty = [each for each in packages if each.get("vulns")]
    for each in faulty:
        for fault in each["vulns"]:
            print(
                f"{each['name']} {each.get('version', '')}: {fault['id']}, mended in {', '.join(fault.get('fix_versions', [])) or 'no version yet'}"
            )
    if not faulty:
        print(f"No fault is known of the {len(packages)} installed packages.")
    return 1 if faulty else 0


def _not_asked(why: str) -> int:
    print(f"{NOTICE}The packages were not audited, since {why}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
