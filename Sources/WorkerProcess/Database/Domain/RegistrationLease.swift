internal import Shared

/// The rows by which workers take turns at registering commands.
///
/// A lease instead of a lock held by a connection: registering waits for Discord, for minutes if its limits say so, and
/// neither a connection nor a transaction may be kept for that. A holder that dies is waited for until its lease ends.
protocol RegistrationLeases: Sendable {
    /// Takes the lease for `duration` of the database's clock, unless another holder has it.
    func claimLease(
        of application: Snowflake, holder: String, for duration: Duration
    ) async throws(StoreError) -> RegistrationLease.Claim

    /// Extends it; false if it was lost.
    func renewLease(
        of application: Snowflake, holder: String, for duration: Duration
    ) async throws(StoreError) -> Bool

    /// Keeps the hash and gives the lease back, in one transaction; false, with nothing kept, if the lease was lost.
    func finishLease(of application: Snowflake, holder: String, hash: String) async throws(StoreError) -> Bool

    /// Gives the lease back with the hash as it was.
    func releaseLease(of application: Snowflake, holder: String) async throws(StoreError)
}

/// Taking turns at registering commands.
enum RegistrationLease {
    /// The answer to an attempt to take the lease.
    enum Claim: Sendable, Equatable {
        case claimed(registeredHash: String?)
        case held
    }

    /// The times, shorter in tests.
    struct Times: Sendable {
        /// How long others wait for a holder that has died.
        var lease: Duration = .seconds(30)
        /// A third of the lease, so that two renewals may fail.
        var renewal: Duration = .seconds(10)
        /// How often one that waits asks again.
        var poll: Duration = .milliseconds(250)
        /// The longest a holder may take, and the longest anyone waits: Discord's daily limit on new commands can make a
        /// request wait for hours, and a start that hangs so long must say so instead.
        var limit: Duration = .seconds(300)
    }

    /// Runs `body` while holding the lease, and keeps the hash it returns.
    static func run(
        _ leases: any RegistrationLeases, application: Snowflake, holder: String, times: Times,
        _ body: @Sendable @escaping (String?) async throws -> String
    ) async throws {
        let registered = try await claim(leases, application: application, holder: holder, times: times)
        do {
            let hash = try await withThrowingTaskGroup(of: String.self) { group in
                group.addTask { try await body(registered) }
                group.addTask { try await renew(leases, application: application, holder: holder, times: times) }
                defer { group.cancelAll() }
                guard let first = try await group.next() else { throw CancellationError() }
                return first
            }
            guard try await leases.finishLease(of: application, holder: holder, hash: hash) else { throw lost }
        } catch {
            // If this fails too, the lease ends by itself.
            try? await leases.releaseLease(of: application, holder: holder)
            throw error
        }
    }

    private static func claim(
        _ leases: any RegistrationLeases, application: Snowflake, holder: String, times: Times
    ) async throws -> String? {
        let clock = ContinuousClock()
        let deadline = clock.now.advanced(by: times.limit + times.lease)
        while true {
            let claim = try await leases.claimLease(of: application, holder: holder, for: times.lease)
            if case .claimed(let registered) = claim { return registered }
            guard clock.now < deadline else {
                throw StoreError(
                    kind: .unavailable, code: nil,
                    description: "another worker has been registering commands for over \(times.limit)")
            }
            try await Task.sleep(for: times.poll)
        }
    }

    /// Renews until it is cancelled, the lease is lost or the limit is reached.
    private static func renew(
        _ leases: any RegistrationLeases, application: Snowflake, holder: String, times: Times
    ) async throws -> Never {
        let clock = ContinuousClock()
        let limit = clock.now.advanced(by: times.limit)
        var leaseEnd = clock.now.advanced(by: times.lease)
        while true {
            try await Task.sleep(for: times.renewal)
            guard clock.now < limit else {
                throw StoreError(
                    kind: .unavailable, code: nil, description: "registering commands took over \(times.limit)")
            }
            let asked = clock.now
            do throws(StoreError) {
                guard try await leases.renewLease(of: application, holder: holder, for: times.lease) else { throw lost }
                leaseEnd = asked.advanced(by: times.lease)
            } catch {
                guard error.kind == .unavailable, clock.now < leaseEnd else { throw error }
            }
        }
    }

    private static let lost = StoreError(
        kind: .conflict, code: nil, description: "another worker took over registering commands meanwhile")
}
