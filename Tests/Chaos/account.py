"""The account of a run: for people, and as JSON."""

import json
from collections import Counter

# Of each line of the account; the JSON has them all.
SHOWN_EXAMPLES = 4
# Faults this long before something went wrong are shown beside it, in seconds.
BEFORE, AFTER = 4.0, 2.0


class Account:
    def __init__(self, run, ledger):
        self.run, self.ledger = run, ledger
        self.lines = ledger.lines
        self.problems = list(run.problems)
        self.look_at_ends()
        self.look_at_sessions()
        if ledger.unmarked:
            at, what = ledger.unmarked[0]
            self.problems.append(
                f"{len(ledger.unmarked)} deliveries came again without redelivered, the first +{at:.1f} s: {what}")
        self.log_lines = run.read_logs()
        self.look_at_logs()

    # MARK: What is wrong beside the ledger

    def look_at_ends(self):
        for end in self.run.supervisor.ends:
            if not end.is_expected:
                self.problems.append(f"+{end.at:.1f} s: {end.name} ended with {end.status}, which nobody asked for")

    def look_at_sessions(self):
        report = self.ledger.report
        self.identifies = Counter(one["outcome"] for one in report["identifies"])
        self.resumes = Counter(one["outcome"] for one in report["resumes"])
        self.replayed = sum(one["replayed"] for one in report["resumes"])
        if self.identifies["accepted"] > self.run.shards + self.run.new_sessions:
            self.problems.append(
                f"{self.identifies['accepted']} identifies for {self.run.shards} shards: a session that Discord still "
                "knew was not resumed")
        for one in report["violations"]:
            # Stopped processes and stalled connections send no heartbeats.
            if not one["what"].startswith("no heartbeat for"):
                self.problems.append(f"Discord would object: {one['what']}")

    def look_at_logs(self):
        for (name, level, message), count in self.log_lines.items():
            if level == "critical":
                self.problems.append(f"{name} logged, {count} times, as critical: {message}")

    @property
    def lost(self):
        return sum(line.lost for line in self.lines)

    @property
    def doubled(self):
        return sum(line.doubled for line in self.lines)

    @property
    def disordered(self):
        return sum(line.disordered for line in self.lines)

    @property
    def is_clean(self):
        return not self.problems and all(line.is_clean for line in self.lines)

    # MARK: For people

    def print(self):
        run, starts = self.run, self.run.supervisor.programs
        print(f"\nChaos with seed {run.options.seed}: {run.options.minutes:g} minutes, durability "
              f"{run.options.durability}, {run.load.book.total:,} events")
        kinds = run.faults.counts
        print("  faults     " + ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()))
        print(f"  processes  " + ", ".join(f"{name} {program.starts}" for name, program in starts.items())
              + " starts; exits: " + self.exits())
        print(f"  sessions   {self.identifies['accepted']} identifies, {self.resumes['accepted']} resumes "
              f"({self.replayed:,} events replayed by Discord)")
        print(f"  quiet      {run.settle_seconds:.1f} s after the last fault")
        print(f"\n  {'':16}{'injected':>10}{'handled':>10}{'lost':>7}{'doubled':>9}{'disorder':>10}")
        for line in self.lines:
            notes = [line.effect, *(f"{name} {value:,}" for name, value in line.notes.items())]
            if line.excused:
                notes.append(f"excused {line.excused}")
            print(f"  {line.kind:16}{line.injected:>10,}{line.handled:>10,}{line.lost:>7,}{line.doubled:>9,}"
                  f"{line.disordered:>10,}  {', '.join(notes)}")
        handled = run.load.book.total - self.lost - sum(line.excused for line in self.lines)
        print(f"  {'events':16}{run.load.book.total:>10,}{handled:>10,}{self.lost:>7,}{self.doubled:>9,}"
              f"{self.disordered:>10,}  a text command in a guild is one event, and a message too")
        self.print_dispatches()
        self.print_log_lines()
        self.print_examples()
        for problem in self.problems:
            print(f"  PROBLEM    {problem}")
        print("\n" + ("Nothing lost, nothing twice, nothing out of order." if self.is_clean else
                      f"NOT CLEAN. Logs, records and timeline: {run.directory}"))

    def exits(self):
        statuses = Counter(end.status for end in self.run.supervisor.ends)
        return ", ".join(f"{count} with {status}" for status, count in statuses.most_common()) or "none"

    def print_dispatches(self):
        names = self.ledger.report["dispatched"]
        print("\n  Discord sent " + ", ".join(f"{name} {count:,}" for name, count in
                                              sorted(names.items(), key=lambda item: -item[1])))

    def print_log_lines(self):
        serious = [(name, level, message, count) for (name, level, message), count in self.log_lines.items()
                   if level in ("error", "critical")]
        for name, level, message, count in sorted(serious, key=lambda one: -one[3]):
            print(f"  logged     {count:>5} × {name} {level}: {message}")

    def print_examples(self):
        for line in self.lines:
            for at, what in line.examples[:SHOWN_EXAMPLES]:
                print(f"  {'EXCUSED' if what.startswith('excused') else 'WRONG':10} +{at:.1f} s: {what}")
                for moment, kind, about in self.run.faults.timeline:
                    if at - BEFORE <= moment <= at + AFTER:
                        print(f"             +{moment:.1f} s: {kind} {about}")

    # MARK: As JSON

    def write(self, path):
        run = self.run
        with open(path, "w") as file:
            json.dump({
                "seed": run.options.seed, "minutes": run.options.minutes, "durability": run.options.durability,
                "clean": self.is_clean, "events": run.load.book.total, "lost": self.lost, "doubled": self.doubled,
                "out_of_order": self.disordered, "problems": self.problems, "faults": dict(run.faults.counts),
                "timeline": [{"at": at, "kind": kind, "what": what} for at, kind, what in run.faults.timeline],
                "starts": {name: program.starts for name, program in run.supervisor.programs.items()},
                "ends": [vars(end) for end in run.supervisor.ends],
                "identifies": dict(self.identifies), "resumes": dict(self.resumes), "replayed": self.replayed,
                "settle_seconds": run.settle_seconds,
                "dispatched": self.ledger.report["dispatched"],
                "log": [{"program": name, "level": level, "message": message, "count": count}
                        for (name, level, message), count in self.log_lines.items()],
                "lines": [{
                    "kind": line.kind, "effect": line.effect, "injected": line.injected, "handled": line.handled,
                    "lost": line.lost, "doubled": line.doubled, "out_of_order": line.disordered,
                    "excused": line.excused, "notes": line.notes,
                    "examples": [{"at": at, "what": what} for at, what in line.examples],
                } for line in self.lines],
            }, file, indent=1)
