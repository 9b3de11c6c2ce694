internal import Logging
internal import ServiceLifecycle
internal import Shared

/// Opens and migrates the database at the start.
enum OpenedStore {
    /// Opens the store that `DATABASE_URL` names; a database that is down is waited for.
    /// - Returns: nil if the process was asked to end meanwhile.
    /// - Throws: `ServiceFailure` where waiting is of no use.
    static func open(_ settings: WorkerSettings, logger: Logger) async throws(ServiceFailure) -> (any Store)? {
        try await open("\(settings.database)", logger: logger) { () async throws(StoreError) in
            try await StoreFactory.open(settings.database, poolSize: settings.databasePoolSize, logger: logger)
        }
    }

    /// The same for any store.
    static func open(
        _ place: String, logger: Logger, backoff: Backoff = Backoff(first: .milliseconds(500), maximum: .seconds(15)),
        _ make: () async throws(StoreError) -> any Store
    ) async throws(ServiceFailure) -> (any Store)? {
        var backoff = backoff
        while true {
            var store: (any Store)?
            do throws(StoreError) {
                let opened = try await make()
                store = opened
                try await opened.migrate()
                return opened
            } catch {
                await store?.close()
                if let failure = failure(error) { throw failure }
                tell(error, place, attempt: backoff.attempts, logger)
            }
            ServiceManager.notify(.extendTimeout(.seconds(30)), .status("waiting for the database"))
            guard await pause(for: backoff.nextWait()) else { return nil }
        }
    }

    /// What ends the process: what is wrong will still be wrong at the next try.
    private static func failure(_ error: StoreError) -> ServiceFailure? {
        switch error.kind {
        case .unavailable, .conflict: nil
        case .misconfigured: ServiceFailure(.configuration, "DATABASE_URL: \(error)")
        case .rejected, .closed: ServiceFailure(.unavailable, "DATABASE_URL: \(error)")
        }
    }

    private static func tell(_ error: StoreError, _ place: String, attempt: Int, _ logger: Logger) {
        // Once as a warning; whoever wants each try sees it at the level debug.
        logger.log(
            level: attempt == 0 ? .warning : .debug, "The database is not to be had; trying again until it is",
            metadata: ["database": "\(place)", "reason": "\(error)"])
    }

    /// False if the process was asked to end meanwhile.
    private static func pause(for time: Duration) async -> Bool {
        do {
            return try await cancelWhenGracefulShutdown {
                try await Task.sleep(for: time)
                return true
            }
        } catch {
            return false
        }
    }
}
