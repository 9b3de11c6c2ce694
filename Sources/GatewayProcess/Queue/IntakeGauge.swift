/// How full the backlog is, and what follows from it: closed at the limit, resumed below three quarters, opened below
/// half, with one warning at nine tenths.
struct IntakeGauge {
    enum Change: Equatable {
        case intake(Intake)
        case warning
    }

    let maximumBytes: Int
    private(set) var intake = Intake.everything
    private var hasWarned = false
    private var wasUnwritable = false

    init(maximumBytes: Int) {
        self.maximumBytes = maximumBytes
    }

    /// What a backlog of that size changes.
    /// - Parameter isWritable: whether the journal takes events; while it does not, nothing is taken in.
    mutating func update(bytes: Int, isWritable: Bool = true) -> [Change] {
        var changes: [Change] = []
        let share = Double(bytes) / Double(maximumBytes)
        if share >= 0.9, !hasWarned {
            hasWarned = true
            changes.append(.warning)
        } else if share < 0.75 {
            hasWarned = false
        }
        let next: Intake =
            switch share {
            case _ where !isWritable: .nothing
            case 1...: .nothing
            // What paused for the disk's sake goes on below the limit.
            case 0.75..<1 where wasUnwritable: .resumed
            case 0.75..<1: intake
            case 0.5..<0.75: max(intake, .resumed)
            default: .everything
            }
        wasUnwritable = !isWritable
        if next != intake {
            intake = next
            changes.append(.intake(next))
        }
        return changes
    }
}
