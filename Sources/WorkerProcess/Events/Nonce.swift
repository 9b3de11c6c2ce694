internal import Shared

/// The nonce of a message to Discord, made of what the message is about, so that a repetition has the same.
enum Nonce {
    /// Discord takes 25 characters (resources/message.mdx); 24 hexadecimal digits are 96 bits.
    static let length = 24

    /// The parts name the content: never the queue's id, which a replay by Discord changes.
    static func of(_ parts: String...) -> String {
        String(Digest.sha256Hex(parts.joined(separator: "/")).prefix(length))
    }
}
