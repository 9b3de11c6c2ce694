internal import NIOCore
internal import Shared

/// Member requests (op 8) sent for workers whose success is not certain yet: Discord answers one that comes too soon with
/// a RATE_LIMITED dispatch (gateway-events.mdx, Rate Limited), and any other with chunks.
struct MemberRequests {
    struct Request: Equatable {
        let connection: Int
        let ref: Int
        let shard: Int
        let guild: Snowflake
        let nonce: String?
        let deadline: NIODeadline
    }

    private(set) var open: [Request] = []

    var isEmpty: Bool { open.isEmpty }
    var nextDeadline: NIODeadline? { open.first?.deadline }

    /// Deadlines never shrink from one request to the next, as all have the same allowance.
    mutating func sent(_ request: Request) { open.append(request) }

    /// The request that Discord refused: by nonce if there is one, else the youngest of that guild.
    mutating func limited(shard: Int, guild: Snowflake, nonce: String?) -> Request? {
        let index = open.lastIndex { $0.shard == shard && $0.guild == guild && (nonce == nil || $0.nonce == nonce) }
        return index.map { open.remove(at: $0) }
    }

    /// Members of the guild arrive: the oldest request is being answered.
    mutating func answered(shard: Int, guild: Snowflake) -> Request? {
        let index = open.firstIndex { $0.shard == shard && $0.guild == guild }
        return index.map { open.remove(at: $0) }
    }

    /// Those for which no refusal came in time.
    mutating func due(now: NIODeadline) -> [Request] {
        let count = open.prefix { $0.deadline <= now }.count
        defer { open.removeFirst(count) }
        return Array(open.prefix(count))
    }

    mutating func forget(connection: Int) { open.removeAll { $0.connection == connection } }

    /// Guild and nonce of a member request; nil for any other payload.
    static func target(of payload: JSON) -> (guild: Snowflake, nonce: String?)? {
        guard payload["op"]?.int == 8, let data = payload["d"], let guild = data["guild_id"] else { return nil }
        let id = guild.string.flatMap { Snowflake($0) } ?? guild.int.map { Snowflake(UInt64(clamping: $0)) }
        return id.map { ($0, data["nonce"]?.string) }
    }
}
