internal import Foundation
internal import GRDB

/// Makes `guild_config`, taking over the rows of one that another program has kept.
///
/// SQLite cannot change a column's type or constraints, so that the table is made anew: our columns first, then whatever
/// others there were, free of NOT NULL, since we insert rows without them. Its indexes and triggers are made again. A value
/// that is no id is set to NULL and kept in `guild_config_rejected`; so is a whole row whose `guild_id` is none.
struct SQLiteAdoption {
    /// A column of the table as this program needs it.
    private struct OwnColumn {
        let name: String
        let definition: String
        let kind: Kind

        enum Kind { case id, text, number }
    }

    private static let columns: [OwnColumn] = [
        .init(name: "guild_id", definition: "INTEGER NOT NULL PRIMARY KEY", kind: .id),
        .init(name: "guild_name", definition: "TEXT", kind: .text),
        .init(name: "owner_id", definition: "INTEGER", kind: .id),
        .init(name: "preferred_locale", definition: "TEXT", kind: .text),
        .init(name: "member_count", definition: "INTEGER", kind: .number),
        .init(name: "welcome_channel_id", definition: "INTEGER", kind: .id),
        .init(name: "daily_channel_id", definition: "INTEGER", kind: .id),
        .init(name: "prefix", definition: "TEXT", kind: .text),
    ]

    /// Columns that mean something only to this program; one of that name that is already there is kept under another.
    private static let stateColumns = [
        (name: "left_at", definition: "INTEGER"),  // microseconds since 1970; NULL while the bot is there
        (name: "last_event_id", definition: "INTEGER NOT NULL DEFAULT 0"),
    ]

    /// What the new table is called until the old one is gone (sqlite.org/lang_altertable.html, section 7: only in this
    /// order do views and other tables' references to `guild_config` stay as they are).
    private static let newTable = "guild_config_of_olim"

    private let database: Database
    private var reports: [String] = []

    init(_ database: Database) {
        self.database = database
    }

    /// Does it and says what could not be taken over.
    func run() throws -> [String] {
        var adoption = self
        guard try database.tableExists("guild_config") else {
            try database.execute(sql: Self.createTable("guild_config", extra: []))
            return []
        }
        try adoption.adopt()
        return adoption.reports
    }

    private mutating func adopt() throws {
        let legacy = try Row.fetchAll(database, sql: "PRAGMA table_info(guild_config)").map { row in
            LegacyColumn(name: row["name"], type: row["type"] ?? "", defaultValue: row["dflt_value"])
        }
        guard legacy.contains(where: { $0.name.lowercased() == "guild_id" }) else {
            throw StoreError(
                kind: .misconfigured, code: nil,
                description: "the database has a table guild_config without a column guild_id; rename that table")
        }
        let attached = try String.fetchAll(
            database,
            sql: """
                SELECT sql FROM sqlite_master
                WHERE tbl_name = 'guild_config' COLLATE NOCASE AND type IN ('index', 'trigger') AND sql IS NOT NULL
                """)
        let own = Set(Self.columns.map(\.name))
        let extra = legacy.filter { !own.contains($0.name.lowercased()) }.map(\.keptAside)
        try database.execute(sql: Self.createTable(Self.newTable, extra: extra))
        try copyRows(legacy: legacy, extra: extra)
        // With its indexes and triggers, whose names are free again then.
        try database.execute(sql: "DROP TABLE guild_config")
        // Else views of the table, which for this moment is missing, would be an error.
        try database.execute(sql: "PRAGMA legacy_alter_table = ON")
        try database.execute(sql: "ALTER TABLE \(Self.newTable) RENAME TO guild_config")
        try database.execute(sql: "PRAGMA legacy_alter_table = OFF")
        for sql in attached { try database.execute(sql: sql) }
    }

    private mutating func copyRows(legacy: [LegacyColumn], extra: [LegacyColumn.KeptAside]) throws {
        let taken = Self.columns.compactMap { column in
            legacy.first { $0.name.lowercased() == column.name }.map { (column, $0) }
        }
        let names = taken.map { Self.quoted($0.0.name) } + extra.map { Self.quoted($0.newName) }
        let insert = try database.makeStatement(
            sql: """
                INSERT INTO \(Self.newTable) (\(names.joined(separator: ", ")))
                VALUES (\(names.map { _ in "?" }.joined(separator: ", ")))
                """)
        var seen: Set<Int64> = []
        // The newest row of a guild comes first, if the table lets a guild have several. WITHOUT ROWID tables have a key.
        let hasRowID = (try? database.makeStatement(sql: "SELECT rowid FROM guild_config")) != nil
        let rows = try Row.fetchCursor(
            database, sql: "SELECT * FROM guild_config" + (hasRowID ? " ORDER BY rowid DESC" : ""))
        while let row = try rows.next() {
            guard let values = try ownValues(of: row, taken: taken, seen: &seen) else { continue }
            let others = extra.map { row[$0.oldName] as DatabaseValue }
            try insert.execute(arguments: StatementArguments(values + others))
        }
    }

