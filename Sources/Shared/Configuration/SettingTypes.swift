/// Which shards a gateway holds (`DISCORD_SHARDS`).
public enum ShardSelection: Sendable, Equatable {
    /// As many as Discord recommends, all of them.
    case automatic
    /// This many, all of them.
    case all(count: Int)
    /// One host's part of a larger bot.
    case range(ClosedRange<Int>, count: Int)

    /// Most shards of a bot; the largest bots in use have about a tenth.
    public static let maximumCount = 100_000

    static let accepted = "auto, a count such as 4, or FIRST-LAST/COUNT such as 0-15/64"

    init?(_ text: String) {
        if text == "auto" {
            self = .automatic
        } else if let count = Quantities.integer(text), 1...Self.maximumCount ~= count {
            self = .all(count: count)
        } else {
            let halves = text.split(separator: "/", omittingEmptySubsequences: false)
            let ends = halves[0].split(separator: "-", omittingEmptySubsequences: false)
            guard halves.count == 2, ends.count == 2, let count = Quantities.integer(halves[1]),
                let first = Quantities.integer(ends[0]), let last = Quantities.integer(ends[1]),
                first <= last, last < count, count <= Self.maximumCount
            else { return nil }
            self = .range(first...last, count: count)
        }
    }
}

/// How Discord compresses what it sends (`DISCORD_COMPRESS`; gateway.mdx, Transport Compression).
public enum GatewayCompression: String, Sendable, CaseIterable {
    case zstdStream = "zstd-stream"
    case zlibStream = "zlib-stream"
    case none
}

/// What events survive in the queue (`QUEUE_DURABILITY`).
public enum QueueDurability: String, Sendable, CaseIterable {
    /// Nothing but the process itself.
    case memory
    /// kill -9.
    case journal
    /// A power failure.
    case fsync
}

/// How log lines look (`LOG_FORMAT`).
public enum LogFormat: String, Sendable, CaseIterable {
    /// For people.
    case text
    /// One object a line.
    case json
    /// systemd's journal, with fields.
    case journald
}
