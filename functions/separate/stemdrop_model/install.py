"""Install a model: fetch its weights, build its network, and keep the network only."""

from pathlib import Path

import platformdirs

from stemdrop_model.fetch import fetch, is_pinned
from stemdrop_model.manifest import CHECK, FROZEN, NETWORK_FILES, is_current
from stemdrop_model.sources import OnProgress
from stemdrop_model.weights import Weights
from stemdrop_model.whole import staging

CACHE = platformdirs.user_cache_path("stemdrop", appauthor=False)
CHECKOUT = (Path(__file__).parent / "../../../build").resolve()


def default_folder() -> Path:
    """Return the folder of `make models` in a checkout, and one in the user's cache elsewhere."""
    return (CHECKOUT if CHECKOUT.is_dir() else CACHE) / "models"


def install(weights: Weights, into: Path, on_progress: OnProgress = lambda *_: None) -> bool:
    """Put a model into a folder, and return whether it wasn't there.

    Parameters
    ----------
    weights : Pinned weights of the model.
    into : Folder of the models. If the folder ``weights`` next to it has a folder with the weights
        of the model, they aren't fetched.
    on_progress : Function that takes the bytes fetched so far, and all bytes if their number is
        known.

    Raises
    ------
    ModelError : The weights can't be fetched, or the network isn't the pinned one.
    """
    from stemdrop_model.build import build  # imports what a model that is there doesn't need

    copied = into.parent / "weights" / weights.model
    with staging(into, f"{weights.model}.weights") as partial:
        if is_current(weights, into):
            return False
        folder = copied if is_pinned(weights, copied) else fetch(weights, partial, on_progress)
        build(weights.model, folder, into, proven=weights.network)
    return True


def remove(model: str, folder: Path) -> int:
    """Remove a model and its weights, and return their size in bytes.

    Of a symbolic link to a folder with the weights, only the link is removed.
    """
    files = [folder / f"{model}{suffix}" for suffix in (".json", *NETWORK_FILES, CHECK, FROZEN)]
    weights = folder.parent / "weights" / model
    if weights.is_symlink():
        weights.unlink()
    files += (path for path in weights.glob("*") if path.is_symlink() or not path.is_dir())
    size_bytes = 0
    for path in files:
        size_bytes += path.stat().st_size if path.is_file() else 0
        path.unlink(missing_ok=True)
    if weights.is_dir() and not any(weights.iterdir()):
        weights.rmdir()
    return size_bytes
