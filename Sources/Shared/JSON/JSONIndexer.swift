internal import CSimdJSON

/// Finds where the tokens of a JSON text begin, many bytes at a time, with simdjson's first stage.
///
/// What it has found says that strings are closed, hold no control characters and are UTF-8, and that nothing but white space stands
/// between tokens; escapes, numbers, words and the order of tokens are for the reader to look at.
///
/// Not `Sendable`: one indexer belongs to one isolation.
public final class JSONIndexer {
    private let handle: OpaquePointer
    private let maximumBytes: Int

    /// Makes an indexer for texts up to `maximumBytes`; it holds four bytes for each, of which only those used are ever touched.
    public init(maximumBytes: Int) {
        guard let handle = olim_json_indexer_create(maximumBytes) else {
            // Only the allocator can fail here, and nothing else could be allocated either.
            preconditionFailure("out of memory")
        }
        self.handle = handle
        self.maximumBytes = maximumBytes
    }

    deinit {
        olim_json_indexer_destroy(handle)
    }

    /// The offsets at which tokens begin: strings, numbers and words as a whole, and each bracket, brace, colon and comma. The text's
    /// length stands behind them at the end of what is lent, which is valid until the next call. Nil if the text is too long, or
    /// cannot be JSON.
    public func tokens(of bytes: UnsafeRawBufferPointer) -> UnsafeBufferPointer<UInt32>? {
        guard let base = bytes.baseAddress, bytes.count > 0, bytes.count <= maximumBytes else { return nil }
        var count = 0
        guard
            let tokens = olim_json_index(
                handle, base.assumingMemoryBound(to: CChar.self), bytes.count, &count)
        else { return nil }
        return UnsafeBufferPointer(start: tokens, count: count + 1)
    }
}
