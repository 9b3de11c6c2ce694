import NIOCore
import TestKit
import Testing

@testable import GatewayProcess

struct FrameReaderTests {
    private static func frame(_ first: UInt8, _ data: [UInt8]) -> [UInt8] {
        switch data.count {
        case ..<126: [first, UInt8(data.count)] + data
        case ..<65536: [first, 126, UInt8(data.count >> 8), UInt8(data.count & 255)] + data
        default: [first, 127] + (0..<8).reversed().map { UInt8(data.count >> ($0 * 8) & 255) } + data
        }
    }

    private static func read(_ pieces: [ArraySlice<UInt8>], limit: Int = 1 << 20) throws -> [FrameReader.Frame] {
        var reader = FrameReader(limit: limit)
        var frames: [FrameReader.Frame] = []
        for piece in pieces {
            reader.append(ByteBuffer(bytes: piece))
            while let frame = try reader.next() { frames.append(frame) }
        }
        return frames
    }

    private static let stream: [(first: UInt8, data: [UInt8])] = [
        (0x81, Array("one".utf8)), (0x82, []), (0x01, Array(repeating: 7, count: 125)), (0x89, Array("ping".utf8)),
        (0x80, Array(repeating: 8, count: 126)), (0x81, Array(repeating: 9, count: 300)), (0x8A, []), (0x83, [1]),
        (0x88, [3, 232]),
    ]
    private static var bytes: [UInt8] { stream.flatMap { frame($0.first, $0.data) } }
    private static var expected: [FrameReader.Frame] {
        stream.map {
            FrameReader.Frame(
                opcode: .init(rawValue: $0.first & 15), isLast: $0.first >= 0x80, data: ByteBuffer(bytes: $0.data))
        }
    }

    @Test func `Frames are the same however the bytes are cut in two`() throws {
        let bytes = Self.bytes
        for cut in 0...bytes.count {
            #expect(try Self.read([bytes[..<cut], bytes[cut...]]) == Self.expected, "cut at \(cut)")
        }
    }

    @Test func `Frames are the same byte by byte, and in random pieces`() throws {
        let bytes = Self.bytes
        #expect(try Self.read(bytes.indices.map { bytes[$0...$0] }) == Self.expected)
        var random = SeededGenerator(seed: 4)
        for _ in 0..<200 {
            let cuts = (0..<5).map { _ in Int.random(in: 0...bytes.count, using: &random) }.sorted()
            let pieces = zip([0] + cuts, cuts + [bytes.count]).map { bytes[$0..<$1] }
            #expect(try Self.read(pieces) == Self.expected, "cuts at \(cuts)")
        }
    }

    @Test func `Lengths of all three sizes are read`() throws {
        for count in [0, 125, 126, 65535, 65536, 100_000] {
            let data = Array(repeating: UInt8(5), count: count)
            let frames = try Self.read([Self.frame(0x82, data)[...]])
            #expect(frames.map(\.data.readableBytes) == [count])
        }
    }

    @Test(
        arguments: [
            ([0x81, 0x81, 1, 2, 3, 4, 5], .masked), ([0xC1, 0], .reservedBits), ([0x09, 0], .badControlFrame),
            ([0x89, 126, 0, 200], .badControlFrame), ([0x82, 126, 0x04, 0x01], .tooLarge(limit: 1024)),
            ([0x82, 127, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], .tooLarge(limit: 1024)),
        ] as [([UInt8], FrameFailure)])
    func `What RFC 6455 forbids is refused before its data has come`(bytes: [UInt8], failure: FrameFailure) {
        #expect(throws: failure) { try Self.read([bytes[...]], limit: 1024) }
    }
}
