"""Wheels: which ones pip would install, and what is said when pip fails."""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

NO_NETWORK = re.compile(
    r"NewConnectionError|ConnectTimeout|ReadTimeout|ProxyError|Temporary failure|Name or service|getaddrinfo|Max retries"
    r"|Connection (?:aborted|refused|reset|broken)|Network is unreachable|SSLError|CERTIFICATE|IncompleteRead|HTTP error|timed out",
    re.IGNORECASE,
)
FULL_DISK = re.compile(r"No space left|\[Errno 28\]|not enough space", re.IGNORECASE)
NOT_FOUND = re.compile(r"No matching distribution found for ([\w.\-\[\]]+)")


@dataclass(frozen=True)
class Wheel:
    """A wheel that pip chose.

    Attributes:
        name: of the package.
        version: with its local label, such as ``2.13.0+cpu``.
        url: where it lies.
        sha256: its checksum; empty where the index tells none.
    """

    name: str
    version: str
    url: str
    sha256: str

    @property
    def file(self) -> str:
        return unquote(urlsplit(self.url).path.rpartition("/")[2])

    @property
    def checked_url(self) -> str:
        """The address with the checksum that pip is to verify."""
        return f"{self.url}#sha256={self.sha256}" if self.sha256 else self.url

    def is_whole(self, path: Path) -> bool:
        """Whether a file is this wheel; without a checksum, whether it is an archive at all."""
        if not path.is_file():
            return False
        if not self.sha256:
            return zipfile.is_zipfile(path)
        with open(path, "rb") as opened:
            digest = hashlib.sha256()
            while block := opened.read(2**20):
                digest.update(block)
        return digest.hexdigest() == self.sha256


def wheels_of(report: Mapping[str, Any]) -> list[Wheel]:
    """What ``pip install --dry-run --report`` would install, by name."""
    found = []
    for item in report["install"]:
        archive = item["download_info"].get("archive_info", {})
        checksum = archive.get("hashes", {}).get("sha256", "")
        found.append(Wheel(item["metadata"]["name"], item["metadata"]["version"], item["download_info"]["url"], checksum))
    return sorted(found, key=lambda wheel: wheel.name.lower())


def reason_of(log: str) -> tuple[str, str]:
    """Why pip failed: ``network``, ``disk``, ``missing`` with the package, or ``other`` with pip's last complaint."""
    if NO_NETWORK.search(log):
        return "network", ""
    if FULL_DISK.search(log):
        return "disk", ""
    if found := NOT_FOUND.search(log):
        return "missing", found[1]
    complaints = [line.removeprefix("ERROR:").strip() for line in log.splitlines() if line.startswith("ERROR:")]
    return "other", (complaints or log.splitlines() or [""])[-1].rstrip(".")
