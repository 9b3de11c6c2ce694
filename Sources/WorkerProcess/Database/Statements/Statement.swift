/// One SQL statement: a constant text with the Swift types of its parameters and of a row of its result.
///
/// `StatementsMatchTheSchema` in the tests prepares each against the migrated database and compares the types.
struct Statement<Input, Row>: Sendable {
    /// What the engine and the tests need to know.
    let shape: StatementShape
    /// The parameters in order.
    let encode: @Sendable (Input) -> [SQLCell]
    /// A row's columns in order; nil if one is not of its type.
    let decode: @Sendable ([SQLCell]) -> Row?
}

/// A statement without its Swift types.
struct StatementShape: Sendable, Equatable {
    /// What it is called in errors, and prepared under.
    let name: String
    let sql: String
    let parameters: [SQLType]
    let columns: [Column]

    /// A column of the result.
    struct Column: Sendable, Equatable {
        let type: SQLType
        let isNullable: Bool
    }
}

/// Makes a statement from the types of its parameters and columns.
func statement<each Parameter: SQLValue, each Column: SQLValue>(
    _ name: String, takes parameters: repeat (each Parameter).Type, gives columns: repeat (each Column).Type,
    sql: String
) -> Statement<(repeat each Parameter), (repeat each Column)> {
    var parameterTypes: [SQLType] = []
    repeat parameterTypes.append((each parameters).sqlType)
    var columnTypes: [StatementShape.Column] = []
    repeat columnTypes.append(.init(type: (each columns).sqlType, isNullable: (each columns).isNullable))
    let count = columnTypes.count
    return Statement(
        shape: StatementShape(name: name, sql: sql, parameters: parameterTypes, columns: columnTypes),
        encode: { (input: (repeat each Parameter)) in
            var cells: [SQLCell] = []
            repeat cells.append((each input).cell)
            return cells
        },
        decode: { cells in
            guard cells.count == count else { return nil }
            var reader = CellReader(cells: cells)
            let row = (repeat reader.next((each Column).self))
            return unwrapped(repeat each row)
        }
    )
}

/// Reads one cell after another.
private struct CellReader {
    let cells: [SQLCell]
    var index = 0

    mutating func next<Value: SQLValue>(_ type: Value.Type) -> Value? {
        defer { index += 1 }
        return Value(cell: cells[index])
    }
}

/// All values, or nil if one is missing.
private func unwrapped<each Value>(_ values: repeat (each Value)?) -> (repeat each Value)? {
    func unwrap<Wrapped>(_ value: Wrapped?) throws(MissingValue) -> Wrapped {
        guard let value else { throw MissingValue() }
        return value
    }
    do throws(MissingValue) {
        return (repeat try unwrap(each values))
    } catch {
        return nil
    }
}

private struct MissingValue: Error {}
