import Shared
import Testing

@Suite struct IntentsTests {
    // The three sums are those of Discord's documentation, so a wrong bit cannot hide.
    @Test func `the bits are Discord's`() throws {
        #expect(Intents.all.rawValue == 53_608_447)
        #expect(Intents.all.subtracting(.privileged).rawValue == 53_575_421)
        #expect(try Intents(parsing: "GUILDS,GUILD_MEMBERS,GUILD_MESSAGES,MESSAGE_CONTENT").rawValue == 33_283)
        #expect(Intents.names.count == 21)
    }

    @Test func `every name is read as it is written`() throws {
        for (name, intent) in Intents.names {
            #expect(try Intents(parsing: name) == intent)
            #expect(intent.textNames == [name])
        }
        #expect(try Intents(parsing: Intents.all.description) == .all)
        #expect(try Intents(parsing: " GUILDS , MESSAGE_CONTENT") == [.guilds, .messageContent])
        #expect(Intents(rawValue: 1 | 1 << 17).textNames == ["GUILDS", "1<<17"])
    }

    @Test(arguments: [
        ("GUILDS,GUILD_MESAGES", "\"GUILD_MESAGES\" is not an intent; did you mean GUILD_MESSAGES?"),
        ("guilds", "\"guilds\" is not an intent; did you mean GUILDS?"),
        ("GUILDS,,GUILD_MEMBERS", "an intent's name between two commas is missing"),
        ("", "an intent's name between two commas is missing"),
        ("NOTHING_OF_THE_KIND", "\"NOTHING_OF_THE_KIND\" is not an intent"),
        ("513", "\"513\" is not an intent"),
    ])
    func `an unknown name is named, with the one probably meant`(text: String, description: String) {
        let error = #expect(throws: IntentsError.self) { try Intents(parsing: text) }
        #expect(error?.description == description)
    }
}

@Suite struct GatewayCloseCodeTests {
    @Test(
        arguments: [
            (nil, GatewayCloseDisposition.resume), (1000, .resume), (1001, .resume), (1006, .resume), (4000, .resume),
            (4001, .identify), (4002, .resume), (4003, .identify), (4004, .fatal(.rejected)), (4005, .identify),
            (4006, .resume), (4007, .identify), (4008, .resume), (4009, .identify), (4010, .fatal(.configuration)),
            (4011, .fatal(.configuration)), (4012, .fatal(.configuration)), (4013, .fatal(.rejected)),
            (4014, .fatal(.rejected)), (4015, .resume), (4999, .resume), (-1, .resume),
        ] as [(Int?, GatewayCloseDisposition)])
    func `a close is answered as Discord documents`(code: Int?, disposition: GatewayCloseDisposition) {
        #expect(GatewayCloseCode.disposition(of: code) == disposition)
    }

    @Test func `the code of our own close keeps the session`() {
        #expect(GatewayCloseCode.resumable == 4000)
    }
}

@Suite struct GatewayOpcodeTests {
    @Test func `the numbers are Discord's`() {
        #expect(GatewayOpcode.allCases.map(\.rawValue) == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 31, 43])
    }
}

@Suite struct DigestTests {
    // FIPS 180-4's own examples.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ])
    func `SHA-256 is what others compute`(text: String, digest: String) {
        #expect(Digest.sha256Hex(text) == digest)
    }
}
