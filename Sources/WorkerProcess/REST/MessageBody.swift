internal import Shared

/// How messages and answers look in requests (resources/message.mdx, interactions/receiving-and-responding.mdx).
///
/// The text may hold what members wrote, so `allowed_mentions` is always there: only users in `pings` are pinged.
enum MessageBody {
    /// Longest `content`. Discord does not say whether it counts code points or UTF-16 units; UTF-16 is never shorter.
    static let maximumContentLength = 2000
    /// Most users that `allowed_mentions` may name.
    static let maximumPings = 100
    /// Most choices of an autocomplete answer.
    static let maximumChoices = 25
    /// Longest `nonce`.
    static let maximumNonceLength = 25
    /// Message flag LOADING: a deferred answer that has not come yet.
    static let loadingFlag = 128
    /// Message flag EPHEMERAL.
    static let ephemeralFlag = 64

    /// The body of Create Message.
    static func creation(_ message: OutgoingMessage, nonce: String) -> JSON {
        let reference = message.replyTo.map { id -> JSON in
            ["message_id": .string(id.description), "fail_if_not_exists": false]
        }
        return .compact([
            "content": message.content.map { .string(fitting($0)) },
            "embeds": message.embeds.isEmpty ? nil : .array(message.embeds),
            "components": message.components.isEmpty ? nil : .array(message.components),
            "allowed_mentions": allowedMentions(of: message),
            "attachments": message.attachments.isEmpty ? nil : message.attachmentList,
            "message_reference": reference,
            "nonce": .string(nonce),
            "enforce_nonce": true,
        ])
    }

    /// The body of an edit, which makes the message exactly this: what `message` lacks is taken away.
    static func edit(_ message: OutgoingMessage) -> JSON {
        [
            "content": message.content.map { .string(fitting($0)) } ?? .null,
            "embeds": .array(message.embeds),
            "components": .array(message.components),
            "attachments": message.attachmentList,
            "allowed_mentions": allowedMentions(of: message),
        ]
    }

    /// The body of the first answer to an interaction.
    static func callback(_ response: InteractionResponse) -> JSON {
        switch response {
        case .message(let message): ["type": 4, "data": answer(message)]
        case .deferredMessage(let ephemeral):
            ephemeral ? ["type": 5, "data": ["flags": .integer(ephemeralFlag)]] : ["type": 5]
        case .deferredUpdate: ["type": 6]
        case .update(let message): ["type": 7, "data": edit(message)]
        case .autocomplete(let choices):
            ["type": 8, "data": ["choices": .array(Array(choices.prefix(maximumChoices)))]]
        case .modal(let modal): ["type": 9, "data": modal]
        }
    }

    /// The message of a first answer, or of one beside it.
    static func answer(_ message: OutgoingMessage) -> JSON {
        .compact([
            "content": message.content.map { .string(fitting($0)) },
            "embeds": message.embeds.isEmpty ? nil : .array(message.embeds),
            "components": message.components.isEmpty ? nil : .array(message.components),
            "attachments": message.attachments.isEmpty ? nil : message.attachmentList,
            "allowed_mentions": allowedMentions(of: message),
            "flags": message.isEphemeral ? .integer(ephemeralFlag) : nil,
        ])
    }

    private static func allowedMentions(of message: OutgoingMessage) -> JSON {
        var seen: Set<Snowflake> = []
        let users = message.pings.filter { seen.insert($0).inserted }.prefix(maximumPings)
        return .compact([
            "parse": [],
            "users": users.isEmpty ? nil : .array(users.map { .string($0.description) }),
            "replied_user": false,
        ])
    }

    /// The text, or as much of it as Discord takes, cut between two characters as readers see them and marked with `…`:
    /// a shortened answer helps more than none, which is what 50035 would mean.
    static func fitting(_ text: String) -> String { text.cut(toUTF16: maximumContentLength) }
}
