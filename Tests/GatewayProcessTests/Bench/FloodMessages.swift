import Glibc
import NIOCore
import Testing

/// The messages of a flood as `GET /simulator/flood` lists them: lines of a guild's id, a space, and `d`.
struct FloodMessages: Sendable {
    private struct Message {
        let guild: UInt64
        let start: Int
        let length: Int
    }

    private let text: ByteBuffer
    private let messages: [Message]

    init(path: String) throws {
        let file = try #require(fopen(path, "r"), "\(path) cannot be opened")
        defer { fclose(file) }
        fseek(file, 0, SEEK_END)
        let size = ftell(file)
        rewind(file)
        var text = ByteBuffer()
        text.writeWithUnsafeMutableBytes(minimumWritableBytes: size) { fread($0.baseAddress, 1, size, file) }
        self.text = text
        messages = try text.readableBytesView.split(separator: UInt8(ascii: "\n")).map { line in
            let space = try #require(line.firstIndex(of: UInt8(ascii: " ")))
            let guild = try #require(UInt64(String(decoding: line[..<space], as: UTF8.self)))
            return Message(guild: guild, start: space + 1, length: line.endIndex - space - 1)
        }
    }

    /// Whose a message is, and its bytes: a slice of the one buffer that all of them are in, as of what a session decompresses.
    /// - Parameter number: which one; after the last comes the first again.
    subscript(number: Int) -> (guild: UInt64, data: ByteBuffer)? {
        let message = messages[number % messages.count]
        return text.getSlice(at: message.start, length: message.length).map { (message.guild, $0) }
    }
}
