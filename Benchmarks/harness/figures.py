"""How figures of several rounds are made and shown."""

import statistics
import sys


def one_by_one(names, measure, rounds, describe):
    """Measures each name in each round, in turn forwards and backwards; a dictionary of lists of figures."""
    figures = {name: [] for name in names}
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            figures[name].append(measure(name))
            print(f"round {number + 1} of {rounds}: {name}: {describe(figures[name][-1])}", file=sys.stderr, flush=True)
    return figures


def spread(values, scale=1.0, digits=0):
    """Median, and in brackets the least and the most."""
    middle, low, high = (scale * value for value in (statistics.median(values), min(values), max(values)))
    return f"{middle:,.{digits}f} ({low:,.{digits}f}–{high:,.{digits}f})"


def table(head, rows):
    """Lines of columns as wide as they need be; the first is set left, the others right."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    for row in [head, *rows]:
        cells = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        print("  ".join(cells).rstrip())
