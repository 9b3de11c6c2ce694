import NIOCore
import Testing

@testable import GatewayProcess
@testable import Shared
@testable import WorkerProcess

/// What reads bytes from outside. `read` must neither crash nor hang, and what it says must hold together.
enum ParserUnderTest: String, CaseIterable, Sendable {
    case payload, webSocket, zlib, zstd, workerFrame, gatewayFrame, line, journalRecord, journalHeader, sessionFile
    case checkpoint, environmentFile, databaseURL, snowflake, restError, rateLimit, date, gatewayBot, settings
    case commandOptions, commandText, timeZone

    func read(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        switch self {
        case .payload: payload(bytes)
        case .webSocket: webSocket(bytes)
        case .zlib: inflate(bytes, .zlibStream)
        case .zstd: inflate(bytes, .zstdStream)
        case .workerFrame: workerFrame(bytes)
        case .gatewayFrame: gatewayFrame(bytes)
        case .line: lines(bytes)
        case .journalRecord: journalRecord(bytes)
        case .journalHeader: _ = try? JournalHeader(reading: ByteBuffer(bytes: bytes), of: 1)
        case .sessionFile: sessionFile(text)
        case .checkpoint: checkpoint(text)
        case .environmentFile: _ = EnvironmentFile(parsing: text)
        case .databaseURL: if let location = try? DatabaseLocation(parsing: text) { _ = "\(location)" }
        case .snowflake: snowflake(bytes, text)
        case .restError: _ = ErrorBody(ByteBuffer(bytes: bytes), contentType: "application/json")
        case .rateLimit: rateLimit(text)
        case .gatewayBot: gatewayBot(text)
        case .settings: settings(text)
        case .commandOptions: commandOptions(text)
        case .commandText: commandText(text)
        case .timeZone: timeZone(text)
        case .date: if let date = LocalDate(text) { #expect(LocalDate("\(date)") == date) }
        }
    }

    /// The fast reader and the thorough one must agree on what is JSON and where things stand in it. What simdjson says of it is for
    /// EnvelopeFuzzTests: numbers that no double holds are JSON, and it refuses them.
    private func payload(_ bytes: [UInt8]) {
        let indexer = JSONIndexer(maximumBytes: 16 << 10)
        bytes.withUnsafeBytes { bytes in
            let fast = Result { () throws(EnvelopeError) in try EnvelopeScanner.scan(bytes, with: indexer) }
            let thorough = Result { () throws(EnvelopeError) in try EnvelopeScanner.scan(bytes) }
            switch (fast, thorough) {
            case (.success(let one), .success(let other)): #expect(one == other)
            case (.failure, .failure): break
            default: Issue.record("the two readers do not agree: \(fast) and \(thorough)")
            }
            guard case .success(let envelope) = thorough else { return }
            let data = ByteBuffer(bytes: bytes).data(of: envelope)
            #expect(!data.readableBytesView.contains(0x0A), "a line break is forwarded")
        }
    }

    /// However the bytes are cut, the frames are the same.
    private func webSocket(_ bytes: [UInt8]) {
        func frames(cutEvery size: Int) -> [String] {
            var reader = FrameReader(limit: 1 << 20)
            var found: [String] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                reader.append(ByteBuffer(bytes: bytes[start..<min(bytes.count, start + size)]))
                do throws(FrameFailure) {
                    while let frame = try reader.next() {
                        found.append(
                            "\(String(describing: frame.opcode)) \(frame.isLast) \(frame.data.readableBytesView.map { $0 })"
                        )
                    }
                } catch {
                    return found + ["\(error)"]
                }
            }
            return found
        }
        let whole = frames(cutEvery: max(1, bytes.count))
        #expect(frames(cutEvery: 1) == whole)
        #expect(frames(cutEvery: 7) == whole)
    }

    private func inflate(_ bytes: [UInt8], _ compression: GatewayCompression) {
        let limit = 1 << 20
        var inflater = StreamInflater(compression, limit: limit)
        var output = ByteBuffer()
        bytes.withUnsafeBytes { bytes in
            for half in [bytes[..<(bytes.count / 2)], bytes[(bytes.count / 2)...]] {
                _ = try? inflater?.inflate(UnsafeRawBufferPointer(rebasing: half), endsMessage: true, into: &output)
            }
        }
        #expect(output.readableBytes <= 2 * limit + (64 << 10), "the limit does not hold")
    }

    private func workerFrame(_ bytes: [UInt8]) {
        var decoder = WorkerFrameDecoder()
        _ = try? decoder.decode(ByteBuffer(bytes: bytes))
    }

    private func gatewayFrame(_ bytes: [UInt8]) {
        var decoder = GatewayFrameDecoder()
        _ = try? decoder.decode(ByteBuffer(bytes: bytes))
    }

