internal import Shared

/// What one session needs to be resumed by a later process.
struct StoredSession: Equatable, Sendable {
    var shard: Int
    var id: String
    var resumeURL: String?
    /// The last dispatch of which nothing can be lost any more, or READY's own number.
    var sequence: Int
    /// READY's `d`, as long as no worker is done with it: Discord sends it only once, and it can be nothing else's replay.
    var ready: String?
}

/// What survives a restart of the gateway, besides the queue: sessions and past identifies.
struct SessionFile: Equatable, Sendable {
    /// Format of the file; others are not read.
    static let format = 1
    static let name = "sessions.json"

    /// Hash of the bot, by its token: past identifies are counted for it.
    var bot: String
    /// Hash of all that a session was identified with: resumed with other intents it would go on with the old ones.
    var identity: String
    var applicationID: Snowflake?
    var userID: Snowflake?
    var shardCount: Int?
    var sessions: [StoredSession] = []
    var identifies: [PastIdentify] = []

    init(bot: String, identity: String) {
        self.bot = bot
        self.identity = identity
    }

    /// What a file is not, if it is not one of these.
    struct Unreadable: Error, Equatable, CustomStringConvertible {
        let description: String
    }

    init(parsing text: String) throws(Unreadable) {
        let value: JSON
        do throws(JSONError) {
            value = try JSONParser.read(text) { JSON($0) }
        } catch {
            throw Unreadable(description: "it is not JSON: \(error)")
        }
        guard let format = value["format"]?.int else { throw Unreadable(description: "it bears no format number") }
        guard format == Self.format else {
            throw Unreadable(description: "its format is \(format), not \(Self.format)")
        }
        guard let bot = value["bot"]?.string, let identity = value["identity"]?.string,
            let sessions = value["sessions"]?.elements, let identifies = value["identifies"]?.elements
        else { throw Unreadable(description: "a member is missing") }
        self.bot = bot
        self.identity = identity
        applicationID = value["application_id"]?.string.flatMap { Snowflake($0) }
        userID = value["user_id"]?.string.flatMap { Snowflake($0) }
        shardCount = value["shard_count"]?.int.flatMap { $0 > 0 ? $0 : nil }
        for entry in sessions {
            guard let shard = entry["shard"]?.int, shard >= 0, let id = entry["id"]?.string, !id.isEmpty,
                let sequence = entry["sequence"]?.int, sequence >= 0
            else { throw Unreadable(description: "a session lacks its shard, id or sequence") }
            self.sessions.append(
                StoredSession(
                    shard: shard, id: id, resumeURL: entry["resume_url"]?.string, sequence: sequence,
                    ready: entry["ready"]?.string))
        }
        for entry in identifies {
            guard let at = entry["at"]?.int, let shard = entry["shard"]?.int, shard >= 0 else {
                throw Unreadable(description: "a past identify lacks its time or shard")
            }
            self.identifies.append(PastIdentify(at: Int64(at), shard: shard))
        }
    }

    var text: String {
        let sessions = sessions.map { session in
            JSON.compact([
                "shard": .integer(session.shard), "id": .string(session.id),
                "resume_url": session.resumeURL.map(JSON.string), "sequence": .integer(session.sequence),
                "ready": session.ready.map(JSON.string),
            ])
        }
        let identifies = identifies.map { identify -> JSON in
            ["at": .integer(Int(identify.at)), "shard": .integer(identify.shard)]
        }
        return JSON.compact([
            "format": .integer(Self.format), "bot": .string(bot), "identity": .string(identity),
            "application_id": applicationID.map { .string($0.description) },
            "user_id": userID.map { .string($0.description) },
            "shard_count": shardCount.map(JSON.integer),
            "sessions": .array(sessions), "identifies": .array(identifies),
        ]).text + "\n"
    }

    /// Drops what belongs to another bot or was identified with something else.
    mutating func keepOnly(bot: String, identity: String) {
        if self.bot != bot {
            self = SessionFile(bot: bot, identity: identity)
        } else if self.identity != identity {
            self.identity = identity
            sessions = []
            shardCount = nil
        }
    }
}
