"""How many threads numpy's products take. It reads that once, when it is first imported."""

from __future__ import annotations

from typing import Final

ONE_THREAD: Final = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""The environment for one. The network's products are small: a second thread made nothing quicker, and on a
busy machine, where the two wait for one another at full load, a look at a few frames once took over 53 s."""
