internal import Shared

/// Answers an interaction so that a repetition, on this worker or another, changes nothing.
///
/// Discord takes one first answer. The gateway may have given it, as a deferral, or a worker that died before it could say so;
/// the answer then becomes an edit of that one, which can be repeated.
struct InteractionAnswer: Sendable {
    let interaction: InteractionReference
    /// Whether the gateway has said that it deferred.
    let isDeferred: Bool
    let api: any DiscordAPI

    func send(_ message: OutgoingMessage) async throws(DiscordAPIError) {
        guard !isDeferred else { return try await finish(message) }
        do {
            try await api.respond(to: interaction, with: .message(message))
        } catch  where error.kind == .alreadyAnswered {
            try await api.editOriginalResponse(of: interaction, to: message)
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
