"""A result that arrives later."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from typing import Any


class Future:
    """The answer to a service call, with rclpy's names; completed by the executor's thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._done = False
        self._cancelled = False
        self._result: Any = None
        self._exception: BaseException | None = None
        self._callbacks: list[Callable[[Future], None]] = []

    def __await__(self) -> Generator[Future, None, Any]:
        """Wait for it in a coroutine that a service's callback is, see `Service`."""
        if not self._done:
            yield self
        return self.result()

    def done(self) -> bool:
        """Whether a result, an exception or a cancellation is there."""
        return self._done

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self._cancelled

    def result(self) -> Any:
        """The result (None while there is none); raises the exception if that is what came."""
        if self._exception is not None:
            raise self._exception
        return self._result

    def exception(self) -> BaseException | None:
        """The exception, if one came."""
        return self._exception

    def set_result(self, result: Any) -> None:
        """Complete it."""
        self._result = result
        self._finish()

    def set_exception(self, exception: BaseException) -> None:
        """Complete it with an exception."""
        self._exception = exception
        self._finish()

    def cancel(self) -> None:
        """Give it up."""
        self._cancelled = True
        self._finish()

    def add_done_callback(self, callback: Callable[[Future], None]) -> None:
        """Call this with the future once it is done; at once if it is done already."""
        with self._lock:
            if not self._done:
                self._callbacks.append(callback)
                return
        callback(self)

    def _finish(self) -> None:
        with self._lock:
            if self._done:
                return
            self._done = True
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(self)
