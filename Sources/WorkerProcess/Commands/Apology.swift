internal import Shared

/// What a caller is told when a command cannot be carried out: better than "thinking" for a quarter of an hour.
struct Apology: Sendable, Equatable {
    let text: String
    /// Whether that is all. Otherwise the event still counts as failed and may be tried again, which then edits the apology.
    let isAll: Bool

    /// Nil if the event had better come again without a word.
    init?(_ error: any Error) {
        switch HandlerFailure(error) {
        case .databaseDown:
            // One that is closed is this worker's own, which is going.
            if (error as? StoreError)?.kind == .closed { return nil }
            text = """
                I cannot reach my database at the moment, so I do not know whether this was done. \
                Please try again in a minute.
                """
            isAll = true
        case .failed:
            text = "Sorry, something went wrong here. It was noted for those who run me."
            isAll = false
        case .pointless, .tooLate, .notNow, .unauthorized: return nil
        }
    }

    var message: OutgoingMessage {
        var message = OutgoingMessage(text)
        message.isEphemeral = true
        return message
    }
}
