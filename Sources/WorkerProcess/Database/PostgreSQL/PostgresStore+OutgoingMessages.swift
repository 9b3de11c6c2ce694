internal import Shared

extension PostgresStore {
    private typealias Statements = PostgresStatements.OutgoingMessages

    func beginMessage(
        _ nonce: String, in channel: Snowflake
    ) async throws(StoreError) -> OutgoingMessageState {
        try await perform(.transaction) { session throws(PostgresError) in
            if let beginning = try session.rows(Statements.begin, (nonce, channel)).first { return .new(beginning) }
            guard let row = try session.rows(Statements.state, nonce).first else {
                // Withdrawn between the two: this transaction is repeated.
                throw PostgresError(sqlState: "40001", message: "the message was withdrawn meanwhile")
            }
            return OutgoingMessageState(row: row)
        }
    }

    func beginMessageAgain(
        _ nonce: String, in channel: Snowflake, after beginning: OutgoingMessageState.Beginning
    ) async throws(StoreError) -> OutgoingMessageState.Beginning? {
        try await perform(.single) { session throws(PostgresError) in
            try session.rows(Statements.beginAgain, (nonce, channel, beginning)).first
        }
    }

    func recordMessage(_ nonce: String, in channel: Snowflake, id: Snowflake?) async throws(StoreError) {
        try await perform(.single) { session throws(PostgresError) in
            try session.run(Statements.record, (nonce, channel, id))
        }
    }

    func withdrawMessage(
        _ nonce: String, begun beginning: OutgoingMessageState.Beginning
    ) async throws(StoreError) {
        try await perform(.single) { session throws(PostgresError) in
            try session.run(Statements.withdraw, (nonce, beginning))
        }
    }
}
