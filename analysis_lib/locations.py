"""Where the files that come with the library lie: in the repository, or inside the installed package."""

from pathlib import Path

_HERE = Path(__file__).resolve().parent
_ROOT = _HERE.parent if (_HERE.parent / "data_schema" / "datapackage.json").is_file() else _HERE

DATA_SCHEMA = _ROOT / "data_schema"
EXAMPLES = DATA_SCHEMA / "examples"
NOTEBOOKS = _ROOT / "notebooks"
CALIBRATION = (_HERE if _ROOT == _HERE else _ROOT / "tests" / "golden") / "calibration_offices.csv"
