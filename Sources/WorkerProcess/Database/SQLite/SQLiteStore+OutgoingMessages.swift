internal import Shared

extension SQLiteStore {
    private typealias Statements = SQLiteStatements.OutgoingMessages

    func beginMessage(
        _ nonce: String, in channel: Snowflake
    ) async throws(StoreError) -> OutgoingMessageState {
        try await write { session in
            if let beginning = try session.rows(Statements.begin, (nonce, channel)).first { return .new(beginning) }
            guard let row = try session.rows(Statements.state, nonce).first else {
                // One transaction has the file to itself, so that what was there is there still.
                throw Self.mismatch(Statements.state.shape)
            }
            return OutgoingMessageState(row: row)
        }
    }

    func beginMessageAgain(
        _ nonce: String, in channel: Snowflake, after beginning: OutgoingMessageState.Beginning
    ) async throws(StoreError) -> OutgoingMessageState.Beginning? {
        try await write { try $0.rows(Statements.beginAgain, (nonce, channel, beginning)).first }
    }

    func recordMessage(_ nonce: String, in channel: Snowflake, id: Snowflake?) async throws(StoreError) {
        try await write { try $0.run(Statements.record, (nonce, channel, id)) }
    }

    func withdrawMessage(
        _ nonce: String, begun beginning: OutgoingMessageState.Beginning
    ) async throws(StoreError) {
        try await write { try $0.run(Statements.withdraw, (nonce, beginning)) }
    }
}
