internal import Shared

/// A message for Discord: what Create Message and interaction answers have in common (resources/message.mdx).
struct OutgoingMessage: Sendable, Equatable {
    var content: String?
    /// Embed objects as Discord defines them.
    var embeds: [JSON] = []
    /// Component objects as Discord defines them.
    var components: [JSON] = []
    /// Files that come with it.
    var attachments: [Attachment] = []
    /// Only the caller of an interaction sees it (flag 64). Ignored in ordinary messages.
    var isEphemeral = false
    /// The message this replies to, in ordinary messages. A deleted one does not fail the send.
    var replyTo: Snowflake?
    /// Users that the text may ping; nobody else is ever pinged.
    var pings: [Snowflake] = []

    init(_ content: String? = nil) {
        self.content = content
    }
}

/// The first answer to an interaction (receiving-and-responding.mdx).
enum InteractionResponse: Sendable, Equatable {
    case message(OutgoingMessage)
    case deferredMessage(ephemeral: Bool)
    case deferredUpdate
    case update(OutgoingMessage)
    /// At most 25 choices.
    case autocomplete([JSON])
    case modal(JSON)

    /// The files that go with it.
    var attachments: [Attachment] {
        switch self {
        case .message(let message), .update(let message): message.attachments
        case .deferredMessage, .deferredUpdate, .autocomplete, .modal: []
        }
    }
}

/// An interaction's credentials, which are all that answering needs.
struct InteractionReference: Sendable, Equatable {
    let id: Snowflake
    let applicationID: Snowflake
    let token: String
}

/// Discord's REST API in the words of this bot. Every call waits for its rate limits, retries what is safe to retry,
/// and throws what remains.
protocol DiscordAPI: Sendable {
    /// Create Message. `nonce` (at most 25 characters) is sent with `enforce_nonce`, so that Discord drops a repeat
    /// within its window of a few minutes; a repeat whose first message was deleted since (10008) counts as sent.
    /// - Parameter until: no request goes out after this, nil for no such limit; then the call fails as `unavailable`.
    /// - Returns: the message's id; nil if Discord's answer did not say it, or the message was deleted since.
    @discardableResult
    func createMessage(
        in channel: Snowflake, _ message: OutgoingMessage, nonce: String, until: ContinuousClock.Instant?
    ) async throws(DiscordAPIError) -> Snowflake?

    /// At most `limit` (100) messages of a channel that are newer than `after`, the oldest of those first. Empty also where
    /// the bot may not read older messages.
    func messages(
        in channel: Snowflake, after: Snowflake, limit: Int
    ) async throws(DiscordAPIError) -> [ChannelMessage]

    /// The bot's own user.
    func ownUser() async throws(DiscordAPIError) -> Snowflake

    /// The first answer, which has three seconds. Throws `.alreadyAnswered` on 40060, `.tooLate` on 10062 and 50027.
    func respond(to interaction: InteractionReference, with response: InteractionResponse) async throws(DiscordAPIError)

    /// Edits the first answer, which finishes a deferred one. Throws `.notYetAnswered` on 10015.
    func editOriginalResponse(
        of interaction: InteractionReference, to message: OutgoingMessage
    ) async throws(DiscordAPIError)

    /// Sends a message beside the first answer. Repeated after a lost answer it may be there twice, so only for what does no harm
    /// then.
    func followUp(
        _ interaction: InteractionReference, with message: OutgoingMessage
    ) async throws(DiscordAPIError)

    /// Whether the first answer is a deferral still: "thinking". Throws `.notYetAnswered` on 10015, `.tooLate` on 50027.
    func isOriginalResponseLoading(of interaction: InteractionReference) async throws(DiscordAPIError) -> Bool

    /// A guild with its roles (resources/guild.mdx, Get Guild).
    func guild(_ guild: Snowflake) async throws(DiscordAPIError) -> JSON

    /// A channel with its overwrites (resources/channel.mdx, Get Channel).
    func channel(_ channel: Snowflake) async throws(DiscordAPIError) -> JSON

    /// The application's global commands, as Discord has them, with all localisations.
    func globalCommands(of application: Snowflake) async throws(DiscordAPIError) -> JSON

    /// Replaces all of the application's global commands.
    func overwriteGlobalCommands(of application: Snowflake, with commands: JSON) async throws(DiscordAPIError)

    /// The last REST round trip that was answered, in milliseconds; nil before the first.
    var lastRoundTripMilliseconds: Int? { get async }
}

/// Why a call to Discord's REST API did not succeed.
struct DiscordAPIError: Error, Equatable, CustomStringConvertible {
    enum Kind: Sendable, Equatable {
        /// 40060: some first answer exists, perhaps only a deferral.
        case alreadyAnswered
        /// 10062 or 50027: the interaction's time is over.
        case tooLate
        /// 10015 on an interaction's token: there is no first answer to edit yet.
        case notYetAnswered
        /// Discord refuses this request for good: 400, 403, 404 and the like. Repeating it changes nothing.
        case rejected
        /// The bot token is wrong (401 with the bot token): the process must end with 77.
        case unauthorized
        /// Discord or the way there is down, or a limit would hold longer than the caller can wait: try again later.
        case unavailable
    }

    let kind: Kind
    /// HTTP status, if there was an answer.
    let status: Int?
    /// Discord's JSON error code, if there was one.
    let code: Int?
    /// How long to wait before trying again, when `unavailable`.
    let retryAfter: Duration?
    /// Method, route template and reason; never a token.
    let description: String
    /// Whether Discord may have done what was asked all the same: an attempt got no answer, or a server's error.
    var mayHaveBeenCarriedOut = false
}
