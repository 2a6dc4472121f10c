from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from robocell_controller.processes.guardian import CAUSES, objection
from robocell_controller.processes.layout import Layout
from robocell_controller.processes.ring import Ring
from robocell_controller.processes.shared_memory import SharedMemory, Slot, Word

WRITER = """
import sys
from robocell_controller.processes.shared_memory import SharedMemory, Slot
slot = Slot(SharedMemory(4096, int(sys.argv[1])), 1000)
print("on", flush=True)
number = 0
while True:
    number += 1
    slot.write(bytes([number % 256]) * (1 + number % 1000))
"""


def test_a_slot_gives_the_latest_message() -> None:
    slot = Slot(SharedMemory(4096), 64)
    assert slot.read() is None
    for message in (b"one", b"", b"three" * 12):
        slot.write(message)
        assert slot.read() == message
        assert slot.read() == message


def test_a_reader_never_sees_half_a_message_not_even_of_a_killed_writer() -> None:
    memory = SharedMemory(4096)
    slot = Slot(memory, 1000)
    command = [sys.executable, "-c", WRITER, str(memory.descriptor)]
    for _ in range(3):
        writer = subprocess.Popen(command, pass_fds=[memory.descriptor], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        writer.stdout.readline()
        until, seen = time.monotonic() + 10, set()
        while len(seen) < 50 and time.monotonic() < until:
            message = slot.read()
            if message:
                assert len(set(message)) == 1
                seen.add(message)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        assert len(seen) == 50
        last = slot.read()
        assert last
        assert len(set(last)) == 1


def test_damage_that_stays_is_an_error() -> None:
    memory = SharedMemory(4096)
    slot = Slot(memory, 8)
    slot.write(b"whole")
    slot._buffers[1][9] ^= 1
    with pytest.raises(OSError, match="wrong checksum"):
        slot.read()


def test_the_memory_is_the_same_behind_its_descriptor_and_words_are_whole() -> None:
    memory = SharedMemory(4096)
    words = memory.words(3)
    other = SharedMemory(4096, os.dup(memory.descriptor)).words(3)
    words[1] = -(2**63)
    words[2] = 2**63 - 1
    assert other.tolist() == [0, -(2**63), 2**63 - 1]


def test_a_ring_keeps_the_order_and_counts_what_it_drops() -> None:
    ring = Ring(SharedMemory(4096), slots=4, size=16)
    for number in range(6):
        ring.push(b"x" * number)
    assert ring.dropped == 2
    assert ring.full
    assert ring.waiting() == [b"", b"x", b"xx", b"xxx"]
    assert ring.waiting() == [b"", b"x", b"xx", b"xxx"]
    ring.release(3)
    ring.push(b"more")
    assert ring.waiting() == [b"xxx", b"more"]
    ring.release(2)
    assert (ring.waiting(), ring.dropped, ring.full) == ([], 2, False)


def test_a_run_fits_its_memory() -> None:
    memory = SharedMemory(Layout.SIZE)
    Layout(memory)
    assert memory._used <= Layout.SIZE


NOW = 10**12
LIFETIME = 24_000_000


@pytest.mark.parametrize(
    ("changes", "parent_lives", "cause"),
    [
        ({}, True, ""),
        ({Word.CONTROLLER_BEAT: NOW - LIFETIME}, True, ""),
        ({Word.CONTROLLER_BEAT: NOW - LIFETIME - 1}, True, "the controller's heartbeat"),
        ({Word.PLANT_BEAT: NOW - LIFETIME - 1}, True, "the plant's heartbeat"),
        ({Word.STOP: 1}, True, "the stop switch"),
        ({}, False, "the run's parent process"),
        ({Word.CONTROLLER_BEAT: 0}, True, "the controller's heartbeat"),
    ],
)
def test_what_the_guardian_objects_to(changes: dict[Word, int], parent_lives: bool, cause: str) -> None:
    words = SharedMemory(4096).words(len(Word))
    for word, value in {
        Word.LIFETIME: LIFETIME, Word.CONTROLLER_BEAT: NOW, Word.PLANT_BEAT: NOW, **changes,
    }.items():  # fmt: skip
        words[word] = value
    assert CAUSES[objection(words, NOW, parent_lives)] == cause


def test_the_guardian_needs_no_numpy() -> None:
    code = (
        "import sys, robocell_controller.processes.guardian, robocell_controller.processes.process; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"numpy", "pydantic", "onnxruntime"}.isdisjoint(done.stdout.split())