    private func lines(_ bytes: [UInt8]) {
        func lines(cutEvery size: Int) -> [[UInt8]] {
            var splitter = LineSplitter(maximumLineBytes: 64)
            var found: [[UInt8]] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                splitter.append(ByteBuffer(bytes: bytes[start..<min(bytes.count, start + size)]))
                while let line = try? splitter.nextLine() { found.append(Array(line.readableBytesView)) }
            }
            return found
        }
        let whole = lines(cutEvery: max(1, bytes.count))
        #expect(lines(cutEvery: 1) == whole)
        #expect(whole.allSatisfy { $0.count <= 64 && !$0.contains(0x0A) })
    }

    private func journalRecord(_ bytes: [UInt8]) {
        let buffer = ByteBuffer(bytes: bytes)
        if let event = JournaledEvent(in: buffer, at: 0, length: bytes.count) {
            var written = ByteBuffer()
            written.writeRecord(event, index: 0, seed: 7)
            // Without the padding behind it.
            let length = written.getInteger(at: 8, endianness: .little, as: UInt32.self).map(Int.init) ?? 0
            let read = JournaledEvent(in: written, at: 0, length: length)
            #expect(read?.id == event.id && read?.data == event.data && read?.type == event.type)
        }
        bytes.withUnsafeBytes { bytes in
            _ = JournalNote.read(in: bytes, at: 0, length: bytes.count)
            _ = JournalRecord.find(in: bytes, at: 0, seed: 7)
        }
    }

    private func sessionFile(_ text: String) {
        _ = try? SessionFile(parsing: text)
    }

    private func checkpoint(_ text: String) {
        guard let json = try? JSON(ofText: ByteBuffer(string: text)), let checkpoint = QueueCheckpoint(json) else {
            return
        }
        // What it says must not bring the queue down.
        _ = SequenceLedger(restoring: checkpoint)
    }

    private func snowflake(_ bytes: [UInt8], _ text: String) {
        let read = bytes.withUnsafeBytes { Snowflake(decimal: $0) }
        let isCanonical = UInt64(text).map { "\($0)" == text } ?? false
        #expect(read?.rawValue == (isCanonical ? UInt64(text) : nil), "\(text)")
    }

    private func gatewayBot(_ text: String) {
        let parser = JSONParser()
        guard let answer = (try? parser.parse(text)).flatMap({ GatewayBot($0) }) else { return }
        #expect(answer.shards > 0 && answer.maxConcurrency > 0 && answer.resetAfter >= .zero)
    }

    /// Whatever stands in the environment: settings, or problems that are told without what is secret.
    private func settings(_ text: String) {
        var environment = ["DISCORD_TOKEN": "a-secret-token"]
        for entry in EnvironmentFile(parsing: text).entries { environment[entry.name] = entry.value }
        let source = SettingsSource(environment: environment)
        attempt(WorkerSettings.load, source)
        attempt(GatewaySettings.load, source)
        attempt(ControlSettings.load, source)
    }

    private func attempt<Settings>(
        _ load: (SettingsSource) throws(SettingsError) -> Settings, _ source: SettingsSource
    ) {
        do throws(SettingsError) {
            _ = try load(source)
        } catch {
            #expect(!error.problems.isEmpty)
            #expect(!"\(error)".contains("a-secret-token"))
        }
    }

    private func commandOptions(_ text: String) {
        let parser = JSONParser()
        guard let options = try? parser.parse(text) else { return }
        for declaration in CommandList.standard.declarations { _ = try? declaration.arguments(of: options) }
    }

    private func commandText(_ text: String) {
        if let command = TextCommand(text, prefix: "!", .standard) {
            _ = try? command.command.declaration.arguments(of: command.words)
        }
        if let id = ComponentID(text) { #expect(ComponentID(id.text) == id) }
    }

    private func timeZone(_ text: String) {
        #expect(TimeZones.search(text).allSatisfy { TimeZone(named: $0) != nil })
        if let name = TimeZones.named(text) { #expect(TimeZone(named: name) != nil) }
        if let time = TimeOfDay(text) { #expect(TimeOfDay("\(time)") == time) }
    }

    private func rateLimit(_ text: String) {
        var headers: [String: String] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2 { headers[parts[0].lowercased()] = parts[1].trimmingBlanks }
        }
        let answer = RateLimitAnswer(status: 429, code: nil, retryAfter: nil, isGlobal: false) {
            headers[$0.lowercased()]
        }
        if let window = answer.window { #expect(window.resetAfter >= .zero) }
    }
}

extension Substring {
    fileprivate var trimmingBlanks: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
