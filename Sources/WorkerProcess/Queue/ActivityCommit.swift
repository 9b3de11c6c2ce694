internal import Shared

/// Commits counted messages in as few transactions as the store's answers allow.
struct ActivityCommit: Sendable {
    /// A counted message and the copy of the event that brought it.
    struct Entry: Sendable, Equatable {
        let copy: Int
        let activity: ActivityEvent
    }

    /// What became of each entry.
    struct Verdict: Sendable, Equatable {
        var committed: [Int] = []
        /// At fault themselves.
        var rejected: [(copy: Int, reason: String)] = []
        /// Not tried, because an earlier one of their key was rejected and they come back with it.
        var dropped: [Entry] = []
        /// Not committed because of the database: the first such entry, and all others.
        var outage: (copies: [Int], reason: String)?

        static func == (left: Verdict, right: Verdict) -> Bool {
            left.committed == right.committed && left.dropped == right.dropped
                && left.rejected.map(\.copy) == right.rejected.map(\.copy)
                && left.outage?.copies == right.outage?.copies
        }
    }

    /// Attempts of a transaction that lost against another one, before the database counts as overloaded.
    static let maximumConflicts = 5

    let store: any Store
    /// Waits between such attempts; random so that two workers do not meet again.
    var pause: @Sendable () async -> Void = { try? await Task.sleep(for: .milliseconds(Int.random(in: 2...20))) }

    /// Commits entries in order. One that is rejected is isolated by halving what it came with.
    func commit(_ entries: [Entry]) async -> Verdict {
        var verdict = Verdict()
        var rejectedKeys: Set<String> = []
        await commit(entries[...], &rejectedKeys, &verdict)
        return verdict
    }

    private func commit(
        _ part: ArraySlice<Entry>, _ rejectedKeys: inout Set<String>, _ verdict: inout Verdict
    ) async {
        let entries = part.filter { !rejectedKeys.contains($0.activity.key) }
        verdict.dropped += part.filter { rejectedKeys.contains($0.activity.key) }
        guard !entries.isEmpty else { return }
        if verdict.outage != nil {
            verdict.outage?.copies += entries.map(\.copy)
            return
        }
        switch await record(entries) {
        case nil: verdict.committed += entries.map(\.copy)
        case let error? where error.kind == .rejected:
            guard entries.count > 1 else {
                verdict.rejected.append((entries[0].copy, error.description))
                rejectedKeys.insert(entries[0].activity.key)
                return
            }
            let middle = entries.count / 2
            await commit(entries[..<middle], &rejectedKeys, &verdict)
            await commit(entries[middle...], &rejectedKeys, &verdict)
        case let error?:
            verdict.outage = (entries.map(\.copy), error.description)
        }
    }

    private func record(_ entries: [Entry]) async -> StoreError? {
        var conflicts = 0
        while true {
            do throws(StoreError) {
                try await store.recordActivity(entries.map(\.activity))
                return nil
            } catch {
                conflicts += 1
                guard error.kind == .conflict, conflicts < Self.maximumConflicts else { return error }
                await pause()
            }
        }
    }
}
