import Testing

@testable import Shared

@Suite struct EnvironmentFileTests {
    @Test(arguments: [
        ("A=1", "1"), ("A=", ""), ("A= ", ""), ("  A = 1  ", "1"), ("export A=1", "1"), ("export\tA=1", "1"),
        ("A=1\r", "1"), ("A=a b", "a b"), ("A=a=b==", "a=b=="), ("A=#x", ""), ("A=1 #x", "1"), ("A=1#x", "1#x"),
        ("A=1\t# x", "1"), ("A='a # b'", "a # b"), ("A='a\\n\"$b'", "a\\n\"$b"), ("A='' # x", ""),
        (#"A="a # b" # c"#, "a # b"), (#"A="a\n\t\r\\\"\$b""#, "a\n\t\r\\\"$b"), (#"A="it's""#, "it's"),
        (#"A=it's"#, "it's"), (#"A="""#, ""), ("A=$B", "$B"), ("A=\\n", "\\n"), ("A='ä😀'", "ä😀"),
        ("A=\"e\u{301}\"", "e\u{301}"), ("A=\"x\"\u{9}", "x"), ("exported=1", "1"), ("export=1", "1"),
    ])
    func `a value is read as a shell would read it, without substitution`(line: String, value: String) throws {
        let file = EnvironmentFile(parsing: line)
        #expect(file.problems.isEmpty)
        #expect(file.entries.map(\.value) == [value])
    }

    @Test func `blank lines and comments hold nothing, and lines are counted from 1`() {
        let file = EnvironmentFile(parsing: "\u{FEFF}# first\n\n  # A=0\nA=1\r\n\tB=2\n")
        #expect(file.problems.isEmpty)
        #expect(
            file.entries == [.init(name: "A", value: "1", line: 4), .init(name: "B", value: "2", line: 5)])
    }

    @Test(arguments: [
        ("hunter2", "line 1: there is no \"=\" behind the name"),
        ("export A", "line 1: there is no \"=\" behind the name"),
        ("=hunter2", "line 1: what is before \"=\" is not a name of letters, digits and \"_\""),
        ("2A=hunter2", "line 1: what is before \"=\" is not a name of letters, digits and \"_\""),
        ("A B=hunter2", "line 1: what is before \"=\" is not a name of letters, digits and \"_\""),
        ("A='hunter2", "line 1: the single quote is not closed"),
        ("A=\"hunter2", "line 1: the double quote is not closed"),
        (#"A="hunter2\""#, "line 1: the double quote is not closed"),
        ("A='hunter2'x", "line 1: there is text behind the closing quote"),
        ("A='hunter2' x", "line 1: there is text behind the closing quote"),
        ("A=\"hunter2\"#x", "line 1: there is text behind the closing quote"),
        (
            #"A="hunter2\d""#,
            #"line 1: double quotes know only \n, \r, \t, \\, \" and \$ behind a backslash; use single quotes"#
        ),
    ])
    func `a mistake is reported with its line and without its content`(text: String, problem: String) {
        #expect(EnvironmentFile(parsing: text).problems == [problem])
        let later = EnvironmentFile(parsing: "B=1\n\n\(text)\nC=2\n")
        #expect(later.problems == [problem.replacing("line 1", with: "line 3")])
        #expect(later.entries.map(\.name) == ["B", "C"])
    }
}
