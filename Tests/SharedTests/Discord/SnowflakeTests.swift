import Testing

@testable import Shared

@Suite struct SnowflakeTests {
    @Test(arguments: 0...20)
    func `Digits are the number they spell, and nothing else is a number`(count: Int) {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            let number = count == 0 ? 0 : UInt64.random(in: 0...(.max), using: &random)
            let text = String(String(number).prefix(max(1, count)))
            #expect(Snowflake(text)?.rawValue == UInt64(text))
            let place = text.utf8.indices.randomElement() ?? text.startIndex
            for wrong in ["/", ":", "a", " ", "-", "\u{1}", "ä"] {
                var other = text
                other.replaceSubrange(place...place, with: wrong)
                #expect(Snowflake(other) == nil, "\(other)")
            }
        }
    }

    @Test(arguments: ["", "00", "01", "18446744073709551616", "99999999999999999999", "184467440737095516150", "+1"])
    func `What is no id is none`(text: String) {
        #expect(Snowflake(text) == nil)
    }

    @Test func `The largest id is one`() {
        #expect(Snowflake("18446744073709551615")?.rawValue == .max)
        #expect(Snowflake("0")?.rawValue == 0)
    }
}
