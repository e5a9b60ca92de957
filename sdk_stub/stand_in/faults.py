"""What should go wrong, when, and for whom: the script that a stand-in plays."""

from typing import Literal, TypeAlias

import msgspec

FaultKind: TypeAlias = Literal["answer", "silence", "reset", "goaway", "drop"]


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that goes wrong with a push.

    `answer`   this `status` and `reason`, perhaps with `retry_after` (the header) or as an `html` page
    `silence`  no answer, ever; the connection stays
    `reset`    HTTP/2 RST_STREAM with `error_code` (7 is REFUSED_STREAM: surely not processed)
    `goaway`   HTTP/2 GOAWAY: `graceful` answers everything up to this push and then closes, otherwise
               the connection is cut at once; `processed=False`: this push is beyond the last processed
    `drop`     the TCP connection is cut

    FCM is spoken over HTTP/1.1 here, where `reset` and `goaway` are a `drop`.

    It comes after `delay_s`, for pushes to `token` (None: to anybody), for the next `times` of them (None:
    until the script is cleared). `answer` with status 200 and no `html` only delays. `delivered` says
    whether the phone gets the push although the sender hears of a failure."""

    kind: FaultKind = "answer"
    token: str | None = None
    times: int | None = 1
    delay_s: float = 0.0
    status: int = 503
    reason: str = "ServiceUnavailable"
    timestamp_ms: int | None = None
    retry_after: str | None = None
    html: bool = False
    error_code: int = 2
    graceful: bool = True
    processed: bool = True
    delivered: bool = False

    def __post_init__(self) -> None:
        if self.times is not None and self.times < 1:
            raise ValueError("times must be 1 or more, or null for always")
        if not 0 <= self.delay_s <= 3600:
            raise ValueError("delay_s must be between 0 and 3600")
        if not 200 <= self.status <= 599:
            raise ValueError("status must be between 200 and 599")

    @property
    def only_delays(self) -> bool:
        """The push is handled as usual, after `delay_s`."""
        return self.kind == "answer" and self.status == 200 and not self.html


class FaultScript:
    """The faults still to come, in the order they were added, and the tokens that are no longer
    registered."""

    def __init__(self) -> None:
        self._faults: list[tuple[Fault, int | None]] = []
        self._unregistered: dict[str, float] = {}

    def add(self, *faults: Fault) -> None:
        """Appends to the script."""
        self._faults.extend((fault, fault.times) for fault in faults)

    def clear(self) -> None:
        """From now on all goes well; unregistered tokens stay unregistered."""
        self._faults.clear()

    def unregister(self, token: str, since_s: float) -> None:
        """The app was removed from this phone at `since_s` (Unix seconds)."""
        self._unregistered[token] = since_s

    def register(self, token: str) -> None:
        """The app is back."""
        self._unregistered.pop(token, None)

    def unregistered_since_s(self, token: str) -> float | None:
        """When the token died, or None."""
        return self._unregistered.get(token)

    def take(self, token: str) -> Fault | None:
        """The first fault for a push to this token; counts it as used."""
        for position, (fault, left) in enumerate(self._faults):
            if fault.token in (None, token):
                if left is not None and left <= 1:
                    del self._faults[position]
                elif left is not None:
                    self._faults[position] = (fault, left - 1)
                return fault
        return None
