"""Kills and disturbs real processes under load for as long as it is told, and then accounts for every event.

A simulated Discord, one gateway, three workers, two observers (workers that only keep records) and a PostgreSQL of its
own run from the release build. Faults are drawn from the seed: SIGKILL of one process or of all at once, SIGSTOP,
SIGTERM, removal of the queue's socket, crashes and stops of the database, lost, stalled and garbled connections to
Discord, REST requests that fail though they were carried out. What dies is started again, as a supervisor would. In the
end everything is left to calm down, and each event's effect is looked for. Exits 0 if nothing was lost, done twice or
out of order. docs/chaos.md tells more.
"""

import argparse
import os
import random
import shutil
import signal
import sys

from account import Account
from faults import WEIGHTS
from run import Failure, Run


def read_options():
    parser = argparse.ArgumentParser(
        prog="./olim chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.0, help="how long faults go on (1)")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32),
                        help="of load and faults; drawn if not given")
    parser.add_argument("--durability", default="journal", choices=("memory", "journal", "fsync"),
                        help="QUEUE_DURABILITY of the gateway (journal)")
    parser.add_argument("--rate", type=float, default=250.0, help="events per second (250)")
    parser.add_argument("--pause", type=float, default=1.5, help="seconds from one fault to the next, on average (1.5)")
    parser.add_argument("--workers", type=int, default=3, help="real workers (3)")
    parser.add_argument("--without", metavar="FAULT", action="append", default=[], choices=list(WEIGHTS),
                        help=f"leave a fault out, may be repeated: {', '.join(WEIGHTS)}")
    parser.add_argument("--json", metavar="FILE", help="write the account there, too")
    parser.add_argument("--keep", action="store_true", help="keep logs and records also if all is well")
    return parser.parse_args()


def main():
    options = read_options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    run = Run(options)
    print(f"Chaos with seed {options.seed}, for {options.minutes:g} minutes; logs in {run.directory}", flush=True)
    is_clean = False
    try:
        run.start()
        run.go()
        account = Account(run, run.finish())
        account.print()
        account.write(options.json or os.path.join(run.directory, "account.json"))
        is_clean = account.is_clean
    except Failure as failure:
        print(f"chaos: {failure}; logs in {run.directory}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"chaos: interrupted; logs in {run.directory}", file=sys.stderr)
    finally:
        run.close()
    if is_clean and not options.keep:
        shutil.rmtree(run.directory)
    sys.exit(0 if is_clean else 1)


main()
