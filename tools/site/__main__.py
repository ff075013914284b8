"""``python -m tools.site`` builds the documentation site into ``site``, and fails if something in it leads nowhere."""

import sys

from tools.reference.markdown import DOCS
from tools.site.build import build, prepare

problems = prepare(DOCS.parent) or build(DOCS.parent)
for problem in problems:
    print(problem)
sys.exit(1 if problems else 0)
