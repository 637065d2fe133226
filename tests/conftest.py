"""Settings for every test, made before numpy is imported."""

import os

# One thread for linear algebra, as in a report's own processes: the matrices are small, and threads that
# wait for each other on a busy machine make a fit of a quarter of a second take a minute.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "1")
