"""``python -m clustermap``."""

from clustermap.cli import main

main()
