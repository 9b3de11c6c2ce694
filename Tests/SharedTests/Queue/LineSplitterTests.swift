import NIOCore
import Shared
import Testing

@Suite struct LineSplitterTests {
    private static let text = "{\"op\":\"ping\"}\n\nä\u{1F600}\n{}\nunfinished"
    private static let lines = ["{\"op\":\"ping\"}", "", "ä\u{1F600}", "{}"]

    private func lines(of chunks: [ByteBuffer], limit: Int = 1024) throws -> (lines: [String], unfinished: Int) {
        var splitter = LineSplitter(maximumLineBytes: limit)
        var lines: [String] = []
        for chunk in chunks {
            splitter.append(chunk)
            while let line = try splitter.nextLine() { lines.append(String(buffer: line)) }
        }
        return (lines, splitter.unfinishedBytes)
    }

    @Test func `lines come out the same however the bytes are split in two`() throws {
        let bytes = ByteBuffer(string: Self.text)
        for place in 0...bytes.readableBytes {
            let chunks = [
                bytes.getSlice(at: 0, length: place)!, bytes.getSlice(at: place, length: bytes.readableBytes - place)!,
            ]
            let result = try lines(of: chunks)
            #expect(result.lines == Self.lines, "split at \(place)")
            #expect(result.unfinished == "unfinished".utf8.count)
        }
    }

    @Test func `lines come out the same byte by byte, and when they are not taken in between`() throws {
        let bytes = Array(Self.text.utf8)
        #expect(try lines(of: bytes.map { ByteBuffer(bytes: [$0]) }).lines == Self.lines)

        var splitter = LineSplitter()
        for byte in bytes { splitter.append(ByteBuffer(bytes: [byte])) }
        var taken: [String] = []
        while let line = try splitter.nextLine() { taken.append(String(buffer: line)) }
        #expect(taken == Self.lines)
    }

    @Test func `a line within one chunk is a slice of it`() throws {
        let chunk = ByteBuffer(string: "one\ntwo\n")
        var splitter = LineSplitter()
        splitter.append(chunk)
        let line = try #require(try splitter.nextLine())
        let inChunk = chunk.withUnsafeReadableBytes { $0.baseAddress }
        let inLine = line.withUnsafeReadableBytes { $0.baseAddress }
        #expect(inChunk == inLine)
    }

    @Test func `an unfinished line keeps nothing of its chunk but itself`() throws {
        var splitter = LineSplitter()
        splitter.append(ByteBuffer(string: String(repeating: "x", count: 100_000) + "\nrest"))
        #expect(try splitter.nextLine()?.readableBytes == 100_000)
        #expect(try splitter.nextLine() == nil)
        #expect(splitter.unfinishedBytes == 4)
    }

    @Test(arguments: [1, 3, 7, 64])
    func `a line of the limit passes and one byte more fails, in chunks of any size`(chunkBytes: Int) throws {
        func chunks(_ text: String) -> [ByteBuffer] {
            var bytes = ByteBuffer(string: text)
            var chunks: [ByteBuffer] = []
            while bytes.readableBytes > 0 {
                chunks.append(bytes.readSlice(length: min(chunkBytes, bytes.readableBytes))!)
            }
            return chunks
        }
        let longest = String(repeating: "x", count: 16)
        #expect(try lines(of: chunks(longest + "\n" + longest + "\n"), limit: 16).lines == [longest, longest])
        #expect(throws: FrameError(.tooLong, "the line is longer than 16 bytes")) {
            try lines(of: chunks(longest + "x\n"), limit: 16)
        }
    }

    @Test func `a line that is too long fails before its end comes, and the splitter stays failed and empty`() throws {
        var splitter = LineSplitter(maximumLineBytes: 16)
        splitter.append(ByteBuffer(string: "ok\n" + String(repeating: "x", count: 17)))
        #expect(try splitter.nextLine() == ByteBuffer(string: "ok"))
        #expect(throws: FrameError.self) { try splitter.nextLine() }
        #expect(splitter.unfinishedBytes == 0)
        splitter.append(ByteBuffer(string: "\nok\n"))
        #expect(splitter.unfinishedBytes == 0)
        #expect(throws: FrameError.self) { try splitter.nextLine() }
    }

    @Test func `a line of the protocol's limit comes through in pieces of a read's size`() throws {
        var splitter = LineSplitter()
        let piece = ByteBuffer(repeating: UInt8(ascii: "x"), count: 64 << 10)
        for _ in 0..<(QueueProtocol.maximumLineBytes / piece.readableBytes) {
            splitter.append(piece)
            #expect(try splitter.nextLine() == nil)
        }
        splitter.append(ByteBuffer(string: "\n"))
        #expect(try splitter.nextLine()?.readableBytes == QueueProtocol.maximumLineBytes)
        #expect(splitter.unfinishedBytes == 0)
    }
}
