"""The segmenter as a process of its own: RGB frames in on stdin, a grey mask for each out on stdout.

    python -m daemon.studio.matte MODEL

A process, for numpy takes its number of threads when it is first imported, and a thread of the studio that
computes would hold up the others.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

from daemon.errors import RenderError


def main(model: Path, frames: BinaryIO, masks: BinaryIO) -> None:
    """Until `frames` ends, or nobody reads `masks` any more. Raises RenderError for a model that is none."""
    import numpy as np

    from daemon.studio.matte.matter import Matter
    from daemon.studio.matte.model import read_model
    from daemon.studio.matte.network import Network

    matter = Matter(Network(read_model(model)))
    width, height = matter.size
    frame = np.empty((height, width, 3), np.uint8)
    whole = memoryview(frame.data).cast("B")
    while frames.readinto(whole) == len(whole):  # type: ignore[attr-defined]
        masks.write(matter.mask(frame).data)
        masks.flush()


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), sys.stdin.buffer, sys.stdout.buffer)
    except BrokenPipeError:
        # Whoever read the masks has all it wants. Python would flush stdout once more at exit.
        sys.stderr.close()
        sys.exit(0)
    except RenderError as error:
        sys.exit(str(error))
