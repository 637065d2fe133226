"""Run one notebook in a process of its own: python -m analysis_lib.reports.chapter SOURCE TARGET PARAMETERS

`python -m papermill` would do the same more slowly: it can't be told to leave out the grammar that
`analysis_lib` keeps from being built at import.
"""

import json
import sys

STARTS = 3  # kernels that start at the same moment may draw the same port, and one of them dies before it has run anything
DIED_AT_START = "Kernel died before replying to kernel_info"


def main(source: str, target: str, parameters: str) -> int:
    """Execute the notebook; on a failing cell print the error's last line and return 1."""
    import papermill
    from papermill.exceptions import PapermillExecutionError

    for start in range(1, STARTS + 1):
        try:
            papermill.execute_notebook(
                source, target, json.loads(parameters), kernel_name="python3", language="python", cwd=".", progress_bar=False
            )
        except PapermillExecutionError as error:
            print(f"{error.ename}: {error.evalue}".strip().splitlines()[-1])
            return 1
        except RuntimeError as error:
            if start == STARTS or DIED_AT_START not in str(error):
                raise
        else:
            break
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
