internal import CCrypto

/// Cryptographic hashes, by OpenSSL.
public enum Digest {
    /// SHA-256 of a text's UTF-8 bytes, as 64 lower-case hexadecimal digits.
    public static func sha256Hex(_ text: String) -> String {
        var text = text
        return text.withUTF8 { sha256Hex(UnsafeRawBufferPointer($0)) }
    }

    /// SHA-256 of bytes, as 64 lower-case hexadecimal digits.
    public static func sha256Hex(_ bytes: UnsafeRawBufferPointer) -> String {
        var hash = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var length: UInt32 = 0
        // It fails only where memory is out or a FIPS provider forbids SHA-256, which none does.
        let succeeded = EVP_Digest(bytes.baseAddress, bytes.count, &hash, &length, EVP_sha256(), nil)
        precondition(succeeded == 1, "OpenSSL refuses to compute SHA-256")
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: hash.prefix(Int(length)).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] },
            as: UTF8.self)
    }
}
