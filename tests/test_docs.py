"""The pages of the documentation against the code: packages, names and paths that they mention exist."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

from rcd_ros.formats.registry import FORMATS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LAYERS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]["layers"]
_DIVIDED = ("nodes",)
"""Packages whose sub-packages are packages."""


def _packages(folder: Path) -> set[str]:
    return {file.parent.name for file in folder.glob("*/__init__.py")}


def _packages_of_page() -> list[str]:
    table = (ROOT / "docs" / "architecture.md").read_text().split("## From a demonstration")[0]
    return re.findall(r"^\| `([a-z_.]+)` \|", table, re.MULTILINE)


def test_the_table_of_packages_lists_the_packages_of_the_tree() -> None:
    package = ROOT / "rcd_ros"
    packages = _packages(package) - set(_DIVIDED)
    packages |= {f"{divided}.{each}" for divided in _DIVIDED for each in _packages(package / divided)}
    assert sorted(_packages_of_page()) == sorted(packages)


def test_the_table_of_packages_is_in_the_order_of_the_contract() -> None:
    layers = [name.removeprefix("rcd_ros.") for layer in LAYERS for name in layer.split(" | ")]
    ranks = [layers.index(name.split(".")[0]) for name in _packages_of_page()]
    assert ranks == sorted(ranks)


def test_the_way_of_a_demonstration_never_goes_back_to_a_package() -> None:
    way = (ROOT / "docs" / "architecture.md").read_text().split("## From a demonstration")[1].split("\n## ")[0]
    steps = re.findall(r"^\| (\d+) \| `([a-z_.]+)` \|.*\[rcd_ros\.([a-z_.]+)", way, re.MULTILINE)
    assert [int(number) for number, _, _ in steps] == list(range(1, len(steps) + 1)) and len(steps) > 5
    packages = [name for _, name, _ in steps]
    assert all(link.startswith(name) for _, name, link in steps)
    assert len(set(packages)) == sum(here != before for here, before in zip(packages, [None, *packages], strict=False))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_names_and_paths_on_a_page_exist(page: Path) -> None:
    text = page.read_text()
    for name in [*re.findall(r"\]\[(rcd_ros[\w.]*)\]", text), *re.findall(r"^::: ([\w.]+)$", text, re.MULTILINE)]:
        assert _is_defined(name), name
    for path in re.findall(r"`((?:rcd_ros|tests|config|docs|models|launch)/[\w./-]+)`", text):
        assert (ROOT / path).exists(), path
    for link in re.findall(r"\]\(([\w./-]+\.(?:md|png|yaml))[)#]", text):
        assert (page.parent / link).exists(), link


def test_tests_that_the_pages_name_exist() -> None:
    here = {file.name: file.read_text() for file in (ROOT / "tests").rglob("*.py")}
    for page in PAGES:
        for name in re.findall(r"\b(test_\w+(?:\.py)?)", page.read_text()):
            assert name in here or any(f"def {name}(" in text for text in here.values()), f"{page.name}: {name}"


def test_the_page_on_columns_has_the_keys_of_every_format() -> None:
    columns = (ROOT / "docs" / "own_robot.md").read_text().split("### columns")[1].split("\n### ")[0]
    assert {each.name for each in FORMATS} <= set(re.findall(r"^\| `(\w+)` \|", columns, re.MULTILINE))


def _is_defined(name: str) -> bool:
    """Whether `name` is a module, or defined at the top level of one; the module itself is not imported."""
    parent, _, member = name.rpartition(".")
    spec = importlib.util.find_spec(parent)
    if spec is None or spec.origin is None:
        return False
    if spec.submodule_search_locations is not None:
        return importlib.util.find_spec(name) is not None
    return bool(re.search(rf"^(class|def) {member}\b|^{member}\b.*=", Path(spec.origin).read_text(), re.MULTILINE))
