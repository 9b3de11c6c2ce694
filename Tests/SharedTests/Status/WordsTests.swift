import Shared
import Testing

@Suite struct WordsTests {
    @Test(arguments: [
        (0, "0 ms"), (999, "999 ms"), (1000, "1 s"), (59_999, "59 s"), (60_000, "1 min"), (185_000, "3 min 5 s"),
        (7_800_000, "2 h 10 min"), (349_200_000, "4 d 1 h"),
    ])
    func `durations`(milliseconds: Int, text: String) {
        #expect(Words.duration(milliseconds: milliseconds) == text)
    }

    @Test(arguments: [
        (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (20 << 20, "20.0 MiB"),
        (1 << 30, "1.0 GiB"),
        (5 << 40, "5.0 TiB"),
    ])
    func `sizes`(bytes: Int, text: String) {
        #expect(Words.size(bytes) == text)
    }
}
