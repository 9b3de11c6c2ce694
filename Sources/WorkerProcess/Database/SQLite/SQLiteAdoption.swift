internal import Shared

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

    private let connection: SQLiteConnection
    private var reports: [String] = []

    init(_ connection: SQLiteConnection) {
        self.connection = connection
    }

    /// Does it and says what could not be taken over.
    func run() throws -> [String] {
        var adoption = self
        let existing = try connection.prepare(
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'guild_config' COLLATE NOCASE"
        ).rows()
        guard !existing.isEmpty else {
            try connection.execute(Self.createTable("guild_config", extra: []))
            return []
        }
        try adoption.adopt()
        return adoption.reports
    }

    private mutating func adopt() throws {
        // Number, name, type, NOT NULL, default, place in the key (sqlite.org/pragma.html#pragma_table_info).
        let legacy = try connection.prepare("PRAGMA table_info(guild_config)").rows().map { row in
            LegacyColumn(name: row[1].text, type: row[2].text, defaultValue: row[4] == .null ? nil : row[4].text)
        }
        guard legacy.contains(where: { $0.name.lowercased() == "guild_id" }) else {
            throw StoreError(
                kind: .misconfigured, code: nil,
                description: "the database has a table guild_config without a column guild_id; rename that table")
        }
        let attached = try connection.prepare(
            """
            SELECT sql FROM sqlite_master
            WHERE tbl_name = 'guild_config' COLLATE NOCASE AND type IN ('index', 'trigger') AND sql IS NOT NULL
            """
        ).rows()
        let own = Set(Self.columns.map(\.name))
        let extra = legacy.filter { !own.contains($0.name.lowercased()) }.map(\.keptAside)
        try connection.execute(Self.createTable(Self.newTable, extra: extra))
        try copyRows(legacy: legacy, extra: extra)
        // With its indexes and triggers, whose names are free again then.
        try connection.execute("DROP TABLE guild_config")
        // Else views of the table, which for this moment is missing, would be an error.
        try connection.execute("PRAGMA legacy_alter_table = ON")
        try connection.execute("ALTER TABLE \(Self.newTable) RENAME TO guild_config")
        try connection.execute("PRAGMA legacy_alter_table = OFF")
        for sql in attached { try connection.execute(sql[0].text) }
    }

    private mutating func copyRows(legacy: [LegacyColumn], extra: [LegacyColumn.KeptAside]) throws {
        let taken = Self.columns.compactMap { column in
            legacy.first { $0.name.lowercased() == column.name }.map { (column, $0) }
        }
        let names = taken.map { Self.quoted($0.0.name) } + extra.map { Self.quoted($0.newName) }
        let insert = try connection.prepare(
            """
            INSERT INTO \(Self.newTable) (\(names.joined(separator: ", ")))
            VALUES (\(names.map { _ in "?" }.joined(separator: ", ")))
            """)
        var seen: Set<Int64> = []
        // The newest row of a guild comes first, if the table lets a guild have several. WITHOUT ROWID tables have a key.
        let hasRowID = (try? connection.prepare("SELECT rowid FROM guild_config")) != nil
        let all = try connection.prepare("SELECT * FROM guild_config" + (hasRowID ? " ORDER BY rowid DESC" : ""))
        try all.run { statement in
            let row = LegacyRow(statement)
            guard let values = try ownValues(of: row, taken: taken, seen: &seen) else { return }
            try insert.run(values + extra.map { row[$0.oldName] })
        }
    }

    /// The row's values for our columns, or nil if the row is rejected as a whole.
    private mutating func ownValues(
        of row: LegacyRow, taken: [(OwnColumn, LegacyColumn)], seen: inout Set<Int64>
    ) throws -> [SQLiteValue]? {
        var values: [SQLiteValue] = []
        for (column, legacy) in taken {
            let value = row[legacy.name]
            switch (column.kind, LegacySnowflake(value.legacyCell)) {
            case (.text, _): values.append(value == .null ? .null : .text(value.text))
            case (.id, .id(let id)) where column.name == "guild_id":
                guard seen.insert(id).inserted else {
                    try reject(row, column: column.name, because: "another row has the same guild_id")
                    return nil
                }
                values.append(.integer(id))
            case (.id, _) where column.name == "guild_id":
                try reject(row, column: column.name, because: "not an id")
                return nil
            case (.id, .id(let number)), (.number, .id(let number)): values.append(.integer(number))
            case (.id, .none): values.append(.null)
            case (.number, .none): values.append(value == .null ? .null : .integer(0))
            case (.id, .junk), (.number, .junk):
                try reject(row, column: column.name, because: "not \(column.kind == .id ? "an id" : "a number")")
                values.append(.null)
            }
        }
        return values
    }

    private mutating func reject(_ row: LegacyRow, column: String, because reason: String) throws {
        try connection.prepare("INSERT INTO guild_config_rejected (column_name, reason, legacy_row) VALUES (?, ?, ?)")
            .run([.text(column), .text(reason), .text(row.json.text)])
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
        "\"\(name.replacing("\"", with: "\"\""))\""
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

/// A row of the table that was there.
private struct LegacyRow {
    private let cells: [(name: String, value: SQLiteValue)]

    init(_ statement: SQLitePrepared) {
        cells = (0..<statement.columnCount).map { (statement.columnName($0), statement.value($0)) }
    }

    subscript(_ column: String) -> SQLiteValue { cells.first { $0.name == column }?.value ?? .null }

    /// Every column as text.
    var json: JSON {
        .object(cells.map { .init($0.name, $0.value == .null ? .null : .string($0.value.text)) })
    }
}

extension SQLiteValue {
    /// For `LegacySnowflake`.
    fileprivate var legacyCell: SQLCell {
        switch self {
        case .null: .null
        case .integer(let value): .integer(value)
        case .real(let value): Int64(exactly: value).map { .integer($0) } ?? .text(text)
        case .text, .blob: .text(text)
        }
    }
}
