"""Run one notebook in a process of its own: python -m analysis_lib.reports.chapter SOURCE TARGET PARAMETERS

`python -m papermill` would do the same more slowly: it can't be told to leave out the grammar that
`analysis_lib` keeps from being built at import.
"""

import json
import sys


def main(source: str, target: str, parameters: str) -> int:
    """Execute the notebook; on a failing cell print the error's last line and return 1."""
    import papermill
    from papermill.exceptions import PapermillExecutionError

    try:
        papermill.execute_notebook(
            source, target, json.loads(parameters), kernel_name="python3", language="python", cwd=".", progress_bar=False
        )
    except PapermillExecutionError as error:
        print(f"{error.ename}: {error.evalue}".strip().splitlines()[-1])
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
