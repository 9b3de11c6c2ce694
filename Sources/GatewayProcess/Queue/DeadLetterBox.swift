internal import Glibc
internal import NIOCore
internal import OrderedCollections
internal import Shared

/// The events that failed too often: one file each (`dead-letters/ID`, mode 0600), a first line with why, a second with the event
/// as workers saw it. In memory there is a list of them, without the events.
///
/// A file stays until its letter is discarded, has become too old, or its retry is done, so that a letter whose retry is
/// lost with the gateway is a letter again.
struct DeadLetterBox {
    private let directory: String
    /// Those to be listed, by age; their data is in the files.
    private(set) var letters: OrderedDictionary<EventID, DeadLetter> = [:]
    /// Being retried.
    private var retried: [EventID: DeadLetter] = [:]
    /// Those that could not be written yet, whole.
    private var unwritten: [EventID: DeadLetter] = [:]

    init(directory: String) {
        self.directory = directory
    }

    var count: Int { letters.count }

    // MARK: Files

    /// Reads all letters; what cannot be read is set aside.
    mutating func load() throws {
        try StateFile.makeDirectory(directory)
        for id in try names().compactMap(Int64.init).sorted() {
            let path = path(of: EventID(id))
            guard let text = try StateFile.read(path) else { continue }
            if let letter = DeadLetter(file: ByteBuffer(string: text)) {
                letters[letter.id] = letter.withoutData
            } else {
                _ = try StateFile.setAside(path)
            }
        }
    }

    private func names() throws(FileFailure) -> [String] {
        guard let stream = opendir(directory) else { throw FileFailure("read", directory) }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            names.append(
                withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
        }
        return names
    }

    private func path(of id: EventID) -> String { "\(directory)/\(id)" }

    /// Keeps a letter; a failed retry replaces the letter that it retried. One that cannot be written is kept in memory.
    mutating func keep(_ letter: DeadLetter) throws(FileFailure) {
        letters[letter.id] = letter.withoutData
        unwritten[letter.id] = letter
        try write(letter)
    }

    private mutating func write(_ letter: DeadLetter) throws(FileFailure) {
        try StateFile.replace(path(of: letter.id), with: String(buffer: letter.file))
        unwritten[letter.id] = nil
        if let first = letter.retryOf { forget(first) }
    }

    /// Tries again what could not be written.
    /// - Returns: what is written now.
    mutating func writeUnwritten() -> [DeadLetter] {
        unwritten.values.filter { (try? write($0)) != nil }
    }

    /// A letter with its event; nil if there is none.
    func letter(_ id: EventID) throws(FileFailure) -> DeadLetter? {
        guard letters[id] != nil else { return nil }
        if let letter = unwritten[id] { return letter }
        return try StateFile.read(path(of: id)).flatMap { DeadLetter(file: ByteBuffer(string: $0)) }
    }

    /// The retry of this letter is done.
    mutating func forget(_ id: EventID) {
        retried[id] = nil
        try? StateFile.remove(path(of: id))
    }

    // MARK: Operators

    /// A letter is being retried: it is not listed; the file stays until `forget`.
    mutating func hide(_ id: EventID) {
        if let letter = letters.removeValue(forKey: id) { retried[id] = letter }
    }

    /// Deletes letters.
    /// - Returns: how many there were.
    mutating func discard(_ ids: [EventID]) -> Int {
        ids.count { id in
            guard letters.removeValue(forKey: id) != nil else { return false }
            unwritten[id] = nil
            try? StateFile.remove(path(of: id))
            return true
        }
    }

    /// Deletes what failed before that time, in microseconds since 1970.
    mutating func expire(before time: Int64) {
        // Letters are listed by age, so that nothing is looked at but what goes.
        while let first = letters.values.first, first.failedAt < time { _ = discard([first.id]) }
    }
}

extension DeadLetter {
    fileprivate var withoutData: DeadLetter {
        var letter = self
        letter.data = ByteBuffer()
        return letter
    }

    /// The event as workers saw it, as one line without its end.
    var frame: ByteBuffer {
        var line = ByteBuffer()
        line.writeEvent(
            id: id, attempt: failures, shard: shard, sequence: sequence, type: type, keyClass: key.keyClass.name,
            keyNumber: key.number, receivedAt: receivedAt, sentAt: failedAt, redelivered: true, deferred: false,
            retryOf: retryOf, data: data)
        line.moveWriterIndex(to: line.writerIndex - 1)
        return line
    }

    /// For lists, without the event itself.
    var summary: JSON {
        .compact([
            "id": .integer(Int(id.rawValue)), "t": .string(type), "key": .string(key.description),
            "failures": .integer(failures), "failed_at": .integer(Int(failedAt)),
            "reasons": .array(reasons.map(JSON.string)), "shard": .integer(shard),
            "retry_of": retryOf.map { .integer(Int($0.rawValue)) },
        ])
    }

    var file: ByteBuffer {
        var file = ByteBuffer()
        file.writeJSON(summary)
        file.writeInteger(UInt8(ascii: "\n"))
        file.writeImmutableBuffer(frame)
        file.writeInteger(UInt8(ascii: "\n"))
        return file
    }

    init?(file: ByteBuffer) {
        var splitter = LineSplitter()
        splitter.append(file)
        guard let first = try? splitter.nextLine(), let second = try? splitter.nextLine(),
            let summary = try? JSON(ofText: first)
        else { return nil }
        var decoder = GatewayFrameDecoder()
        guard case .event(let event)? = try? decoder.decode(second), let key = QueueKey(event.key),
            let failures = summary["failures"]?.int, let failedAt = summary["failed_at"]?.int,
            let reasons = summary["reasons"]?.elements
        else { return nil }
        self.init(
            id: event.id, shard: event.shard, sequence: event.sequence, type: event.type, key: key,
            receivedAt: event.receivedAt, failures: failures, failedAt: Int64(failedAt),
            reasons: reasons.compactMap(\.string), retryOf: event.retryOf, data: event.data)
    }
}
