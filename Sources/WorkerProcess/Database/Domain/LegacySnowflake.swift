/// Reads an id from a column that another program has kept, of whatever type.
enum LegacySnowflake: Equatable {
    case id(Int64)
    /// NULL, an empty text, or 0, all of which bots write for "none".
    case none
    /// Anything else, kept in `guild_config_rejected`.
    case junk

    init(_ cell: SQLCell) {
        switch cell {
        case .null: self = .none
        case .integer(let value): self = value > 0 ? .id(value) : value == 0 ? .none : .junk
        case .text(let text): self.init(text)
        case .boolean, .array: self = .junk
        }
    }

    private init(_ text: String) {
        let digits = text.utf8.drop { $0 == 0x20 || $0 == 0x09 }
            .reversed().drop { $0 == 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }.reversed()
        if digits.isEmpty {
            self = .none
        } else if digits.allSatisfy({ (0x30...0x39).contains($0) }),
            let value = Int64(String(decoding: digits, as: UTF8.self))
        {
            self = value == 0 ? .none : .id(value)
        } else {
            self = .junk
        }
    }
}
