"""Self tests inside 3D Slicer; see README.md beside this file.

Slicer --testing --no-splash --additional-module-paths SubcorticalSeg SpineSeg TumorSeg --python-script Testing/slicer/self_tests.py [OPTION ...] [CHECK ...]
"""

import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[2])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

if __name__ == "__main__":
    from Testing.slicer.runner import main

    main(sys.argv[1:])
