import Foundation
import TestKit
import Testing

/// Feeds each parser with inputs made from its corpus. In CI so many, always the same; `./olim fuzz` goes on for as long as it is told.
@Suite struct FuzzTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let corpus = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Corpus")

    @Test(arguments: ParserUnderTest.allCases)
    func `no input crashes a parser, and what it says holds together`(parser: ParserUnderTest) throws {
        let chosen = Self.environment["OLIM_FUZZ_PARSER"] ?? ""
        guard chosen.isEmpty || chosen == parser.rawValue else { return }
        let seeds = try Self.seeds(of: parser)
        try #require(!seeds.isEmpty, "Corpus/\(parser.rawValue) has no file")
        for seed in seeds { parser.read(seed) }
        let seed = Self.environment["OLIM_FUZZ_SEED"].flatMap { UInt64($0) } ?? 1
        var mutator = Mutator(seed: seed, seeds: seeds)
        let trail = Trail(parser)
        let end = Self.environment["OLIM_FUZZ_SECONDS"].flatMap { Double($0) }.map { Date(timeIntervalSinceNow: $0) }
        var count = 0
        while end.map({ Date() < $0 }) ?? (count < 500) {
            let input = mutator.next()
            trail.note(input)
            parser.read(input)
            count += 1
        }
        trail.remove()
    }

    private static func seeds(of parser: ParserUnderTest) throws -> [[UInt8]] {
        let directory = corpus.appending(path: parser.rawValue)
        let files = try FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
        return try files.sorted { $0.path < $1.path }.map { Array(try Data(contentsOf: $0)) }
    }
}

/// The input at hand as a file, which is what is left if it ends the process.
private final class Trail {
    private let path: String?
    private let descriptor: Int32

    init(_ parser: ParserUnderTest) {
        path = ProcessInfo.processInfo.environment["OLIM_FUZZ_TRAIL"].map { "\($0)/\(parser.rawValue)" }
        descriptor = path.map { open($0, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644) } ?? -1
    }

    func note(_ input: [UInt8]) {
        guard descriptor >= 0 else { return }
        _ = input.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
        ftruncate(descriptor, off_t(input.count))
    }

    func remove() {
        guard let path else { return }
        close(descriptor)
        unlink(path)
    }
}
