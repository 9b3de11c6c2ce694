internal import Glibc

/// Standard output, unbuffered so that a reader behind a pipe sees each line as it comes.
enum Output {
    /// Writes a text and a line break; ends the process quietly if nobody reads any more.
    static func write(_ text: String) {
        write(bytes: text + "\n")
    }

    /// Writes a text as it is.
    static func write(bytes text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            guard count > 0 || errno == EINTR else { exit(0) }
            rest = rest.dropFirst(max(count, 0))
        }
    }
}

/// Rows in columns.
struct TextTable {
    private var rows: [[String]]

    init(_ headings: String...) {
        rows = [headings]
    }

    mutating func add(_ cells: String...) { add(cells) }

    mutating func add(_ cells: [String]) {
        rows.append(cells)
    }

    /// One line for each row; every column as wide as its widest cell, and no blanks at a line's end.
    var lines: [String] {
        let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            var line = ""
            for (cell, width) in zip(row, widths) {
                line += cell + String(repeating: " ", count: width - cell.count + 2)
            }
            while line.last == " " { line.removeLast() }
            return line
        }
    }
}
