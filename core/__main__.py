"""`python -m core VERB` is `character VERB`."""

from core.cli import main

main()
