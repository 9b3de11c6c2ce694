"""The guard must be able to fail: `python3 -m unittest discover Tests/Benchmarks`."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "Benchmarks"))
import guard  # noqa: E402


class GuardTests(unittest.TestCase):
    baseline = {"instructions_per_event": 10_000, "allocations_per_event": 2.0}

    def test_a_tenth_more_is_let_pass(self):
        self.assertEqual(guard.grown(self.baseline, {"instructions_per_event": 11_000}), [])

    def test_less_is_let_pass(self):
        self.assertEqual(guard.grown(self.baseline, {"allocations_per_event": 0.5}), [])

    def test_more_than_a_tenth_fails_and_says_what(self):
        problems = guard.grown(self.baseline, {"instructions_per_event": 11_001, "allocations_per_event": 2.0})
        self.assertEqual(len(problems), 1)
        self.assertIn("instructions_per_event grew from 10,000 to 11,001", problems[0])

    def test_what_was_never_counted_fails(self):
        self.assertEqual(guard.grown(self.baseline, {"locks": 1}), ["locks was never recorded"])


if __name__ == "__main__":
    unittest.main()
