/// A connection on a thread of its own: what SQLite does blocks there and nowhere else.
actor SQLiteThread {
    private let executor = QueueExecutor(label: "olim.sqlite")
    private var connection: SQLiteConnection?

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Opens a connection to a file that is there.
    init(_ path: String, patience: Duration) async throws {
        try open(path, patience)
    }

    private func open(_ path: String, _ patience: Duration) throws {
        connection = try SQLiteFile.open(path, patience: patience)
    }

    /// Runs `body` with the connection; nothing else runs there meanwhile.
    func perform<Value: Sendable>(_ body: @Sendable (SQLiteConnection) throws -> Value) throws -> Value {
        guard let connection else { throw StoreError(kind: .closed, code: nil, description: "the store is closed") }
        return try body(connection)
    }

    func close() {
        connection = nil
    }
}
