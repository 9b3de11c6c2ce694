internal import Glibc

/// How quantities are told to people.
public enum Words {
    /// `850 ms`, `12 s`, `3 min 5 s`, `2 h 10 min`, `4 d 1 h`.
    public static func duration(milliseconds: Int) -> String {
        guard milliseconds >= 1000 else { return "\(milliseconds) ms" }
        let seconds = milliseconds / 1000
        switch seconds {
        case ..<60: return "\(seconds) s"
        case ..<3600: return "\(seconds / 60) min" + rest(seconds % 60, "s")
        case ..<86_400: return "\(seconds / 3600) h" + rest(seconds % 3600 / 60, "min")
        default: return "\(seconds / 86_400) d" + rest(seconds % 86_400 / 3600, "h")
        }
    }

    private static func rest(_ value: Int, _ unit: String) -> String { value == 0 ? "" : " \(value) \(unit)" }

    /// `512 B`, `1.5 KiB`, `20.0 MiB`.
    public static func size(_ bytes: Int) -> String {
        var value = Double(bytes)
        guard value >= 1024 else { return "\(bytes) B" }
        for unit in ["KiB", "MiB", "GiB"] {
            value /= 1024
            if value < 1024 { return "\(tenths(value)) \(unit)" }
        }
        return "\(tenths(value / 1024)) TiB"
    }

    private static func tenths(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }

    /// `1 event`, `2 events`.
    public static func count(_ count: Int, _ one: String, _ many: String? = nil) -> String {
        "\(count) \(count == 1 ? one : many ?? one + "s")"
    }

    /// Local date and time of microseconds since 1970.
    public static func time(_ microseconds: Int) -> String {
        var seconds = time_t(microseconds / 1_000_000)
        var parts = tm()
        localtime_r(&seconds, &parts)
        var text = [CChar](repeating: 0, count: 32)
        let length = strftime(&text, text.count, "%Y-%m-%d %H:%M:%S", &parts)
        return String(decoding: text.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// A text on one line, without what could command a terminal, and no longer than helps.
    public static func line(_ text: String, atMost limit: Int = 200) -> String {
        var shown = ""
        for scalar in text.unicodeScalars.prefix(limit) {
            shown += scalar.properties.generalCategory == .control ? scalar.escaped(asASCII: true) : String(scalar)
        }
        return shown + (text.unicodeScalars.count > limit ? "…" : "")
    }
}
