internal import Shared

/// Nonces sent with `enforce_nonce`, kept "for the past few minutes" (resources/message.mdx, Create Message).
struct NonceWindow: Equatable {
    private struct Key: Hashable {
        var author: Snowflake
        var nonce: String
    }

    private struct Entry: Equatable {
        var message: Snowflake
        var expiresAt: Int
    }

    private var entries: [Key: Entry] = [:]

    /// The message that this author made with this nonce; it may have been deleted since.
    func message(by author: Snowflake, nonce: String, at now: Int) -> Snowflake? {
        guard let entry = entries[Key(author: author, nonce: nonce)], now < entry.expiresAt else { return nil }
        return entry.message
    }

    /// Remembers a message's nonce for so many microseconds.
    mutating func insert(
        _ nonce: String, by author: Snowflake, message: Snowflake, at now: Int, lifetime: Int
    ) {
        if entries.count >= Self.manyEntries { entries = entries.filter { now < $0.value.expiresAt } }
        entries[Key(author: author, nonce: nonce)] = Entry(message: message, expiresAt: now + lifetime)
    }

    /// Entries kept before the expired ones are looked for and dropped.
    private static let manyEntries = 4096
}
