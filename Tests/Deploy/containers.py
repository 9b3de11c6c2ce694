"""The image at work: the compose files of deploy/ under podman, with PostgreSQL in each of the places that coolify.md knows."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from discord import Discord

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
PODMAN = str(HERE / "podman.sh")
PASSWORD = "a-password"
MEBIBYTE = 1 << 20


def run(*command, check=True, **options):
    result = subprocess.run(command, capture_output=True, text=True, **options)
    if check and result.returncode:
        raise SystemExit(f"verify-deploy: {' '.join(command)} ended with {result.returncode}:\n{result.stdout}{result.stderr}")
    return result.stdout


def podman(*command, **options):
    return run(PODMAN, *command, **options)


def until(what, condition, seconds=90):
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise SystemExit(f"verify-deploy: {what}: not within {seconds} s")
        time.sleep(0.1)
    return value


class Certificates:
    """An authority, and certificates of two servers."""

    def __init__(self, directory):
        self.directory = directory
        self.authority("authority")
        self.authority("stranger")
        self.server("discord.verify")
        self.server("database.verify")

    def authority(self, name):
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                     "-keyout", f"{name}.key", "-out", f"{name}.crt")

    def server(self, name):
        self.openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1",
                     "-keyout", f"{name}.key", "-out", f"{name}.csr")
        self.openssl("x509", "-req", "-days", "2", "-in", f"{name}.csr", "-CA", "authority.crt", "-CAkey", "authority.key",
                     "-CAcreateserial", "-copy_extensions", "copy", "-out", f"{name}.crt")

    def openssl(self, *arguments):
        run("openssl", *arguments, cwd=self.directory)


class Composition:
    """A compose file of deploy/, with secrets of its own."""

    def __init__(self, work, file, database_url, **environment):
        self.directory = pathlib.Path(work) / "deploy" / "compose"
        shutil.copytree(ROOT / "deploy" / "compose", self.directory, dirs_exist_ok=True)
        secrets = self.directory / "secrets"
        secrets.mkdir(mode=0o700, exist_ok=True)
        shutil.copy(pathlib.Path(work) / "authority.crt", secrets / "database_ca")
        for name, text in {"discord_token": "simulated-token", "postgres_password": PASSWORD, "database_url": database_url}.items():
            (secrets / name).write_text(text)
        for path in secrets.iterdir():
            os.chown(path, 1000, 1000)
            path.chmod(0o400)
        files = [self.directory / file, HERE / "compose.verify.yaml"]
        if file == "compose.yaml":
            files.append(HERE / "compose.verify.postgres.yaml")
        self.files = [word for path in files for word in ("-f", str(path))]
        self.environment = os.environ | {
            "OLIM_VERIFY": str(work), "OLIM_IMAGE": "localhost/olim", "POSTGRES_IMAGE": "localhost/olim-postgres",
            "COMPOSE": " ".join([*self.tool(), *self.files]), "CONTAINER_TOOL": PODMAN, **environment}

    @staticmethod
    def tool():
        return [os.environ["PODMAN_COMPOSE"], "--podman-path", PODMAN, "--in-pod", "false"]

    def compose(self, *command, **options):
        return run(*self.tool(), *self.files, *command, env=self.environment, **options)

    def containers(self, service):
        ids = podman("ps", "-q", "--filter", f"label=com.docker.compose.service={service}",
                     "--filter", "label=com.docker.compose.project=olim")
        return ids.split()

    def rolling_restart(self, *arguments):
        script = self.directory / "rolling-restart.sh"
        return run("bash", str(script), *arguments, env=self.environment | {"COMPOSE_FILE": self.files[1]})

    def up(self, discord, workers=2):
        begun = time.monotonic()
        self.compose("up", "-d", "--no-build", "--scale", f"worker={workers}")
        for service, count in (("gateway", 1), ("worker", workers)):
            until(f"{count} healthy {service}", lambda: len(ids := self.containers(service)) == count
                  and all(healthy(container) for container in ids))
        discord.get("/wait?commands=8&timeout=60")
        return time.monotonic() - begun

    def down(self):
        # Also those that were scaled, which podman-compose does not know any more.
        podman("rm", "-f", "-t", "35", "--filter", "label=com.docker.compose.project=olim", check=False)
        self.compose("down", "-v", check=False)


def healthy(container):
    return podman("inspect", "--format", "{{.State.Health.Status}}", container, check=False).strip() == "healthy"


def inside(container, *command, check=True):
    return podman("exec", container, *command, check=check)


def networks(container):
    return json.loads(podman("inspect", "--format", "{{json .NetworkSettings.Networks}}", container))


def reaches(container, host):
    return subprocess.run(
        [PODMAN, "exec", container, "bash", "-c", f"timeout 3 bash -c '</dev/tcp/{host}/5432'"], capture_output=True).returncode == 0


def used(container):
    """Memory of a container in MiB: the most that the kernel counted against its limit, and the limit."""
    group = "/sys/fs/cgroup/memory/memory."
    most, limit = inside(container, "cat", group + "max_usage_in_bytes", group + "limit_in_bytes").split()
    return int(most) / MEBIBYTE, int(limit) / MEBIBYTE


class Database:
    """PostgreSQL in a container that no composition made."""

    def __init__(self, work, network, *options):
        self.container = podman(
            "run", "-d", "--name", "olim-database", "--network", network, "-v", f"{work}/password:/password:ro",
            "-e", "POSTGRES_USER=olim", "-e", "POSTGRES_DB=olim", "-e", "POSTGRES_PASSWORD_FILE=/password", *options,
            "localhost/olim-postgres").strip()
        until("PostgreSQL serves", lambda: subprocess.run(
            [PODMAN, "exec", self.container, "pg_isready", "-q", "-h", "127.0.0.1"]).returncode == 0)

    def query(self, sql):
        return inside(self.container, "psql", "-U", "olim", "-d", "olim", "-Atc", sql).strip()

    def end(self):
        podman("rm", "-f", "-t", "5", "olim-database", check=False)


def counted(query, discord, count):
    """That many messages are counted in the database once they are asked."""
    before = int(query("SELECT coalesce(sum(messages), 0) FROM member_activity"))
    discord.asked(count, 1)
    until(f"{count} messages are counted", lambda: int(query("SELECT coalesce(sum(messages), 0) FROM member_activity")) == before + count)


def beside(work, discord):
    """compose.yaml: PostgreSQL is its third service."""
    composition = Composition(work, "compose.yaml", f"postgresql://olim:{PASSWORD}@postgres/olim")
    try:
        print(f"  ready in {composition.up(discord):.1f} s: the gateway's and both workers' health checks pass")
        gateway, = composition.containers("gateway")
        postgres, = composition.containers("postgres")
        workers = composition.containers("worker")
        for container in [gateway, *workers]:
            if inside(container, "id", "-u").strip() != "1000" or "could" in inside(container, "touch", "/usr/x", check=False):
                raise SystemExit("verify-deploy: a program is not uid 1000")
            if podman("inspect", "--format", "{{.HostConfig.ReadonlyRootfs}} {{.NetworkSettings.Ports}}", container).split()[0] != "true":
                raise SystemExit("verify-deploy: a root file system can be written to")
        if podman("port", "-a").strip():
            raise SystemExit("verify-deploy: a port is open")
        if "olim_database" in networks(gateway) or not all(reaches(worker, "postgres") for worker in workers):
            raise SystemExit("verify-deploy: who reaches PostgreSQL is not as the networks say")
        print("  uid 1000, root file systems read-only, no port; workers reach PostgreSQL, on a network that the gateway is not on")

        took = discord.asked(200, 8, composition.rolling_restart)
        if set(composition.containers("worker")) & set(workers):
            raise SystemExit("verify-deploy: an old worker still runs")
        print(f"  workers replaced under load in {took:.1f} s: 200 of 200 answered once")
        took = discord.asked(200, 8, lambda: composition.rolling_restart("--gateway"))
        counters = discord.counters()
        if (counters["identifies"], counters["resumes"] >= 1) != (1, True):
            raise SystemExit(f"verify-deploy: the gateway did not resume: {counters}")
        print(f"  gateway replaced under load in {took:.1f} s: 200 of 200 answered once, resumed, identifies {counters['identifies']}")
        for service in ("worker", "gateway"):
            victim = composition.containers(service)[0]
            # Not by podman, which would take it for its operator's wish.
            process = int(podman("inspect", "--format", "{{.State.Pid}}", victim))
            discord.asked(100, 4, lambda: os.kill(process, signal.SIGKILL))
            until(f"podman has restarted the {service}", lambda: healthy(victim))
            print(f"  {service} killed with -9 under load, restarted by its policy: 100 of 100 answered once")

        def query(sql):
            return inside(postgres, "psql", "-U", "olim", "-d", "olim", "-Atc", sql).strip()
        counted(query, discord, 50)
        for service in ("gateway", "worker"):
            for container in composition.containers(service):
                most, limit = used(container)
                print(f"  {service}: at most {most:.1f} MiB of {limit:.0f}, pages of its files included")
        begun = time.monotonic()
        podman("stop", "-t", "35", *composition.containers("worker"), *composition.containers("gateway"))
        print(f"  SIGTERM: all ended in {time.monotonic() - begun:.1f} s")
    except SystemExit:
        show_logs(composition)
        raise
    finally:
        composition.down()


def show_logs(composition):
    for service in ("gateway", "worker"):
        for container in podman("ps", "-aq", "--filter", f"label=com.docker.compose.service={service}").split():
            print(f"--- {service} {container}\n" + run(PODMAN, "logs", "--tail", "15", container, check=False), file=sys.stderr)


def on_network(work, discord, network):
    """compose.same-network.yaml: PostgreSQL is there already, on a network with a name."""
    podman("network", "create", "--subnet", "10.219.8.0/24", network)
    database = composition = None
    try:
        database = Database(work, network, "--ip", "10.219.8.2")
        composition = Composition(
            work, "compose.same-network.yaml", f"postgresql://olim:{PASSWORD}@olim-database/olim", DATABASE_NETWORK=network)
        print(f"  ready in {composition.up(discord):.1f} s")
        counted(database.query, discord, 50)
        gateway, = composition.containers("gateway")
        if network in networks(gateway):
            raise SystemExit("verify-deploy: the gateway is on PostgreSQL's network")
        print("  50 of 50 answered and counted; the gateway is not on PostgreSQL's network")
    except SystemExit:
        if composition:
            show_logs(composition)
        raise
    finally:
        if composition:
            composition.down()
        if database:
            database.end()
        podman("network", "rm", network, check=False)


def elsewhere(work, discord):
    """compose.external-postgres.yaml: PostgreSQL is another machine, and proves with its certificate that it is the right one."""
    podman("network", "create", "--subnet", "10.219.9.0/24", "elsewhere")
    tls = pathlib.Path(work) / "tls"
    tls.mkdir()
    for suffix in ("crt", "key"):
        shutil.copy(pathlib.Path(work) / f"database.verify.{suffix}", tls / f"server.{suffix}")
    database = composition = None
    url = f"postgresql://olim:{PASSWORD}@database.verify/olim?sslmode=verify-full&sslrootcert=/run/secrets/database_ca"
    try:
        database = Database(work, "elsewhere", "--ip", "10.219.9.2", "-v", f"{tls}:/tls:ro")
        composition = Composition(work, "compose.external-postgres.yaml", url)
        print(f"  ready in {composition.up(discord):.1f} s")
        counted(database.query, discord, 50)
        version = database.query("SELECT string_agg(DISTINCT version, ', ') FROM pg_stat_ssl WHERE ssl")
        print(f"  50 of 50 answered and counted, over {version} with verify-full")
        composition.down()

        # A server that a stranger vouches for.
        secret = composition.directory / "secrets" / "database_ca"
        secret.unlink()
        shutil.copy(pathlib.Path(work) / "stranger.crt", secret)
        os.chown(secret, 1000, 1000)
        composition.compose("up", "-d", "--no-build", "--scale", "worker=1")
        worker = until("a worker", lambda: composition.containers("worker"))[0]
        line = until("it says why", lambda: [line for line in run(
            "bash", "-c", f"{PODMAN} logs {worker} 2>&1").splitlines() if "certificate" in line])[0]
        if healthy(worker):
            raise SystemExit("verify-deploy: a worker works with a database that it cannot verify")
        print("  an unknown authority: not ready, and " + json.loads(line)["metadata"]["error"].split(": ", 1)[-1])
    except SystemExit:
        if composition:
            show_logs(composition)
        raise
    finally:
        if composition:
            composition.down()
        if database:
            database.end()
        podman("network", "rm", "elsewhere", check=False)


def main(wanted):
    work = pathlib.Path(tempfile.mkdtemp(prefix="olim-verify-"))
    work.chmod(0o755)
    (work / "password").write_text(PASSWORD)
    Certificates(work)
    scenarios = {
        "PostgreSQL is a service of the composition": beside,
        "PostgreSQL is on the network of the platform": lambda work, discord: on_network(work, discord, "coolify"),
        "PostgreSQL is on another network": lambda work, discord: on_network(work, discord, "databases"),
        "PostgreSQL is on another server, over TLS": elsewhere,
    }
    try:
        for name, scenario in scenarios.items():
            if wanted and not any(word in name for word in wanted):
                continue
            print(name, flush=True)
            discord = Discord(
                "--host", "0.0.0.0", "--port", "8443", "--public-host", "discord.verify",
                "--tls-certificate", str(work / "discord.verify.crt"), "--tls-key", str(work / "discord.verify.key"),
                authority=str(work / "authority.crt"))
            try:
                scenario(work, discord)
                discord.end()
            finally:
                discord.process.kill()
    finally:
        shutil.rmtree(work, ignore_errors=True)


main(sys.argv[1:])
