"""What the tasks are: their structures, codes, and the rules that anatomy adds to a network's scores.

Folders that ``NEUROSPINESEG_TASKS`` (a path list) names hold more of them; what they hold is run.
"""

import os

__path__ += [os.path.abspath(folder) for folder in os.environ.get("NEUROSPINESEG_TASKS", "").split(os.pathsep) if folder]
