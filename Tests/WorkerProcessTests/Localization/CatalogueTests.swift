import Foundation
import Shared
import Testing

@testable import WorkerProcess

/// The catalogue of texts is complete.
@Suite struct CatalogueTests {
    @Test(arguments: Phrase.allCases) func `a text has the same placeholders in every language`(phrase: Phrase) {
        let texts = Language.allCases.map { $0.text(of: phrase) }
        #expect(Set(texts.map(Placeholders.names)).count == 1, "\(texts)")
        #expect(texts.allSatisfy { !$0.isEmpty && $0.trimmingCharacters(in: .whitespacesAndNewlines) == $0 })
    }

    /// What is rightly the same in both.
    private static let same: Set<Phrase> = [
        .pingGateway, .pingREST, .aboutShards, .aboutWorkers, .dailyListLine,
    ]

    @Test(arguments: Phrase.allCases) func `nothing was left untranslated`(phrase: Phrase) {
        let isSame = Language.english.text(of: phrase) == Language.spanish.text(of: phrase)
        #expect(isSame == Self.same.contains(phrase))
    }

    @Test func `no text is left over`() throws {
        let root = #filePath.prefix(upTo: try #require(#filePath.range(of: "/Tests/WorkerProcessTests/")).lowerBound)
        let sources = "\(root)/Sources/WorkerProcess"
        var code = ""
        for path in try FileManager.default.subpathsOfDirectory(atPath: sources)
        where path.hasSuffix(".swift") && !path.hasPrefix("Localization/") {
            code += try String(contentsOfFile: "\(sources)/\(path)", encoding: .utf8)
        }
        for phrase in Phrase.allCases { #expect(code.contains(".\(phrase)"), "\(phrase) is said nowhere") }
    }

    @Test func `the bot's own commands are described in every language`() {
        for command in CommandList.standard.declarations {
            #expect(command.description.isTranslated)
            for option in command.options { #expect(option.description.isTranslated) }
            for subcommand in command.subcommands {
                #expect(subcommand.description.isTranslated)
                for option in subcommand.options { #expect(option.description.isTranslated) }
            }
        }
    }

    @Test func `a value that looks like a placeholder stays what it is`() {
        #expect(Placeholders.fill("{a} {b} {c", { ["a": "{b}", "b": "x"][String($0)] }) == "{b} x {c")
        #expect(
            Language.english(.argumentMustBe, ["option": "{accepted}", "accepted": "x"]) == "`{accepted}` must be x.")
    }

    @Test(
        arguments: [("es-ES", Language.spanish), ("es-419", .spanish), ("en-GB", .english), ("de", nil)]
            as [(String, Language?)])
    func `Discord's locales have their languages`(locale: String, language: Language?) {
        #expect(Language(discordLocale: locale) == language)
    }

    @Test func `one's own language goes before the guild's`() {
        var guild = GuildConfiguration(guild: Snowflake(1))
        #expect(Language.of(user: "de", in: guild) == .english)
        guild.preferredLocale = "es-ES"
        #expect(Language.of(user: "de", in: guild) == .spanish)
        #expect(Language.of(user: "en-US", in: guild) == .english)
        guild.language = .english
        #expect(Language.of(user: nil, in: guild) == .english)
    }
}
