"""Do the statistics of evaluation keep their promises where the truth is known? See `__main__`."""

import os

# Figures are for one core; numpy reads this when it is first imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
