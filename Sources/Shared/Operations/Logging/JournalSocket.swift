internal import Glibc
internal import NIOCore

/// systemd's journal, by its native protocol: an entry is one datagram (systemd.io/JOURNAL_NATIVE_PROTOCOL).
final class JournalSocket: Sendable {
    static let standardPath = "/run/systemd/journal/socket"
    /// Room for a burst of entries, as systemd's own library asks for.
    private static let sendBufferBytes: CInt = 8 << 20

    private let descriptor: CInt
    private let address: sockaddr_un

    /// Nil if there is no journal.
    init?(path: String = JournalSocket.standardPath) {
        guard access(path, W_OK) == 0, let address = UnixSocket.address(of: path) else { return nil }
        let descriptor = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        self.address = address
        self.descriptor = descriptor
        var size = Self.sendBufferBytes
        setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &size, socklen_t(MemoryLayout.size(ofValue: size)))
    }

    deinit { close(descriptor) }

    /// Sends entries. What the journal does not take is lost: there is no other place to tell it.
    @Sendable func send(_ records: [LogRecord]) {
        for record in records {
            record.bytes.withUnsafeReadableBytes { bytes in
                while send(bytes) < 0, errno == EINTR {}
            }
        }
    }

    /// By name each time: a journal that was started anew may listen on a new socket.
    private func send(_ bytes: UnsafeRawBufferPointer) -> Int {
        withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(descriptor, bytes.baseAddress, bytes.count, 0, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
