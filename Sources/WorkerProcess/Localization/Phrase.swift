/// Everything that the bot says: the catalogue of its texts, each in every language (English.swift, Spanish.swift).
///
/// `{name}` is a placeholder. A text that is missing in a language does not compile; a test compares the placeholders.
enum Phrase: Sendable, CaseIterable, Hashable {
    // What commands have in common.
    case guildOnly
    case directOnly
    case needsPermission
    case permissionsUnknown
    case useSlashCommand
    case permissionAdministrator
    case permissionManageServer
    case outdatedCommand
    case unknownCommand
    case outdatedMessage
    case notYours
    case incompleteInteraction
    case databaseDown
    case somethingWrong

    // Arguments.
    case argumentMissing
    case argumentsTooMany
    case subcommandMissing
    case argumentMustBe
    case acceptedChoice
    case acceptedTextOfLength
    case acceptedText
    case acceptedIntegerWithin
    case acceptedInteger
    case acceptedNumberWithin
    case acceptedNumber
    case acceptedBoolean
    case acceptedMember
    case acceptedChannel
    case acceptedRole

    // /ping.
    case pingDescription
    case pingTitle
    case pingGateway
    case pingQueue
    case pingREST
    case pingNotKnown

    // /help.
    case helpDescription
    case helpCommandOption
    case helpTitle
    case helpAsMessage
    case helpNeeds
    case helpGuildOnly
    case helpUnknown
    case helpOptional

    // /about.
    case aboutDescription
    case aboutText
    case aboutVersion
    case aboutUptime
    case aboutShards
    case aboutWorkers

    // /config.
    case configDescription
    case configShowDescription
    case configWelcomeDescription
    case configWelcomeChannelOption
    case configWelcomeTextOption
    case configDailyDescription
    case configDailyChannelOption
    case configDailyTimeOption
    case configPrefixDescription
    case configPrefixOption
    case configTimeZoneDescription
    case configTimeZoneOption
    case configLanguageDescription
    case configLanguageOption
    case configResetDescription
    case configTitle
    case configThisServer
    case configWelcomeField
    case configWelcomeTextField
    case configDailyField
    case configPrefixField
    case configTimeZoneField
    case configLanguageField
    case configOff
    case configDailyAt
    case configLocalTime
    case configNotesField
    case configWelcomeOn
    case configWelcomeOff
    case configDailyOn
    case configDailyOff
    case configDailyEmpty
    case configPrefixSet
    case configPrefixBad
    case configTimeZoneSet
    case configTimeZoneBad
    case configTimeBad
    case configLanguageSet
    case configLanguageOwn
    case configMissingPermission
    case configTextTooLong
    case configUnknownPlaceholder
    case configResetAsk
    case configResetYes
    case configResetDone
    case cancel
    case cancelled
    case noteWelcomeForbidden
    case noteWelcomeChannelGone
    case noteDailyForbidden
    case noteDailyChannelGone

    // Welcoming.
    case welcomeStandard
    case welcomeTheServer

    // /daily.
    case dailyDescription
    case dailyAddDescription
    case dailyAddTextOption
    case dailyListDescription
    case dailyRemoveDescription
    case dailyRemoveOption
    case dailyPreviewDescription
    case dailySkipDescription
    case dailyAdded
    case dailyFull
    case dailyEmpty
    case dailyTooLong
    case dailyListTitle
    case dailyListLine
    case dailyRemoved
    case dailyNoSuchNumber
    case dailyOff
    case dailySkipped
    case dailyNotSkipped
    case dailyPreviewNote
    case dailyModalTitle
    case dailyModalField
    case pageOf

    // /stats.
    case statsDescription
    case statsMemberOption
    case statsTitle
    case statsNothing
    case statsMessages
    case statsToday
    case statsActiveDays
    case statsStreak
    case statsStreakDays
    case statsSince
    case statsDaysNote

    // /leaderboard.
    case leaderboardDescription
    case leaderboardPeriodOption
    case periodWeek
    case periodMonth
    case periodAll
    case leaderboardTitle
    case leaderboardLine
    case leaderboardNothing
    case leaderboardPrevious
    case leaderboardNext

    // /privacy.
    case privacyDescription
    case privacyExportDescription
    case privacyDeleteDescription
    case privacyExported
    case privacyAsk
    case privacyYes
    case privacyErased

    // Daily tasks.
    case digestTitle
    case digestLine
}
