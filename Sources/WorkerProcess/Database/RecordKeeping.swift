internal import Logging
internal import Shared

/// Removes records that nothing can ask for any more.
struct RecordKeeping: Sendable {
    /// How often it is looked for them; any worker may, and each does.
    static let interval: Duration = .seconds(3600)

    let store: any Store
    let logger: Logger
    var age = RecordAge.kept
    var pause: @Sendable () async throws -> Void = { try await Task.sleep(for: Self.interval) }

    /// Runs until it is cancelled.
    func run() async {
        while !Task.isCancelled {
            do throws(StoreError) {
                while try await store.forgetRecords(olderThan: age) > 0, !Task.isCancelled {}
            } catch {
                // The next time is soon enough.
                logger.debug("Old records were not removed", metadata: ["reason": "\(error)"])
            }
            do { try await pause() } catch { return }
        }
    }
}
