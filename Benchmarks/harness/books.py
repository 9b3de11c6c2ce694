"""The file in which all processes of a round keep their books: `struct tally` of Benchmarks/peers/common.h."""

import functools
import mmap
import struct
import time

BOOK = struct.Struct("=6Q2d")
WORD = (1 << 64) - 1


class Book:
    def __init__(self, fields):
        (self.events, self.bytes, self.checksum, self.lowest, self.highest, self.disorder, self.started,
         self.ended) = fields


class Books:
    """One place for each consumer, and one more for the producer."""

    def __init__(self, path, consumers):
        self.path, self.consumers = path, consumers
        with open(path, "wb") as file:
            file.truncate(BOOK.size * (consumers + 1))
        with open(path, "rb") as file:
            self.map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def all(self):
        return [Book(BOOK.unpack_from(self.map, BOOK.size * index)) for index in range(self.consumers)]

    def producer(self):
        return Book(BOOK.unpack_from(self.map, BOOK.size * self.consumers))

    def wait(self, events, seconds, processes):
        """Waits until consumers have acknowledged so many."""
        deadline = time.monotonic() + seconds
        while sum(book.events for book in self.all()) < events:
            for process in processes:
                if process.child.poll() is not None:
                    raise SystemExit(f"bench: {process.name} ended early with {process.child.returncode}")
            if time.monotonic() > deadline:
                raise SystemExit(
                    f"bench: {sum(book.events for book in self.all())} of {events} events after {seconds} s")
            time.sleep(0.02)

    def check(self, events, payload_bytes):
        """Proves that every event came exactly once, whole: numbers and sizes. Anything else is no figure."""
        books = [book for book in self.all() if book.events]
        lowest = min(book.lowest for book in books)
        highest = max(book.highest for book in books)
        facts = {
            "events": sum(book.events for book in books), "numbers": highest - lowest + 1,
            "checksum": sum(book.checksum for book in books) & WORD,
            "bytes": sum(book.bytes for book in books), "disorder": sum(book.disorder for book in books),
        }
        expected = {
            "events": events, "numbers": events, "checksum": checksum(lowest, events), "bytes": payload_bytes,
            "disorder": 0,
        }
        if facts != expected:
            raise SystemExit(f"bench: events were lost, repeated or changed: {facts} instead of {expected}")


@functools.cache
def checksum(first, count):
    return sum(mixed(number) for number in range(first, first + count)) & WORD


def mixed(number):
    """SplitMix64's finalizer."""
    number = ((number ^ number >> 30) * 0xbf58476d1ce4e5b9) & WORD
    number = ((number ^ number >> 27) * 0x94d049bb133111eb) & WORD
    return number ^ number >> 31
