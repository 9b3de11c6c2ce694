internal import NIOCore
internal import Shared

/// An event as its record has it.
///
///     16 id          i64         56 shard             u32
///     24 received at i64         60 key class         u8
///     32 sequence    i64         61 unused            u8
///     40 retry of    i64, 0: no  62 length of type    u16
///     48 key number  u64         64 length of session u16
///     66 type, session, data
struct JournaledEvent: Equatable {
    var id: EventID
    var shard: Int
    var session: String
    var sequence: Int
    var type: String
    var key: QueueKey
    var receivedAt: Int64
    var retryOf: EventID?
    var data: ByteBuffer

    fileprivate static let fixedBytes = 66

    /// The part of it that the queue orders by.
    struct Outline: Equatable {
        let id: EventID
        let key: QueueKey
    }

    /// Reads the record that begins there; nil if it is no event's. `data` is a slice of `buffer`.
    init?(in buffer: ByteBuffer, at offset: Int, length: Int) {
        guard let fields = buffer.withUnsafeReadableBytes({ Fields(in: $0, at: offset, length: length) }),
            let data = buffer.getSlice(
                at: buffer.readerIndex + offset + fields.dataOffset, length: length - fields.dataOffset)
        else { return nil }
        id = fields.id
        shard = fields.shard
        session = fields.session
        sequence = fields.sequence
        type = fields.type
        key = fields.key
        receivedAt = fields.receivedAt
        retryOf = fields.retryOf
        self.data = data
    }

    /// Bytes of the queue's own limit that it counts for.
    var byteCount: Int { EventPayload.byteCount(data: data.readableBytes, type: type) }

    init(
        id: EventID, shard: Int, session: String, sequence: Int, type: String, key: QueueKey, receivedAt: Int64,
        retryOf: EventID?, data: ByteBuffer
    ) {
        self.id = id
        self.shard = shard
        self.session = session
        self.sequence = sequence
        self.type = type
        self.key = key
        self.receivedAt = receivedAt
        self.retryOf = retryOf
        self.data = data
    }

    private struct Fields {
        let id: EventID
        let shard: Int
        let session: String
        let sequence: Int
        let type: String
        let key: QueueKey
        let receivedAt: Int64
        let retryOf: EventID?
        let dataOffset: Int

        init?(in bytes: UnsafeRawBufferPointer, at offset: Int, length: Int) {
            guard length >= JournaledEvent.fixedBytes, offset + length <= bytes.count else { return nil }
            let record = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length])
            let typeLength = Int(record.littleEndian(UInt16.self, at: 62))
            let sessionLength = Int(record.littleEndian(UInt16.self, at: 64))
            dataOffset = JournaledEvent.fixedBytes + typeLength + sessionLength
            guard let keyClass = QueueKey.Class(rawValue: record[60]), dataOffset <= length,
                let type = record.text(at: JournaledEvent.fixedBytes, count: typeLength),
                let session = record.text(at: JournaledEvent.fixedBytes + typeLength, count: sessionLength)
            else { return nil }
            self.type = type
            self.session = session
            id = EventID(record.littleEndian(Int64.self, at: 16))
            receivedAt = record.littleEndian(Int64.self, at: 24)
            sequence = Int(record.littleEndian(Int64.self, at: 32))
            let retried = record.littleEndian(Int64.self, at: 40)
            retryOf = retried == 0 ? nil : EventID(retried)
            key = QueueKey(keyClass: keyClass, number: record.littleEndian(UInt64.self, at: 48))
            shard = Int(record.littleEndian(UInt32.self, at: 56))
        }
    }
}

extension ByteBuffer {
    /// Appends an event's record.
    mutating func writeRecord(_ event: JournaledEvent, index: UInt16, seed: UInt64) {
        writeRecord(
            id: event.id, shard: event.shard, session: event.session, sequence: event.sequence, type: event.type,
            key: event.key, receivedAt: event.receivedAt, retryOf: event.retryOf, data: event.data, index: index,
            seed: seed)
    }

    /// Appends a dispatch's record. Makes no `JournaledEvent` of it, which would count a reference for each part of it.
    mutating func writeRecord(_ dispatch: Dispatch, id: EventID, index: UInt16, seed: UInt64) {
        writeRecord(
            id: id, shard: dispatch.shard, session: dispatch.session, sequence: dispatch.sequence, type: dispatch.type,
            key: dispatch.key, receivedAt: dispatch.receivedAt, retryOf: nil, data: dispatch.data, index: index,
            seed: seed)
    }

    @inline(__always)
    private mutating func writeRecord(
        id: EventID, shard: Int, session: String, sequence: Int, type: String, key: QueueKey, receivedAt: Int64,
        retryOf: EventID?, data: ByteBuffer, index: UInt16, seed: UInt64
    ) {
        // Both are names that Discord makes up: what is longer than the field for its length is cut.
        var (type, session) = (type, session)
        type.withUTF8 { type in
            session.withUTF8 { session in
                let type = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(type).prefix(Int(UInt16.max)))
                let session = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(session).prefix(Int(UInt16.max)))
                let names = JournaledEvent.fixedBytes + type.count + session.count
                writeRecord(.event, length: names + data.readableBytes, index: index, seed: seed) { record in
                    record.store(id.rawValue, at: 16)
                    record.store(receivedAt, at: 24)
                    record.store(Int64(sequence), at: 32)
                    record.store(retryOf?.rawValue ?? 0, at: 40)
                    record.store(key.number, at: 48)
                    record.store(UInt32(truncatingIfNeeded: shard), at: 56)
                    record.store(key.keyClass.rawValue, at: 60)
                    record.store(UInt8(0), at: 61)
                    record.store(UInt16(type.count), at: 62)
                    record.store(UInt16(session.count), at: 64)
                    record.copy(type, to: JournaledEvent.fixedBytes)
                    record.copy(session, to: JournaledEvent.fixedBytes + type.count)
                    data.withUnsafeReadableBytes { record.copy($0, to: names) }
                }
            }
        }
    }
}

extension UnsafeMutableRawBufferPointer {
    /// Puts an integer where records have it. The caller has made sure of the room.
    @inline(__always)
    fileprivate func store<Integer: FixedWidthInteger & BitwiseCopyable>(_ value: Integer, at offset: Int) {
        storeBytes(of: value.littleEndian, toByteOffset: offset, as: Integer.self)
    }

    @inline(__always)
    fileprivate func copy(_ bytes: UnsafeRawBufferPointer, to offset: Int) {
        UnsafeMutableRawBufferPointer(rebasing: self[offset...]).copyMemory(from: bytes)
    }
}
