internal import Logging
internal import Shared

/// Removes what nothing can ask for any more: records that have expired, and everything of guilds that the bot left long ago.
struct Housekeeping: Sendable {
    /// How often it is looked for them; any worker may, and each does.
    static let interval: Duration = .seconds(3600)

    let store: any Store
    let logger: Logger
    var age = RecordAge.kept
    var ageOfGuilds = RecordAge.ofGuildsGone
    var pause: @Sendable () async throws -> Void = { try await Task.sleep(for: Self.interval) }

    /// Runs until it is cancelled.
    func run() async {
        while !Task.isCancelled {
            do throws(StoreError) {
                while try await store.forgetRecords(olderThan: age) > 0, !Task.isCancelled {}
                while try await store.forgetGuilds(leftLongerThan: ageOfGuilds) > 0, !Task.isCancelled {}
            } catch {
                // The next time is soon enough.
                logger.debug("Old records were not removed", metadata: ["reason": "\(error)"])
            }
            do { try await pause() } catch { return }
        }
    }
}
