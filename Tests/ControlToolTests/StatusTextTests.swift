import Shared
import Testing

@testable import ControlTool

@Suite struct StatusTextTests {
    @Test func `a status of another version is shown as far as it goes`() {
        #expect(!StatusText.text(["shards": [7], "workers": ["x"], "queue": []]).isEmpty)
    }
}
