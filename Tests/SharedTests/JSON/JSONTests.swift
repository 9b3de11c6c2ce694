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
}
