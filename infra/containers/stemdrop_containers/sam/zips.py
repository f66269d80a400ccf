"""Put compiled files into what `sam build` made, as SAM leaves them out.

    python -m stemdrop_containers.sam.zips [FOLDER]

Without them every cold start compiles all modules anew, a second and more, for Lambda keeps none.
They are checked against nothing, so that the dates of the files in a zip don't matter, and the same
sources give the same zip. This takes the Python of the function's runtime.
"""

import compileall
import sys
from pathlib import Path
from py_compile import PycInvalidationMode

from stemdrop_local.template import ROOT

from stemdrop.errors import SetupError

BUILT = ROOT / ".aws-sam" / "build"
RUNTIME = (3, 11)
# What SAM built, to where Lambda puts it.
ZIPS = {"ApiFunction": "/var/task", "CoreLayer": "/opt"}


class ZipError(SetupError):
    """The zips can't be compiled."""

    code = "zips"


def compile_zips(folder: Path = BUILT) -> None:
    """Compile all modules of the API's zip and its layer.

    Raises
    ------
    ZipError : there is nothing, a module is broken, or this is another Python than the function's.
    """
    if sys.version_info[:2] != RUNTIME:
        raise ZipError("The API's files have to be compiled by Python 3.11, as its runtime is.")
    for name, place in ZIPS.items():
        if not (folder / name).is_dir():
            raise ZipError(f"There is no {folder / name}: run `sam build` first.")
        compiled = compileall.compile_dir(
            str(folder / name),
            maxlevels=20,
            quiet=1,
            stripdir=str(folder / name),
            prependdir=place,
            invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
        )
        if not compiled:
            raise ZipError(f"Not all of {folder / name} can be compiled.")


if __name__ == "__main__":
    compile_zips(*(Path(word) for word in sys.argv[1:]))
