"""The page for developers names the folders of `streams/` and every module in the row of its folder."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
_ROW = re.compile(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|$", re.M)


def told() -> dict[str, list[str]]:
    text = (ROOT / "docs" / "developer.md").read_text(encoding="utf-8")
    table = text.partition("### The folders of `streams/`")[2].partition("\n## ")[0]
    return {folder: sorted(re.findall(r"`([^`]+)`", modules)) for folder, modules in _ROW.findall(table)}


def there() -> dict[str, list[str]]:
    """A module by its name, a folder of modules with a stroke behind it."""
    found = {}
    for folder in (each for each in (ROOT / "streams").iterdir() if each.is_dir() and each.name != "__pycache__"):
        files = [each for each in folder.iterdir() if each.suffix in (".py", ".sql")]
        if not files:  # what a checkout keeps of a folder that was moved
            continue
        modules = [each.stem for each in files if each.stem != "__init__"]
        packages = [f"{each.parent.name}/" for each in folder.glob("*/__init__.py")]
        found[folder.name] = sorted(modules + packages)
    return found


def test_one_row_for_each_folder_and_in_it_every_module() -> None:
    assert told() == there()
