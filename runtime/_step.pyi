"""The compiled binding, made from binding/step.c where Python's headers were there."""

from typing import Any

from numpy.typing import ArrayLike, NDArray

class Guard:
    def __init__(self, what: str, /) -> None: ...
    def __enter__(self) -> Guard: ...
    def __exit__(self, *error: object) -> None: ...

class Step:
    def __init__(
        self,
        stream: int | None,
        input: NDArray[Any],  # noqa: A002
        output: NDArray[Any],
        keep: object,
        check: object,
        guard: object,
        release: bool,
        threads: int,
        /,
    ) -> None: ...
    def step(self, frame: ArrayLike | None = None, /) -> bool: ...
    def push(self, frames: ArrayLike, /) -> Any: ...
