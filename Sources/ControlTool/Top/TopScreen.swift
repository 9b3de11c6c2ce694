internal import Shared

/// What `olimctl top` shows, as lines that fit the terminal.
enum TopScreen {
    /// The room there is, in characters.
    struct Size: Equatable {
        var columns: Int
        var rows: Int
    }

    /// - Parameters:
    ///   - status: the last one, if the gateway has ever answered.
    ///   - failure: why it does not answer now.
    static func lines(status: JSON?, failure: String?, history: TopHistory, size: Size) -> [String] {
        var lines: [String] = []
        if let failure { lines.append(Style.red(fit("✗ \(Words.line(failure)); asking again", size))) }
        if let status {
            lines += head(status, size)
            lines.append("")
            lines += charts(history, size)
            for section in StatusText.sections(of: status) where !section.lines.isEmpty {
                lines += ["", Style.bold(fit(section.title, size))] + section.lines.map { fit("  \($0)", size) }
            }
        }
        let room = max(1, size.rows - 1)
        if lines.count > room {
            let hidden = lines.count - room + 1
            lines = Array(lines.prefix(room - 1)) + [fit("… \(Words.count(hidden, "more line"))", size)]
        }
        lines += Array(repeating: "", count: max(0, room - lines.count))
        return lines + [Style.dim(fit("q quits", size))]
    }

    private static func head(_ status: JSON, _ size: Size) -> [String] {
        let diagnosis = Diagnosis(of: status)
        return [Style.bold(fit(StatusText.heading(status, diagnosis), size))]
            + diagnosis.failures.map { Style.red(fit("  ✗ \($0)", size)) }
            + diagnosis.warnings.map { Style.yellow(fit("  ! \($0)", size)) }
    }

    private static func charts(_ history: TopHistory, _ size: Size) -> [String] {
        [
            chart("received", history, \.received, perSecond, size),
            chart("done", history, \.acknowledged, perSecond, size),
            chart("waiting", history, \.depth, { "\(Int($0))" }, size),
            chart("oldest", history, \.oldest, milliseconds, size),
            chart("latency", history, \.latency, milliseconds, size),
        ]
    }

    private static func perSecond(_ value: Double) -> String { "\(Int(value.rounded()))/s" }
    private static func milliseconds(_ value: Double) -> String { Words.duration(milliseconds: Int(value)) }

    private static let nameWidth = 10
    private static let valueWidth = 12

    private static func chart(
        _ name: String, _ history: TopHistory, _ value: KeyPath<TopHistory.Sample, Double?>,
        _ words: (Double) -> String,
        _ size: Size
    ) -> String {
        let samples = history.samples.map { $0[keyPath: value] }
        let latest = samples.last.flatMap { $0 }.map(words) ?? "–"
        let head = padded(name, nameWidth) + padded(latest, valueWidth)
        guard size.columns > head.count else { return fit(head, size) }
        return head + Style.cyan(Sparkline.text(samples, width: size.columns - head.count))
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }

    private static func fit(_ text: String, _ size: Size) -> String {
        guard text.count > size.columns else { return text }
        return String(text.prefix(max(0, size.columns - 1))) + "…"
    }
}
