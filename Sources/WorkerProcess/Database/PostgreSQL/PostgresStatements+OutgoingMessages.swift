internal import Shared

extension PostgresStatements {
    enum OutgoingMessages {
        static let all: [StatementShape] = [
            begin.shape, state.shape, beginAgain.shape, record.shape, withdraw.shape, forget.shape,
        ]

        /// Gives nothing if there is a row.
        static let begin = statement(
            "begin_message", takes: String.self, Snowflake.self, gives: Int64.self,
            sql: """
                INSERT INTO outgoing_message (nonce, channel_id, begun_at) VALUES ($1, $2, \(now))
                ON CONFLICT (nonce) DO NOTHING
                RETURNING begun_at
                """)

        static let state = statement(
            "message_state", takes: String.self,
            gives: Snowflake.self, Int64.self, Int64.self, Bool.self, Snowflake?.self,
            sql: """
                SELECT channel_id, begun_at, \(now) - begun_at, sent_at IS NOT NULL, message_id
                FROM outgoing_message WHERE nonce = $1
                """)

        static let beginAgain = statement(
            "begin_message_again", takes: String.self, Snowflake.self, Int64.self, gives: Int64.self,
            sql: """
                UPDATE outgoing_message SET channel_id = $2, begun_at = \(now)
                WHERE nonce = $1 AND begun_at = $3 AND sent_at IS NULL
                RETURNING begun_at
                """)

        static let record = statement(
            "record_message", takes: String.self, Snowflake.self, Snowflake?.self,
            sql: """
                INSERT INTO outgoing_message AS kept (nonce, channel_id, begun_at, sent_at, message_id)
                VALUES ($1, $2, \(now), \(now), $3)
                ON CONFLICT (nonce) DO UPDATE SET
                    sent_at = coalesce(kept.sent_at, excluded.sent_at),
                    message_id = coalesce(kept.message_id, excluded.message_id)
                """)

        static let withdraw = statement(
            "withdraw_message", takes: String.self, Int64.self,
            sql: "DELETE FROM outgoing_message WHERE nonce = $1 AND begun_at = $2 AND sent_at IS NULL")

        static let forget = statement(
            "forget_messages", takes: Int64.self, Int64.self, gives: String.self,
            sql: """
                DELETE FROM outgoing_message WHERE nonce IN (
                    SELECT nonce FROM outgoing_message WHERE begun_at < \(now) - $1 ORDER BY begun_at LIMIT $2)
                RETURNING nonce
                """)
    }
}
