"""The entry for Slicer's Extensions Index says what CMake says, and every address names the one repository."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = "https://github.com/NeuroSpineSeg/SlicerNeuroSpineSeg"
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def entry() -> dict:
    return json.loads((ROOT / ".github" / "NeuroSpineSeg.json").read_text(encoding="utf-8"))


@pytest.fixture
def settings() -> dict[str, list[str]]:
    """Values of the ``EXTENSION_...`` variables of CMake."""
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    return {name: re.findall(r'"([^"]*)"', values) for name, values in re.findall(r"set\(EXTENSION_(\w+)([^)]*)\)", text)}


def test_the_entry_agrees_with_cmake(entry: dict, settings: dict[str, list[str]]) -> None:
    assert entry["build_dependencies"] == settings["DEPENDS"]
    assert [entry["category"]] == settings["CATEGORY"]
    assert entry["scm_url"] == f"{REPOSITORY}.git"
    assert settings["HOMEPAGE"] == [REPOSITORY]


def test_the_entry_has_the_keys_of_the_schema(entry: dict) -> None:
    assert entry["$schema"].endswith("slicer-extension-catalog-entry-schema-v1.0.2.json#")
    assert set(entry) == {"$schema", "build_dependencies", "build_subdirectory", "category", "scm_revision", "scm_url", "tier"}
    assert entry["tier"] == 1


def test_icon_and_screenshots_are_pngs_of_this_repository(settings: dict[str, list[str]]) -> None:
    prefix = f"{REPOSITORY.replace('github.com', 'raw.githubusercontent.com')}/main/"
    assert len(settings["SCREENSHOTURLS"]) == 3
    for address in settings["ICONURL"] + settings["SCREENSHOTURLS"]:
        assert address.startswith(prefix)
        assert (ROOT / address.removeprefix(prefix)).read_bytes().startswith(PNG)


def test_no_other_address_of_the_repository_is_left() -> None:
    try:
        listed = subprocess.run(["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("git is not here or this is no clone")
    texts = [path for path in listed if path.endswith((".md", ".txt", ".cff", ".json", ".toml", ".yml", ".py"))]
    former = "NeuroSpineSeg/" + "NeuroSpineSeg"
    assert [path for path in texts if (ROOT / path).is_file() and f"github.com/{former}" in (ROOT / path).read_text(encoding="utf-8")] == []
