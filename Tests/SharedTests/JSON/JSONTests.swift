import NIOCore
import Shared
import Testing

@Suite struct JSONTests {
    @Test func `values are read from a parsed text`() throws {
        let parser = JSONParser()
        let root = try parser.parse(
            #"{"op":"event","id":7,"big":18446744073709551615,"d":{"a":[1,2.5,"x\né",null,true]},"s":"888832427022221319"}"#
        )
        #expect(root["op"]?.equals("event") == true)
        #expect(root["id"]?.int == 7)
        #expect(root["s"]?.snowflake == Snowflake(888_832_427_022_221_319))
        #expect(root["d"]?["a"]?.elements.map { JSON($0) } == [1, 2.5, "x\né", nil, true])
        #expect(root.members.map(\.key) == ["op", "id", "big", "d", "s"])
        #expect(throws: JSONError.self) { try parser.parse("{") }
        #expect(JSON.object([.init("a", "\"\\\u{1}\n"), .init("b", -12)]).text == #"{"a":"\"\\\u0001\n","b":-12}"#)
    }

    @Test func `a compact object lacks what is not set, however that is written`() {
        let isSet = "".count == 1
        let missing: JSON? = nil
        #expect(
            JSON.compact(["a": 1, "b": isSet ? .array([1]) : nil, "c": missing, "d": .null, "e": ["f": nil]]).text
                == #"{"a":1,"e":{"f":null}}"#)
    }

    @Test(arguments: [
        ("18446744073709551616", 18_446_744_073_709_551_616.0), ("-9223372036854775809", -9_223_372_036_854_775_809.0),
        ("123456789012345678901234567890", 123_456_789_012_345_678_901_234_567_890.0),
        ("-1234567890123456789012345678901234567890", -1_234_567_890_123_456_789_012_345_678_901_234_567_890.0),
    ])
    func `a whole number beyond 64 bits is read as a double, and its neighbours as they are`(
        text: String, value: Double
    ) throws {
        let parser = JSONParser()
        let root = try parser.parse(
            #"{"a":18446744073709551615,"b":\#(text),"c":-9223372036854775808,"d":[\#(text),1],"e":"\#(text)\\"}"#)
        #expect(root["b"]?.kind == .double)
        #expect(root["b"]?.double == value)
        #expect(root["b"]?.int == nil)
        #expect(JSON(try #require(root["d"])) == [.double(value), 1])
        #expect(root["a"]?.kind == .integer)
        #expect(root["c"]?.int == .min)
        #expect(root["e"]?.string == text + "\\")
        // The parser is as good as before.
        #expect(try parser.parse("[7]").elements.map(\.int) == [7])
    }

    @Test func `half of a surrogate pair is read as U+FFFD`() throws {
        let parser = JSONParser()
        let root = try parser.parse(#"["\ud83d\ude00","\ud83d","x\ude00y","\ud83d\ud83d\ude00","\\ud83d","\ud83d\n"]"#)
        #expect(
            root.elements.map(\.string)
                == ["😀", "\u{FFFD}", "x\u{FFFD}y", "\u{FFFD}😀", #"\ud83d"#, "\u{FFFD}\n"])
    }

    @Test(arguments: [
        "[12345678901234567890123,]", "[012345678901234567890123]", "[--12345678901234567890123]",
        #"["\ud83d",]"#, #"["\u12"]"#, "[1.5.12345678901234567890]", #"["\ud83d"#, "[1e999]", "-", #"["\"#,
    ])
    func `what is not JSON stays so`(text: String) {
        #expect(throws: JSONError.self) { try JSONParser().parse(text) }
    }
}
