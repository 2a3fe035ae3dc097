"""A model file in the TFLite format, read without any runtime: the graph as frozen values (edge: one file).

The format is a FlatBuffer (tensorflow/lite/schema/schema.fbs): tables whose fields are found through a
table of offsets. What is read is what `network` can run: float tensors, and the operators listed in `KINDS`.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from daemon.errors import RenderError

Floats = npt.NDArray[np.float32]

_IDENTIFIER: Final = b"TFL3"
_MOST_BYTES: Final = 64 << 20
_ELEMENTS: Final[dict[int, np.dtype[Any]]] = {0: np.dtype("<f4"), 1: np.dtype("<f2"), 2: np.dtype("<i4")}
"""TensorType of the schema: FLOAT32, FLOAT16, INT32."""

KINDS: Final = {
    0: "add",
    1: "pool",
    3: "convolve",
    4: "depthwise",
    6: "dequantize",
    14: "sigmoid",
    18: "multiply",
    19: "relu",
    23: "resize",
    32: "custom",
    40: "mean",
    117: "hard_swish",
}
"""BuiltinOperator of the schema, by the names used here."""

_TRANSPOSE: Final = "Convolution2DTransposeBias"
"""MediaPipe's own operator: a transposed convolution that adds a bias. Its options are three int32."""


@dataclass(frozen=True, slots=True)
class Operator:
    """One step of the graph. `takes`, `gives`: numbers of tensors. `stride` is that of rows and columns
    alike."""

    kind: str
    takes: tuple[int, ...]
    gives: int
    stride: int = 1


@dataclass(frozen=True, slots=True)
class Model:
    """A graph of one input and one output. `shapes`: of each tensor, batch first; `constants`: the weights
    by tensor number, float32 (or int32)."""

    operators: tuple[Operator, ...]
    shapes: tuple[tuple[int, ...], ...]
    constants: Mapping[int, npt.NDArray[Any]]
    takes: int
    gives: int


def read_model(path: Path) -> Model:
    """Read a segmentation model: one picture of (1, height, width, 3) in, one mask of (1, height, width, 1)
    out. Raises RenderError when the file cannot be read or holds something else."""
    try:
        with path.open("rb") as opened:
            data = opened.read(_MOST_BYTES + 1)
    except OSError as error:
        raise _refused(path, error.strerror or str(error)) from error
    if data[4:8] != _IDENTIFIER or len(data) > _MOST_BYTES:
        raise _refused(path, "it is no TFLite file")
    try:
        model = _parsed(data)
    except (struct.error, IndexError, ValueError) as error:
        raise _refused(path, f"it is damaged or of another kind ({error})") from error
    taken, given = model.shapes[model.takes], model.shapes[model.gives]
    if len(taken) != 4 or taken[3] != 3 or given != (*taken[:3], 1):
        raise _refused(path, f"it makes {given} of {taken}, not one mask of one picture")
    return model


def _refused(path: Path, cause: str) -> RenderError:
    hint = "studio.matte_model names a selfie-segmentation model (.tflite)"
    return RenderError(f"reading the model {path.name}", cause, hint)


def _parsed(data: bytes) -> Model:
    root = _Table(data, _u32(data, 0))
    graphs = root.tables(2)
    if len(graphs) != 1:
        raise ValueError(f"{len(graphs)} graphs")
    graph, buffers = graphs[0], root.tables(4)
    codes = [_kind(code) for code in root.tables(1)]
    tensors = graph.tables(0)
    shapes = tuple(tensor.numbers(0) for tensor in tensors)
    constants: dict[int, npt.NDArray[Any]] = {}
    for at, tensor in enumerate(tensors):
        held = buffers[tensor.scalar(2, "I")].data(0)
        if held:
            constants[at] = _values(held, tensor.scalar(1, "b"), shapes[at])
    operators = []
    for row in graph.tables(3):
        operator = _operator(row, codes[row.scalar(0, "I")])
        if operator.kind == "dequantize":
            constants[operator.gives] = constants[operator.takes[0]]
        else:
            operators.append(operator)
    (takes,), (gives,) = graph.numbers(1), graph.numbers(2)
    return Model(tuple(operators), shapes, constants, takes, gives)


def _kind(code: _Table) -> str:
    number = max(code.scalar(0, "b"), code.scalar(3, "i"))
    name = KINDS.get(number, "")
    if name == "custom" and code.data(1).decode("ascii", "replace") == _TRANSPOSE:
        return "transpose"
    if not name or name == "custom":
        raise ValueError(f"operator {number} is not known")
    return name


def _operator(row: _Table, kind: str) -> Operator:
    takes, gives = row.numbers(1), row.numbers(2)
    options = row.table(4)
    stride = 1
    if kind == "pool":
        kind = "mean"
    if kind in ("convolve", "depthwise") and options is not None:
        across, down = options.scalar(1, "i"), options.scalar(2, "i")
        activation = options.scalar(3 if kind == "convolve" else 4, "b")
        if across != down or activation:
            raise ValueError("strides of two sizes, or an activation inside a convolution")
        stride = down
    if kind == "resize" and (options is None or options.scalar(2, "?") or not options.scalar(3, "?")):
        raise ValueError("a resize that is not by pixel centres")
    return Operator(kind, takes, gives[0], stride)


def _values(held: bytes, kind: int, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    if kind not in _ELEMENTS:
        raise ValueError(f"tensor type {kind}")
    found: npt.NDArray[Any] = np.frombuffer(held, _ELEMENTS[kind]).reshape(shape)
    return found if kind == 2 else found.astype(np.float32)


class _Table:
    """One table of a FlatBuffer; fields by their number in the schema."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at
        self._offsets = at - struct.unpack_from("<i", data, at)[0]
        self._size = struct.unpack_from("<H", data, self._offsets)[0]

    def scalar(self, field: int, form: str) -> int:
        at = self._field(field)
        return int(struct.unpack_from(f"<{form}", self._data, at)[0]) if at else 0

    def table(self, field: int) -> _Table | None:
        at = self._field(field)
        return _Table(self._data, at + _u32(self._data, at)) if at else None

    def tables(self, field: int) -> list[_Table]:
        start, count = self._vector(field)
        places = range(start, start + 4 * count, 4)
        return [_Table(self._data, at + _u32(self._data, at)) for at in places]

    def numbers(self, field: int) -> tuple[int, ...]:
        start, count = self._vector(field)
        return struct.unpack_from(f"<{count}i", self._data, start)

    def data(self, field: int) -> bytes:
        start, count = self._vector(field)
        return self._data[start : start + count]

    def _vector(self, field: int) -> tuple[int, int]:
        at = self._field(field)
        if not at:
            return 0, 0
        start = at + _u32(self._data, at)
        return start + 4, _u32(self._data, start)

    def _field(self, field: int) -> int:
        """Where a field is; 0 where the table leaves it out."""
        place = 4 + 2 * field
        if place >= self._size:
            return 0
        offset: int = struct.unpack_from("<H", self._data, self._offsets + place)[0]
        return self._at + offset if offset else 0


def _u32(data: bytes, at: int) -> int:
    found: int = struct.unpack_from("<I", data, at)[0]
    return found
