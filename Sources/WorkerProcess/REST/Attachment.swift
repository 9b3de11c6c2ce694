internal import NIOCore
internal import Shared

/// A file that goes with a message (reference.mdx, Uploading Files). An embed refers to it as `attachment://NAME`.
struct Attachment: Sendable, Equatable {
    /// Letters, digits, `.`, `_` and `-`.
    let filename: String
    let contentType: String
    let data: [UInt8]
}

/// What a request carries: JSON, and files beside it.
struct RequestPayload: Sendable {
    let json: JSON
    var attachments: [Attachment] = []

    /// The bytes, and what they are. The same payload always gives the same ones.
    var encoded: (body: ByteBuffer, contentType: String) {
        var body = ByteBuffer()
        guard !attachments.isEmpty else {
            body.writeJSON(json)
            return (body, "application/json")
        }
        // Occurs in nothing that Discord is sent, and says nothing.
        let boundary = "olim-\(Digest.sha256Hex(attachments.map(\.filename).joined()).prefix(32))"
        body.writeString("--\(boundary)\r\nContent-Disposition: form-data; name=\"payload_json\"\r\n")
        body.writeString("Content-Type: application/json\r\n\r\n")
        body.writeJSON(json)
        for (number, attachment) in attachments.enumerated() {
            body.writeString("\r\n--\(boundary)\r\nContent-Disposition: form-data; name=\"files[\(number)]\"; ")
            body.writeString("filename=\"\(attachment.filename)\"\r\nContent-Type: \(attachment.contentType)\r\n\r\n")
            body.writeBytes(attachment.data)
        }
        body.writeString("\r\n--\(boundary)--\r\n")
        return (body, "multipart/form-data; boundary=\(boundary)")
    }
}

extension OutgoingMessage {
    /// How the files are named in the JSON beside them.
    var attachmentList: JSON {
        .array(
            attachments.enumerated().map { number, attachment in
                ["id": .integer(number), "filename": .string(attachment.filename)]
            })
    }
}
