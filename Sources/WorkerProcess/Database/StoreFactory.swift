internal import Logging
internal import Shared

/// Opens the store that `DATABASE_URL` names.
enum StoreFactory {
    /// Opens a store; it is not migrated yet. PostgreSQL is connected to by the first call, a file is opened here.
    ///
    /// - Parameter poolSize: connections to PostgreSQL (`DATABASE_POOL_SIZE`). SQLite has one writer whatever is asked for.
    static func open(
        _ location: DatabaseLocation, poolSize: Int, logger: Logger
    ) async throws(StoreError) -> any Store {
        switch location {
        case .postgresql(let uri): try PostgresStore(uri: uri, poolSize: poolSize, logger: logger)
        case .sqlite(let path): try await SQLiteStore(path: path, logger: logger)
        }
    }
}
