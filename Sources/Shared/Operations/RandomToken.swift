/// A name that nobody else has: of a lease's holder, for instance.
public enum RandomToken {
    /// 128 random bits from the system, as 32 hexadecimal digits.
    public static func make() -> String {
        (0..<4).map { _ in
            let digits = String(UInt32.random(in: .min ... .max), radix: 16)
            return String(repeating: "0", count: 8 - digits.count) + digits
        }.joined()
    }
}