    /// The row's values for our columns, or nil if the row is rejected as a whole.
    private mutating func ownValues(
        of row: Row, taken: [(OwnColumn, LegacyColumn)], seen: inout Set<Int64>
    ) throws -> [DatabaseValue]? {
        var values: [DatabaseValue] = []
        for (column, legacy) in taken {
            let value = row[legacy.name] as DatabaseValue
            switch (column.kind, LegacySnowflake(value.legacyCell)) {
            case (.text, _): values.append(value.isNull ? .null : value.text.databaseValue)
            case (.id, .id(let id)) where column.name == "guild_id":
                guard seen.insert(id).inserted else {
                    try reject(row, column: column.name, because: "another row has the same guild_id")
                    return nil
                }
                values.append(id.databaseValue)
            case (.id, _) where column.name == "guild_id":
                try reject(row, column: column.name, because: "not an id")
                return nil
            case (.id, .id(let number)), (.number, .id(let number)): values.append(number.databaseValue)
            case (.id, .none): values.append(.null)
            case (.number, .none): values.append(value.isNull ? .null : 0.databaseValue)
            case (.id, .junk), (.number, .junk):
                try reject(row, column: column.name, because: "not \(column.kind == .id ? "an id" : "a number")")
                values.append(.null)
            }
        }
        return values
    }

    private mutating func reject(_ row: Row, column: String, because reason: String) throws {
        let texts = Dictionary(
            row.map { ($0.0, $0.1.isNull ? nil : $0.1.text) }, uniquingKeysWith: { first, _ in first })
        let json = String(decoding: try JSONEncoder().encode(texts), as: UTF8.self)
        try database.execute(
            sql: "INSERT INTO guild_config_rejected (column_name, reason, legacy_row) VALUES (?, ?, ?)",
            arguments: [column, reason, json])
        reports.append("guild_config.\(column): \(reason); kept in guild_config_rejected")
    }

    private static func createTable(_ name: String, extra: [LegacyColumn.KeptAside]) -> String {
        let lines =
            columns.map { "\($0.name) \($0.definition)" } + stateColumns.map { "\($0.name) \($0.definition)" }
            + extra.map { "\(quoted($0.newName)) \($0.definition)" }
        return "CREATE TABLE \(name) (\n    \(lines.joined(separator: ",\n    "))\n)"
    }

    /// An SQL identifier: names of legacy columns come from the database, not from this program.
    fileprivate static func quoted(_ name: String) -> String {
        "\"\(name.replacingOccurrences(of: "\"", with: "\"\""))\""
    }

    /// A column that was there.
    private struct LegacyColumn {
        let name: String
        let type: String
        let defaultValue: String?

        struct KeptAside {
            let oldName: String
            let newName: String
            let definition: String
        }

        var keptAside: KeptAside {
            let isTaken = SQLiteAdoption.stateColumns.contains { $0.name == name.lowercased() }
            // The type is an identifier or several, with numbers in parentheses, and nothing else to SQLite.
            let words = type.isEmpty ? "" : type
            let definition = words + (defaultValue.map { " DEFAULT (\($0))" } ?? "")
            return KeptAside(oldName: name, newName: isTaken ? "legacy_\(name)" : name, definition: definition)
        }
    }
}

extension DatabaseValue {
    /// For `LegacySnowflake`.
    fileprivate var legacyCell: SQLCell {
        switch storage {
        case .null: .null
        case .int64(let value): .integer(value)
        case .double(let value): Int64(exactly: value).map { .integer($0) } ?? .text(String(value))
        case .string(let text): .text(text)
        case .blob(let data): .text(String(decoding: data, as: UTF8.self))
        }
    }

    /// As text, whatever it is.
    fileprivate var text: String {
        switch storage {
        case .null: ""
        case .int64(let value): String(value)
        case .double(let value): String(value)
        case .string(let text): text
        case .blob(let data): String(decoding: data, as: UTF8.self)
        }
    }
}
