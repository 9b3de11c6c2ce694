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
    /// Whether the first answer is the message that a component is on, which nothing but an update may change.
    var isOnMessage = false

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

    /// Tells the caller that the answer is on its way, or has a component's message wait, unless that was done.
    func deferAnswer(_ response: InteractionResponse) async throws(DiscordAPIError) {
        guard let error = await failure(of: response) else { return }
        if error.kind != .alreadyAnswered { throw error }
    }

    /// Sends the answer.
    /// - Parameter standing: `open` or `deferred`.
    func send(_ reply: Reply, _ standing: Standing) async throws(DiscordAPIError) {
        guard case .open = standing else { return try await finish(reply) }
        guard let error = await failure(of: reply.response) else { return }
        switch error.kind {
        case .alreadyAnswered: try await edit(reply)
        case .tooLate:
            // The command took its time, and the gateway may have deferred meanwhile.
            guard let second = await editFailure(of: reply) else { return }
            if second.kind == .notYetAnswered { throw .tooLate(interaction, "there was no answer in time") }
            throw second
        default: throw error
        }
    }

    /// The deferral may not have reached Discord after all: then there is nothing to edit yet.
    private func finish(_ reply: Reply) async throws(DiscordAPIError) {
        guard let error = await editFailure(of: reply) else { return }
        guard error.kind == .notYetAnswered else { throw error }
        guard let second = await failure(of: reply.response) else { return }
        guard second.kind == .alreadyAnswered else { throw second }
        try await edit(reply)
    }

    private func edit(_ reply: Reply) async throws(DiscordAPIError) {
        if let error = await editFailure(of: reply) { throw error }
    }

    /// Errors as values: caught where they are thrown on, they make the optimizer of Swift 6.3 crash.
    private func failure(of response: InteractionResponse) async -> DiscordAPIError? {
        do throws(DiscordAPIError) {
            try await api.respond(to: interaction, with: response)
            return nil
        } catch {
            return error
        }
    }

    private func editFailure(of reply: Reply) async -> DiscordAPIError? {
        // A modal that came a second time is shown already.
        guard let message = reply.outgoingMessage else { return nil }
        do throws(DiscordAPIError) {
            if isOnMessage, case .message = reply {
                try await api.followUp(interaction, with: message)
            } else {
                try await api.editOriginalResponse(of: interaction, to: message)
            }
            return nil
        } catch {
            return error
        }
    }
}

extension Reply {
    var response: InteractionResponse {
        switch self {
        case .message(let message): .message(message)
        case .update(let message): .update(message)
        case .modal(let modal): .modal(modal.json)
        }
    }

    var outgoingMessage: OutgoingMessage? {
        switch self {
        case .message(let message), .update(let message): message
        case .modal: nil
        }
    }
}
