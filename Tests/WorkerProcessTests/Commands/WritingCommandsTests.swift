import Foundation
import Testing

/// The page on writing commands shows code that is compiled and tested.
@Suite struct WritingCommandsTests {
    @Test(arguments: ["DiceCommand.swift", "DiceCommandTests.swift"])
    func `the page says what the file says`(file: String) throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
        let root = try #require(#filePath.range(of: "/Tests/WorkerProcessTests/"))
        let page = try String(
            contentsOfFile: "\(#filePath[..<root.lowerBound])/docs/writing-commands.md", encoding: .utf8)
        let code = try String(contentsOf: folder.appending(path: file), encoding: .utf8)
        #expect(page.contains("```swift\n\(code)```"), "\(file)")
    }
}
