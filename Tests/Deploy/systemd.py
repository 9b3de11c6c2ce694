"""The unit files at work under a real systemd: installed, ready, watched, restarted under load, and taken off again."""

import os
import time

from discord import Discord
from machine import Machine

BIN, ROOT = os.environ["OLIM_BIN"], os.environ["OLIM_ROOT"]
GATEWAY, UNITS = "olim-gateway.service", ["olim-queue.socket", "olim-gateway.service", "olim-worker@1.service", "olim-worker@2.service"]


def main():
    discord, machine = Discord(), Machine()
    try:
        verify(discord, machine)
    finally:
        machine.end()
        discord.process.kill()


def verify(discord, machine):
    before = set(machine.changed())
    install = ["bash", f"{ROOT}/deploy/systemd/install.sh", "--bin", BIN]
    print("installed:", machine.do(*install).splitlines()[0])
    machine.do("sh", "-c", "umask 077; cat > /etc/olim/discord_token", stdin="simulated-token\n")
    for name in ("gateway", "worker"):
        machine.do("sh", "-c", f"cat > /etc/olim/{name}.env", stdin=f"DISCORD_API_URL={discord.api}\n")
    print(machine.do("systemd-analyze", "verify", *UNITS) or "systemd-analyze verify: nothing to say")

    begun = time.monotonic()
    machine.do("systemctl", "start", "olim.target")
    machine.until("all are active", lambda: states(machine) == ["active"] * len(UNITS))
    print(f"started and ready in {time.monotonic() - begun:.1f} s: "
          + machine.do("systemctl", "show", "-P", "StatusText", GATEWAY).strip())
    if discord.counters()["sessions"] != 1:
        raise SystemExit("verify-deploy: it was ready before its session was")
    machine.do("systemctl", "start", "olim-worker@3")
    discord.get("/wait?commands=8&timeout=60")
    print("installed again:", machine.do(*install).splitlines()[0])
    print(machine.do("systemctl", "show", "-P", "User", GATEWAY).strip(), "runs the gateway,",
          machine.do("stat", "-c", "%U:%G %a %n", "/run/olim/queue.sock").strip())

    restart_under_load(discord, machine)
    restart_gateway(discord, machine)
    freeze_gateway(discord, machine)

    machine.do("bash", f"{ROOT}/deploy/systemd/uninstall.sh", "--purge")
    left = [path for path in set(machine.changed()) - before if "olim" in path and not path.startswith(("/var/log", "/tmp"))]
    if left:
        raise SystemExit(f"verify-deploy: uninstalling left {left}")
    print("uninstalled: nothing is left")
    discord.end()


def states(machine):
    return machine.do("systemctl", "is-active", *UNITS, check=False).split()


def restart_under_load(discord, machine):
    took = discord.asked(200, 4, lambda: machine.do("bash", f"{ROOT}/deploy/systemd/rolling-restart.sh"))
    counters = discord.counters()
    print(f"three workers restarted under load in {took:.1f} s: 200 of 200 answered once, "
          f"identifies {counters['identifies']}")


def restart_gateway(discord, machine):
    took = discord.asked(100, 2, lambda: machine.do("systemctl", "restart", GATEWAY))
    counters = discord.counters()
    if (counters["identifies"], counters["resumes"] >= 1) != (1, True):
        raise SystemExit(f"verify-deploy: the gateway did not resume: {counters}")
    print(f"gateway restarted under load in {took:.1f} s: 100 of 100 answered once, resumed, identifies {counters['identifies']}")


def freeze_gateway(discord, machine):
    """A gateway that stands still is noticed by the watchdog, killed, and resumes."""
    machine.do("sh", "-c", "mkdir -p /run/systemd/system/olim-gateway.service.d && printf '[Service]\\nWatchdogSec=2\\n' "
               "> /run/systemd/system/olim-gateway.service.d/test.conf && systemctl daemon-reload")
    machine.do("systemctl", "restart", GATEWAY)
    resumes = discord.counters()["resumes"]
    pid = machine.do("systemctl", "show", "-P", "MainPID", GATEWAY).strip()
    begun = time.monotonic()
    machine.do("kill", "-STOP", pid)
    discord.get(f"/wait?resumes={resumes + 1}&timeout=60")
    machine.until("it is active again", lambda: machine.do(
        "systemctl", "is-active", GATEWAY, check=False).strip() == "active")
    result = machine.do("systemctl", "show", "-P", "NRestarts", GATEWAY).strip()
    discord.asked(20, 1)
    print(f"stopped gateway: killed by the watchdog and resumed after {time.monotonic() - begun:.1f} s (restarts: {result})")


main()
