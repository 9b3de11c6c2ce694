import CZlib
import CZstd
import NIOCore
import Shared

/// The other side of `StreamInflater`, with the real libraries: one context per connection, one flush per payload.
final class StreamDeflater: @unchecked Sendable {
    // Used by one thread at a time: a test's, or its server's event loop.
    private let compression: GatewayCompression
    private let zlib: UnsafeMutablePointer<z_stream>
    private let zstd: OpaquePointer?

    init(_ compression: GatewayCompression) {
        self.compression = compression
        zlib = .allocate(capacity: 1)
        zlib.initialize(to: z_stream())
        deflateInit_(zlib, 6, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        zstd = ZSTD_createCStream()
    }

    deinit {
        deflateEnd(zlib)
        zlib.deallocate()
        ZSTD_freeCStream(zstd)
    }

    func payload(_ text: String) -> [UInt8] {
        var input = Array(text.utf8)
        var output = [UInt8](repeating: 0, count: input.count + 4096)
        switch compression {
        case .none: return input
        case .zlibStream:
            let count = input.withUnsafeMutableBufferPointer { input in
                output.withUnsafeMutableBufferPointer { output in
                    zlib.pointee.next_in = input.baseAddress
                    zlib.pointee.avail_in = UInt32(input.count)
                    zlib.pointee.next_out = output.baseAddress
                    zlib.pointee.avail_out = UInt32(output.count)
                    deflate(zlib, Z_SYNC_FLUSH)
                    return output.count - Int(zlib.pointee.avail_out)
                }
            }
            return Array(output[..<count])
        case .zstdStream:
            let count = input.withUnsafeBytes { input in
                output.withUnsafeMutableBytes { output in
                    var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
                    var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
                    ZSTD_compressStream2(zstd, &target, &source, ZSTD_e_flush)
                    return target.pos
                }
            }
            return Array(output[..<count])
        }
    }
}
