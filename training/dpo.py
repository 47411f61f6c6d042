"""Learn a character from pairs of answers (DPO): one process, started by argv.

python -m training.dpo --config FILE         the entries: `training.train.FIELDS`; "-" reads stdin
"""

from __future__ import annotations

import sys
from functools import partial

from training.job import main

if __name__ == "__main__":
    from training.train import train

    sys.exit(main("dpo", partial(train, "dpo")))
