internal import CPostgreSQL

/// A result of libpq's, freed with its owner.
struct PostgresResult: ~Copyable {
    private let pointer: OpaquePointer

    /// Takes over what PQgetResult or PQexec gave.
    init(_ pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit { PQclear(pointer) }

    /// How the command went.
    var status: ExecStatusType { PQresultStatus(pointer) }

    var rowCount: Int { Int(PQntuples(pointer)) }
    var columnCount: Int { Int(PQnfields(pointer)) }

    /// A value in text format; nil is NULL.
    func text(row: Int, column: Int) -> String? {
        guard PQgetisnull(pointer, CInt(row), CInt(column)) == 0,
            let value = PQgetvalue(pointer, CInt(row), CInt(column))
        else { return nil }
        let bytes = UnsafeRawBufferPointer(start: value, count: Int(PQgetlength(pointer, CInt(row), CInt(column))))
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Types that PQdescribePrepared found.
    var parameterTypes: [Oid] { (0..<PQnparams(pointer)).map { PQparamtype(pointer, $0) } }
    var columnTypes: [Oid] { (0..<PQnfields(pointer)).map { PQftype(pointer, $0) } }
    /// Table and column number a column comes from; 0 where it is computed.
    var columnOrigins: [(table: Oid, column: Int)] {
        (0..<PQnfields(pointer)).map { (PQftable(pointer, $0), Int(PQftablecol(pointer, $0))) }
    }

    /// The server's error, without what it quotes from the data.
    func error(during action: String) -> PostgresError {
        let state = field(Field.sqlState)
        let severity = field(Field.severity) ?? "ERROR"
        return PostgresError(
            sqlState: state, message: "\(action): \(safeMessage(state))",
            isConnectionLost: severity == "FATAL" || severity == "PANIC" || state?.hasPrefix("08") == true)
    }

    /// Messages about data (classes 22 and 23) quote it; what they are about is named instead.
    private func safeMessage(_ state: String?) -> String {
        guard let state, state.hasPrefix("22") || state.hasPrefix("23") else {
            return field(Field.primaryMessage) ?? "no message"
        }
        let names = [("table", Field.table), ("column", Field.column), ("constraint", Field.constraint)]
            .compactMap { label, code in field(code).map { "\(label) \($0)" } }
        return (["SQLSTATE \(state)"] + names).joined(separator: ", ")
    }

    func field(_ code: CChar) -> String? {
        PQresultErrorField(pointer, CInt(code)).map { String(cString: $0) }
    }

    /// Codes of PQresultErrorField (postgres_ext.h).
    enum Field {
        static let severity = CChar(UInt8(ascii: "V"))
        static let sqlState = CChar(UInt8(ascii: "C"))
        static let primaryMessage = CChar(UInt8(ascii: "M"))
        static let table = CChar(UInt8(ascii: "t"))
        static let column = CChar(UInt8(ascii: "c"))
        static let constraint = CChar(UInt8(ascii: "n"))
    }
}
