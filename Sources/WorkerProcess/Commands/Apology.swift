internal import Shared

/// What a caller is told when a command cannot be carried out: better than "thinking" for a quarter of an hour.
struct Apology: Sendable, Equatable {
    let phrase: Phrase
    /// Whether that is all. Otherwise the event still counts as failed and may be tried again, which then edits the apology.
    let isAll: Bool

    /// Nil if the event had better come again without a word.
    init?(_ error: any Error) {
        switch HandlerFailure(error) {
        case .databaseDown:
            // One that is closed is this worker's own, which is going.
            if (error as? StoreError)?.kind == .closed { return nil }
            phrase = .databaseDown
            isAll = true
        case .failed:
            phrase = .somethingWrong
            isAll = false
        case .pointless, .tooLate, .notNow, .unauthorized: return nil
        }
    }

    func reply(in language: Language) -> Reply { .hint(language(phrase)) }
}
