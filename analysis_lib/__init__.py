"""Statistical forensics for disputed candidate selections.

The public door is thin on purpose: `analysis_lib.case.open_case`, `analysis_lib.methods`,
`analysis_lib.wording`, `analysis_lib.charts` and `analysis_lib.reports.record` are what the
notebooks use. Importing this package loads none of them.
"""

import sys

__version__ = "0.1.0"  # a test holds it equal to pyproject.toml

# jupyterlab brings in rfc3987-syntax, and jsonschema, which altair, nbformat and papermill all load,
# then builds a grammar of the whole IRI standard at import: more than a second in every process of a
# report. It only checks the form of web addresses inside JSON schemas, which nothing here relies on.
# None makes the import fail, and jsonschema then goes on without that one check.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
