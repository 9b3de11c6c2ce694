/// All settings as docs/operations.md lists them.
public enum SettingsTable {
    /// Which of the two programs reads a setting.
    public enum Process: String, Sendable {
        case both, gateway, worker
    }

    /// One setting.
    public struct Row: Sendable, Equatable {
        /// The variable.
        public let name: String
        /// Who reads it.
        public let process: Process
        /// Its default, as Markdown.
        public let standard: String
        /// What it does, as Markdown.
        public let meaning: String

        init(_ name: String, _ process: Process, _ standard: String, _ meaning: String) {
            self.name = name
            self.process = process
            self.standard = standard
            self.meaning = meaning
        }
    }

    /// Variables that systemd sets; they are read, but nobody writes them by hand.
    static let inheritedNames: Set<String> = [
        "RUNTIME_DIRECTORY", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS",
        "LISTEN_PID", "LISTEN_FDNAMES", "JOURNAL_STREAM",
    ]

    /// The settings, in the order of the documentation.
    public static let rows: [Row] = [
        Row("DISCORD_TOKEN", .both, "required", "bot token"),
        Row(
            "DISCORD_API_URL", .both, "`https://discord.com/api/v10`",
            "REST base URL; the gateway URL is always learnt from `GET /gateway/bot` under it. "
                + "`http://` and `ws://` are accepted for loopback hosts only"),
        Row("DISCORD_CA_FILE", .both, "system roots", "extra PEM bundle to trust"),
        Row(
            "DISCORD_INTENTS", .gateway, "`GUILDS,GUILD_MEMBERS,GUILD_MESSAGES,MESSAGE_CONTENT`",
            "names as in Discord's documentation"),
        Row(
            "DISCORD_SHARDS", .gateway, "`auto`",
            "`auto`, `COUNT`, or `FIRST-LAST/COUNT` for one host's part of a larger bot"),
        Row("DISCORD_COMPRESS", .gateway, "`zstd-stream`", "`zstd-stream`, `zlib-stream`, `none`"),
        Row("DISCORD_PRESENCE", .gateway, "none", "status text shown under the bot's name, at most 128 characters"),
        Row(
            "QUEUE_SOCKET", .both, "`$RUNTIME_DIRECTORY/queue.sock`, else `./run/queue.sock`",
            "path of the Unix domain socket; a listening socket passed by systemd wins on the gateway side"),
        Row("QUEUE_SOCKET_MODE", .gateway, "`0660`", "file mode of the socket"),
        Row(
            "QUEUE_ALLOWED_UIDS", .gateway, "own uid and root",
            "numbers or user names, comma-separated; other users are refused, whatever the file mode says"),
        Row(
            "QUEUE_DURABILITY", .gateway, "`journal`",
            "`memory`, `journal` (survives kill -9), `fsync` (survives power loss)"),
        Row("QUEUE_MAX_BYTES", .gateway, "`1GiB`", "most backlog kept on disk before shedding starts"),
        Row(
            "QUEUE_ACK_TIMEOUT", .gateway, "`30s`", "an event unacknowledged this long is taken from its worker"),
        Row("QUEUE_MAX_ATTEMPTS", .gateway, "`5`", "counted failures that send an event to the dead letters"),
        Row(
            "INTERACTION_DEFER_AFTER", .gateway, "`1500ms`",
            "an interaction that no worker has acknowledged by then is deferred by the gateway, "
                + "`1ms` to `2500ms`; `0` turns it off"),
        Row(
            "STATE_DIRECTORY", .both, "`./state`",
            "journal, session state, dead letters, the SQLite file. "
                + "A second gateway on the same directory refuses to start and names the first (exit 69)"),
        Row(
            "DATABASE_URL", .worker, "`sqlite:` and `olim.sqlite` under `STATE_DIRECTORY`",
            "`postgresql://…` or `postgres://…` (libpq URI, `sslmode` honoured) or `sqlite:PATH`"),
        Row("DATABASE_POOL_SIZE", .worker, "`4`", "connections per worker process"),
        Row(
            "WORKER_NAME", .worker, "`HOSTNAME:PID`",
            "shown in status and logs; a name that stays over a restart keeps the worker its keys"),
        Row("WORKER_CAPACITY", .worker, "`256`", "events in flight at once"),
        Row("COMMAND_PREFIX", .worker, "`!`", "prefix of text commands until a guild sets its own"),
        Row(
            "DRAIN_TIMEOUT", .both, "worker `25s`, gateway `2s`", "how long SIGTERM waits for work in flight"),
        Row(
            "CONTROL_SOCKET", .gateway, "beside the queue socket, `control.sock`",
            "where `olimctl` connects; mode 0600, own uid and root"),
        Row("DEAD_LETTER_KEEP", .gateway, "`14d`", "dead letters older than this are deleted"),
        Row(
            "LOG_LEVEL", .both, "`info`", "`trace`, `debug`, `info`, `notice`, `warning`, `error`, `critical`"),
        Row("LOG_FORMAT", .both, "`text` on a terminal, else `json`", "`text`, `json`, `journald`"),
        Row(
            "METRICS_LISTEN", .both, "off",
            "`unix:PATH` or `HOST:PORT` for Prometheus text at `/metrics`, `/healthz`, `/readyz`; "
                + "an address beyond loopback is allowed (a private container network) and warned about once"),
    ]

    /// The table as Markdown, with a line break at its end.
    public static var markdown: String {
        rows.reduce("| name | process | default | meaning |\n|---|---|---|---|\n") { text, row in
            text + "| `\(row.name)` | \(row.process.rawValue) | \(row.standard) | \(row.meaning) |\n"
        }
    }
}
