import NIOCore
import Shared
import Testing

@testable import GatewayProcess

struct StreamInflaterTests {
    private static let payloads = [
        #"{"op":10,"d":{"heartbeat_interval":41250}}"#, #"{"op":11}"#,
        #"{"op":0,"s":1,"t":"X","d":""# + String(repeating: "wörd 😀 ", count: 300) + #""}"#,
        (0..<500).map { "\($0 &* 2_654_435_761)" }.joined(separator: ","),
    ]

    private static func inflate(
        _ pieces: [(bytes: [UInt8], endsMessage: Bool)], with inflater: inout StreamInflater
    ) throws -> [String] {
        var output = ByteBuffer()
        var payloads: [String] = []
        for piece in pieces {
            let isWhole = try piece.bytes.withUnsafeBytes {
                try inflater.inflate($0, endsMessage: piece.endsMessage, into: &output)
            }
            if isWhole { payloads.append(output.readString(length: output.readableBytes) ?? "") }
        }
        return payloads
    }

    @Test(arguments: [GatewayCompression.zlibStream, .zstdStream])
    func `Each message is one payload, in one context`(compression: GatewayCompression) throws {
        let deflater = StreamDeflater(compression)
        var inflater = try #require(StreamInflater(compression))
        let pieces = Self.payloads.map { (deflater.payload($0), true) }
        #expect(try Self.inflate(pieces, with: &inflater) == Self.payloads)
    }

    @Test(arguments: [GatewayCompression.zlibStream, .zstdStream])
    func `A message cut at any point into two frames gives the same payloads`(compression: GatewayCompression) throws {
        let count = StreamDeflater(compression).payload(Self.payloads[2]).count
        for cut in 0...count {
            let deflater = StreamDeflater(compression)
            var inflater = try #require(StreamInflater(compression))
            let bytes = deflater.payload(Self.payloads[2])
            let pieces = [
                (Array(bytes[..<cut]), false), (Array(bytes[cut...]), true), (deflater.payload(Self.payloads[0]), true),
            ]
            #expect(try Self.inflate(pieces, with: &inflater) == [Self.payloads[2], Self.payloads[0]])
        }
    }

    @Test func `A zlib payload may come in several messages until the flush`() throws {
        let deflater = StreamDeflater(.zlibStream)
        var inflater = try #require(StreamInflater(.zlibStream))
        let bytes = deflater.payload(Self.payloads[2])
        // All but the last cut: there the first half ends in what looks like the flush.
        for cut in 1..<bytes.count - 1 {
            let deflater = StreamDeflater(.zlibStream)
            inflater = try #require(StreamInflater(.zlibStream))
            let bytes = deflater.payload(Self.payloads[2])
            let pieces = [(Array(bytes[..<cut]), true), (Array(bytes[cut...]), true)]
            #expect(try Self.inflate(pieces, with: &inflater) == [Self.payloads[2]])
        }
    }

    @Test(arguments: [GatewayCompression.zlibStream, .zstdStream])
    func `A broken stream is an error`(compression: GatewayCompression) throws {
        var inflater = try #require(StreamInflater(compression))
        #expect(throws: InflateError.self) {
            _ = try Self.inflate([(Array("not compressed at all".utf8), true)], with: &inflater)
        }
    }

    @Test(arguments: [GatewayCompression.zlibStream, .zstdStream])
    func `A payload above the limit is refused before it takes the memory`(compression: GatewayCompression) throws {
        let deflater = StreamDeflater(compression)
        var inflater = try #require(StreamInflater(compression, limit: 10_000))
        let bomb = deflater.payload(String(repeating: "a", count: 5_000_000))
        var output = ByteBuffer()
        #expect(throws: InflateError.tooLarge(limit: 10_000)) {
            try bomb.withUnsafeBytes { _ = try inflater.inflate($0, endsMessage: true, into: &output) }
        }
        #expect(output.capacity < 200_000)
    }

    @Test(arguments: [GatewayCompression.zlibStream, .zstdStream])
    func `A payload of four megabytes is inflated whole`(compression: GatewayCompression) throws {
        let large = (0..<500_000).map { "\($0)," }.joined() + String(repeating: "é", count: 500_000)
        #expect(large.utf8.count > 4_000_000)
        let deflater = StreamDeflater(compression)
        var inflater = try #require(StreamInflater(compression))
        #expect(try Self.inflate([(deflater.payload(large), true)], with: &inflater) == [large])
    }

    @Test func `Without compression there is nothing to inflate`() {
        #expect(StreamInflater(.none) == nil)
    }
}
