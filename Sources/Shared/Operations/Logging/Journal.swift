internal import CSystemd
internal import Glibc
internal import NIOCore

/// systemd's journal.
enum Journal {
    private static let socketPath = "/run/systemd/journal/socket"

    /// Whether there is one to write to. `sd_journal_sendv` itself is silent where there is none.
    static var isThere: Bool { access(socketPath, W_OK) == 0 }

    /// Sends records with their fields (sd_journal_sendv(3)).
    @Sendable static func send(_ records: [LogRecord]) {
        for record in records {
            record.bytes.withUnsafeReadableBytes { bytes in
                guard let base = bytes.baseAddress else { return }
                var fields: [iovec] = []
                var start = 0
                for end in record.fieldEnds {
                    fields.append(
                        iovec(iov_base: UnsafeMutableRawPointer(mutating: base + start), iov_len: end - start))
                    start = end
                }
                sd_journal_sendv(&fields, Int32(fields.count))
            }
        }
    }
}
