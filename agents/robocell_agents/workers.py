"""Worker processes. Free of torch, so that workers that do without it start fast."""

from __future__ import annotations

import signal


def ignore_interrupts() -> None:
    """Initialiser of a worker: Ctrl-C reaches every process of a terminal, and is the parent's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
