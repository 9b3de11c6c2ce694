internal import CCrypto

/// Cryptographic hashes, by OpenSSL.
public enum Digest {
    /// SHA-256 of a text's UTF-8 bytes, as 64 lower-case hexadecimal digits.
    public static func sha256Hex(_ text: String) -> String {
        var text = text
        return text.withUTF8 { sha256Hex(UnsafeRawBufferPointer($0)) }
    }

    /// SHA-256 of a text's UTF-8 bytes in base64 (RFC 4648), as browsers' policies name scripts by.
    public static func sha256Base64(_ text: String) -> String {
        var text = text
        let hash = text.withUTF8 { sha256(UnsafeRawBufferPointer($0)) }
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var encoded: [UInt8] = []
        for start in stride(from: 0, to: hash.count, by: 3) {
            let group = hash[start..<min(start + 3, hash.count)]
            let bits = group.reduce(0) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
            for place in 0..<4 {
                let isPadding = place > group.count
                encoded.append(isPadding ? UInt8(ascii: "=") : letters[Int(bits >> UInt32(18 - 6 * place) & 63)])
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }

    /// SHA-256 of bytes, as 64 lower-case hexadecimal digits.
    public static func sha256Hex(_ bytes: UnsafeRawBufferPointer) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: sha256(bytes).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    private static func sha256(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        var hash = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var length: UInt32 = 0
        // It fails only where memory is out or a FIPS provider forbids SHA-256, which none does.
        let succeeded = EVP_Digest(bytes.baseAddress, bytes.count, &hash, &length, EVP_sha256(), nil)
        precondition(succeeded == 1, "OpenSSL refuses to compute SHA-256")
        return Array(hash.prefix(Int(length)))
    }
}
