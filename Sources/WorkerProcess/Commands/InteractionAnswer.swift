internal import Shared

/// Answers an interaction so that a repetition, on this worker or another, changes nothing.
///
/// Discord takes one first answer. The gateway may have given it, as a deferral, or a worker that died before it could say so;
/// the answer then becomes an edit of that one, which can be repeated.
struct InteractionAnswer: Sendable {
    /// What can still be done about an interaction.
    enum Standing: Sendable, Equatable {
        /// It has no answer yet, as far as is known.
        case open
        /// The caller sees "thinking".
        case deferred
        /// The caller has an answer.
        case answered
        /// Its time is over.
        case over
    }

    let interaction: InteractionReference
    /// Whether the gateway has said that it deferred.
    let isDeferred: Bool
    /// Whether an earlier attempt failed, whose apology is no answer.
    let isRepeated: Bool
    let api: any DiscordAPI
    var deadline = InteractionDeadline()

    /// Finds out before anything is done for the caller, who was told by Discord that it failed if its time is over.
    ///
    /// What came in time costs no request. What did not may have been deferred all the same, by a gateway that died before it
    /// could say so; Discord knows.
    func standing(wallClock: Int64) async throws(DiscordAPIError) -> Standing {
        let age = deadline.age(of: interaction.id, wallClock: wallClock)
        if isDeferred, age < deadline.impossibleAge { return .deferred }
        if !isDeferred, age < deadline.hopelessAge { return .open }
        do {
            let isLoading = try await api.isOriginalResponseLoading(of: interaction)
            return isLoading || isRepeated ? .deferred : .answered
        } catch  where error.kind == .tooLate {
            return .over
        } catch  where error.kind == .notYetAnswered {
            // The token is good, which an older one would not be: the machine's clock is wrong.
            return age < deadline.impossibleAge ? .over : .open
        } catch  where error.code == Self.unknownMessage {
            return .answered
        }
    }

    /// Discord's code for a message that is not there any more: the caller has dismissed the answer.
    private static let unknownMessage = 10008

    /// Sends the answer.
    /// - Parameter standing: `open` or `deferred`.
    func send(_ message: OutgoingMessage, _ standing: Standing) async throws(DiscordAPIError) {
        guard standing == .open else { return try await finish(message) }
        do {
            try await api.respond(to: interaction, with: .message(message))
        } catch  where error.kind == .alreadyAnswered {
            try await api.editOriginalResponse(of: interaction, to: message)
        } catch  where error.kind == .tooLate {
            // The command took its time, and the gateway may have deferred meanwhile.
            do {
                try await api.editOriginalResponse(of: interaction, to: message)
            } catch  where error.kind == .notYetAnswered {
                throw DiscordAPIError.tooLate(interaction, "there was no answer in time")
            }
        }
    }

    /// The deferral may not have reached Discord after all: then there is nothing to edit yet.
    private func finish(_ message: OutgoingMessage) async throws(DiscordAPIError) {
        do {
            try await api.editOriginalResponse(of: interaction, to: message)
        } catch  where error.kind == .notYetAnswered {
            do {
                try await api.respond(to: interaction, with: .message(message))
            } catch  where error.kind == .alreadyAnswered {
                try await api.editOriginalResponse(of: interaction, to: message)
            }
        }
    }
}
