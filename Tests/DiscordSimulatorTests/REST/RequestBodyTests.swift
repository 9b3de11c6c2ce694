import NIOCore
import Shared
import Testing

@testable import DiscordSimulator

@Suite struct RequestBodyTests {
    private let everything = ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"]

    private func read(
        _ text: String, _ contentType: String?, accepted: [String]? = nil
    ) throws(RequestBody.Failure) -> RequestBody {
        try RequestBody.read(
            ByteBuffer(string: text), contentType: contentType, accepted: accepted ?? everything, parser: JSONParser())
    }

    @Test(arguments: [nil, "", "text/plain", "application/xml; charset=utf-8"])
    func `another content type is refused`(contentType: String?) {
        #expect(throws: RequestBody.Failure.contentType(expected: everything)) { try read("{}", contentType) }
    }

    @Test func `a form is refused where only JSON is taken`() {
        #expect(throws: RequestBody.Failure.contentType(expected: ["application/json"])) {
            try read("a=1", "application/x-www-form-urlencoded", accepted: ["application/json"])
        }
    }

    @Test(arguments: ["", "{", "{\"a\":}", "nonsense"])
    func `what is not JSON is refused`(text: String) {
        #expect(throws: RequestBody.Failure.invalidJSON) { try read(text, "application/json") }
    }

    @Test func `a form becomes an object of texts`() throws {
        let body = try read("content=a+b%20%C3%A9&tts=true", "application/x-www-form-urlencoded")
        #expect(body.value == ["content": "a b é", "tts": "true"])
        #expect(body.isForm)
    }

    private let multipart = [
        "--X", #"Content-Disposition: form-data; name="payload_json""#, "Content-Type: application/json", "",
        #"{"content":"hi"}"#, "--X",
        #"Content-Disposition: form-data; name="files[0]"; filename="a.txt""#, "Content-Type: text/plain", "",
        "line 1\r\n--Y", "--X--", "",
    ].joined(separator: "\r\n")

    @Test func `payload_json and files come together`() throws {
        let body = try read(multipart, #"multipart/form-data; boundary="X""#)
        #expect(body.value == ["content": "hi", "files[0]": "a.txt"])
        #expect(body.files == [.init(field: "files[0]", name: "a.txt", contentType: "text/plain", size: 11)])
        #expect(!body.isForm)
    }

    @Test(arguments: [
        ("multipart/form-data", "--X--"), ("multipart/form-data; boundary=Y", "--X--"),
        ("multipart/form-data; boundary=X", "--X\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nno end"),
        ("multipart/form-data; boundary=X", "--X\r\nContent-Disposition: attachment\r\n\r\na\r\n--X--"),
    ])
    func `a broken multipart body is refused`(contentType: String, text: String) throws {
        do throws(RequestBody.Failure) {
            let body = try read(text, contentType)
            Issue.record("it was read as \(body.value.text)")
        } catch {
            guard case .malformedForm = error else {
                Issue.record("refused with \(error)")
                return
            }
        }
    }
}

@Suite struct TimestampTests {
    @Test(arguments: [
        (1_786_041_061_482_000, "2026-08-06T18:31:01.482000+00:00"), (0, "1970-01-01T00:00:00.000000+00:00"),
        (951_782_400_000_001, "2000-02-29T00:00:00.000001+00:00"), (-1, "1969-12-31T23:59:59.999999+00:00"),
    ])
    func `times are written as Discord writes them`(microseconds: Int, expected: String) {
        #expect(Timestamp.text(microseconds: microseconds) == expected)
        #expect(Timestamp.isISO8601(expected))
    }

    @Test(arguments: ["2026-13-01", "2026-01-01T25:00:00Z", "now", "", "20260101"])
    func `what is not ISO 8601 is told apart`(text: String) {
        #expect(!Timestamp.isISO8601(text))
    }
}
