import Shared
import Testing

@testable import ControlTool

@Suite struct StatusTextTests {
    @Test func `a status of another version is shown as far as it goes`() {
        #expect(!StatusText.text(["shards": [7], "workers": ["x"], "queue": []]).isEmpty)
    }

    @Test func `colours show what is wrong, and change no word`() {
        let status: JSON = [
            "version": "1", "shards": [["id": 0, "state": "connecting"]], "workers": [], "queue": ["depth": 3],
        ]
        let plain = StatusText.text(status)
        let styled = StatusText.text(status, isStyled: true)
        #expect(!plain.contains("\u{1B}") && styled.contains("\u{1B}[31m"))
        #expect(styled.replacing(#/\x1B\[\d+m/#, with: "") == plain)
    }
}
