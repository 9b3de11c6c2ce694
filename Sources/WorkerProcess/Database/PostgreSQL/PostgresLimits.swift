/// Times that bound what a connection may cost.
struct PostgresLimits: Sendable {
    /// For each host of the URI, unless its `connect_timeout` says otherwise. Whole seconds, as libpq wants them.
    var connect: Duration = .seconds(5)
    /// The server ends a statement that takes longer: our slowest takes milliseconds, the rest is waiting for locks.
    var statement: Duration = .seconds(10)
    /// How much longer than that an answer may take before the connection itself is given up as dead.
    var grace: Duration = .seconds(3)
    /// The server ends a transaction in which nothing happens: a stopped worker must not keep others from its locks.
    var idleInTransaction: Duration = .seconds(30)
    /// One migration, waiting for other workers' included: it may rewrite a table.
    var migration: Duration = .seconds(600)
    /// How long a call waits for a connection to be free, or to be there, before its work is released: less than the three
    /// seconds in which Discord wants an interaction answered.
    var lease: Duration = .seconds(2)

    /// When a statement that starts now is given up.
    var deadline: ContinuousClock.Instant { .now + statement + grace }
}
