"""With this folder on PYTHONPATH, `--threads` is accepted on a Python with the GIL, for the tests.

The threads then take turns; all else is the same.
"""

import fastserve.gil

fastserve.gil.require_off = lambda: None
