"""Learn from conversations (SFT), the loss on what the assistant says: one process, started by argv.

python -m training.sft --config FILE         the entries: `training.train.FIELDS`; "-" reads stdin
"""

from __future__ import annotations

import sys
from functools import partial

from training.job import main

if __name__ == "__main__":
    from training.train import train

    sys.exit(main("sft", partial(train, "sft")))
