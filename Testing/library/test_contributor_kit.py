"""The pages for contributors agree with the project: versions, links, the commands that the workflow runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

import neurospineseg

ROOT = Path(__file__).resolve().parents[2]
KIT = ROOT / ".github"
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)[^)]*\)")


def links() -> list[tuple[Path, str]]:
    pages = [
        ROOT / "README.md",
        *KIT.glob("*.md"),
        *(ROOT / "Resources" / "docs").glob("*.md"),
        *(ROOT / "Resources" / "Training" / "docs").glob("*.md"),
    ]
    return [(page, target) for page in pages for target in LINK.findall(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("page, target", [pytest.param(page, target, id=f"{page.name}-{target}") for page, target in links()])
def test_a_link_leads_somewhere(page: Path, target: str) -> None:
    assert (page.parent / target).exists()


def test_the_citation_names_this_version_and_license() -> None:
    citation = yaml.safe_load((KIT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == neurospineseg.__version__
    assert citation["license"] in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert citation["repository-code"] in (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")


def test_the_workflow_runs_the_tests_of_the_readme_on_three_systems() -> None:
    job = yaml.safe_load((KIT / "workflows" / "test.yml").read_text(encoding="utf-8"))["jobs"]["test"]
    assert {name.partition("-")[0] for name in job["strategy"]["matrix"]["system"]} == {"ubuntu", "windows", "macos"}
    assert [step["run"] for step in job["steps"] if "bootstrap" in step.get("run", "")] == ["python Resources/bootstrap.py test"]


def test_the_hooks_run_what_the_test_of_style_runs() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    assert [hook["name"] for hook in hooks] == ["ruff check", "ruff format", "mypy"]
