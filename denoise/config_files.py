"""Where the YAML files under configs/ lie: in the checkout, or inside the installed package."""

from pathlib import Path


def configs() -> Path:
    """The folder of configuration files.

    >>> sorted(path.name for path in configs().iterdir())
    ['clean', 'corruptions', 'grids', 'models', 'runs']
    """
    installed = Path(__file__).parent / "configs"
    return installed if installed.is_dir() else Path(__file__).parent.parent / "configs"
