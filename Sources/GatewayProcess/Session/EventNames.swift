internal import Glibc
internal import NIOCore

/// What sets a dispatch apart for the gateway; most are all alike.
enum EventRole: Sendable {
    case ordinary
    case ready, resumed, rateLimited, interaction
    /// `d.id` is the guild's, the channel's, the user's.
    case guild, channel, user

    init(eventName: String) {
        self =
            switch eventName {
            case "READY": .ready
            case "RESUMED": .resumed
            case "RATE_LIMITED": .rateLimited
            case "INTERACTION_CREATE": .interaction
            case "GUILD_CREATE", "GUILD_UPDATE", "GUILD_DELETE": .guild
            case "CHANNEL_CREATE", "CHANNEL_UPDATE", "CHANNEL_DELETE": .channel
            case "USER_UPDATE": .user
            default: .ordinary
            }
    }
}

/// Discord's name of a dispatch.
struct EventName: Sendable {
    let text: String
    let role: EventRole

    init(_ text: String) {
        self.text = text
        role = EventRole(eventName: text)
    }
}

/// The names seen so far, each made once, so that an event needs no allocation for its name.
///
/// A table of fixed size: a name whose slot is taken by another replaces it.
struct EventNames: Sendable {
    /// Discord has about 80 events.
    static let slotCount = 512

    private var names: [EventName] = Array(repeating: EventName(""), count: slotCount)

    /// The name in these bytes, and the slot it occupies.
    mutating func name(_ bytes: UnsafeRawBufferPointer) -> (name: EventName, slot: Int) {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        let slot = Int(truncatingIfNeeded: (hash ^ hash >> 32) & UInt64(Self.slotCount - 1))
        if !isName(in: slot, bytes) { names[slot] = EventName(String(decoding: bytes, as: UTF8.self)) }
        return (names[slot], slot)
    }

    @inline(__always)
    private func isName(in slot: Int, _ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let base = bytes.baseAddress else { return names[slot].text.isEmpty }
        let isKnown = names[slot].text.utf8.withContiguousStorageIfAvailable { known in
            guard known.count == bytes.count, let start = known.baseAddress else { return false }
            return memcmp(start, base, bytes.count) == 0
        }
        return isKnown ?? false
    }
}
